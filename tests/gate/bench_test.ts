import { serve } from "../../mod.ts";
import { directLoads, type Load } from "../../scripts/bench/loads.ts";
import { runningDeno } from "../runtimes.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";

/** Runs a script of the benchmark and gives back its exit code and what it printed. */
async function run(script: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const [program, ...options] = runningDeno().command;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...options, decodeURI(new URL(`../../scripts/${script}`, import.meta.url).pathname), ...args],
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(60_000),
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("bench measures what is wanted and prints tables of it", async () => {
  const only = "^hello, (one kept|16 at a time|a new TCP).*: Deno$";
  const { code, output } = await run("bench.ts", "--quick", "--seconds=0.1", `--only=${only}`);
  assertMatch(output, /^\| CPU µs a request \| Deno \|$/m);
  assertMatch(output, /^\| hello, one kept connection \| [\d.,]+ \|$/m);
  assertMatch(output, /^\| hello, 16 at a time on each of 4 connections \| [\d.,]+ \|$/m);
  assertStringIncludes(output, "4 measured, 0 failed");
  assertEquals(code, 0);
});

Deno.test("bench fails when nothing was measured", async () => {
  const { code, output } = await run("bench.ts", "--only=no such row");
  assertStringIncludes(output, "0 measured, 0 failed");
  assertEquals(code, 1);
});

const wrong: { readonly [what: string]: readonly [answer: () => Response, message: string] } = {
  "is too short": [() => new Response("Hello"), "5 bytes in place of 13"],
  "has another status": [() => new Response("Hello, World!", { status: 404 }), "status 404"],
  "is too long": [
    () => new Response(new Uint8Array(70_005)),
    "70005 bytes in place of 13",
  ],
};

for (const [what, [answer, message]] of Object.entries(wrong)) {
  Deno.test(`load fails when a response ${what}`, async () => {
    await using server = serve({ port: 0, quiet: true }, answer);
    await server.ready;
    const { port } = server.addr;
    const load: Load = directLoads[0]!;
    const job = { ...load, addr: port, pids: [Deno.pid], script: "", maxRequests: 100, warmUpSeconds: 1, seconds: 1 };
    const { code, output } = await run("bench/load.ts", JSON.stringify(job));
    assertStringIncludes(output, message);
    assertEquals(code, 1);
  });
}
