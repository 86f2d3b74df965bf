import { serve } from "../../mod.ts";
import { directLoads } from "../../scripts/bench/loads.ts";
import { type Contender, measure } from "../../scripts/bench/measure.ts";
import { buildGenerator } from "../../scripts/bench/servers.ts";
import { missingOf } from "../helpers/programs.ts";
import { runningDeno } from "../runtimes.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";

const root = new URL("../..", import.meta.url);
/** What the load generator needs. */
const ignore = Deno.build.os !== "linux" || missingOf("gcc") !== undefined;

/** Runs the benchmark and gives back its exit code and what it printed. */
async function run(...args: string[]): Promise<{ code: number; output: string }> {
  const [program, ...options] = runningDeno().command;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...options, "scripts/bench.ts", "--quick", "--seconds=0.1", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(120_000),
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("bench measures what is wanted and prints tables of it", { ignore }, async () => {
  const { code, output } = await run(
    "--only=^(hello, (16|2,000) kept connections|JSON in and out|1 MiB down): Deno$",
  );
  assertMatch(output, /^\| 2,000 connections, vs 16 \| [\d.]+ \|$/m);
  assertMatch(output, /^\| CPU µs a request \| Deno \|$/m);
  for (const row of ["hello, 2,000 kept connections", "JSON in and out", "1 MiB down"]) {
    assertMatch(output, new RegExp(`^\\| ${row} \\| [\\d.,]+ \\|$`, "m"));
  }
  assertMatch(output, /^\| an idle kept connection, KiB \| [\d.,]+ \|$/m);
  assertStringIncludes(output, "4 measured, 0 failed");
  assertEquals(code, 0);
});

Deno.test("bench compares two checkouts", { ignore }, async () => {
  const { code, output } = await run("--against=.", "--only=hello, 16 kept connections: Deno$");
  assertMatch(output, /^\| hello, 16 kept connections \| Deno \| [\d.,]+ \| [\d.,]+ \| [\d.]+ \| [\d.]+ \|$/m);
  assertStringIncludes(output, "2 measured, 0 failed");
  assertEquals(code, 0);
});

Deno.test("bench fails when nothing was measured", async () => {
  const { code, output } = await run("--only=no such row");
  assertStringIncludes(output, "0 measured, 0 failed");
  assertEquals(code, 1);
});

const wrong: { readonly [what: string]: readonly [answer: () => Response, message: string] } = {
  "is too short": [() => new Response("Hello"), "a response is too short"],
  "is too long": [() => new Response("Hello, World!!"), "a response is too long"],
  "has another body": [() => new Response("Hello, world!"), "a response has another body"],
  "has another status": [() => new Response("Hello, World!", { status: 404 }), "a response with another status"],
};

for (const [what, [answer, message]] of Object.entries(wrong)) {
  Deno.test(`bench fails when a response ${what}`, { ignore }, async () => {
    const folder = await Deno.makeTempDir();
    await using server = serve({ port: 0, quiet: true }, answer);
    await server.ready;
    const contender: Contender = {
      column: "a wrong one",
      protocol: "fastcgi",
      keeps: true,
      start: () => Promise.resolve({ addr: server.addr.port, processes: [] }),
    };
    const generator = await buildGenerator(folder);
    const plan = { generator: generator!, folder, script: "", runs: 1, seconds: 0.1 };
    const errors: string[] = [];
    const cells = await measure(plan, [directLoads[0]![0]!], [contender], () => true, (_, error) => {
      errors.push(String(error));
    });
    await Deno.remove(folder, { recursive: true });
    assertEquals(cells, []);
    assertStringIncludes(errors.join(), message);
  });
}
