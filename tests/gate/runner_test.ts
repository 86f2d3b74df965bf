import { runningDeno } from "../runtimes.ts";
import { assertEquals, assertStringIncludes } from "../std/assert.ts";

/** Runs a program on a Deno of its own and gives back its exit code and what it printed. */
async function runProgram(source: string): Promise<{ code: number; output: string }> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, source);
    const [program, ...args] = runningDeno().command;
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args, "--no-check", file],
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(60_000),
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(file);
  }
}

/** Runs tests, given as source, with the runner. */
function runTests(tests: string): Promise<{ code: number; output: string }> {
  const runner = JSON.stringify(new URL("../runner.ts", import.meta.url));
  return runProgram(`
    import { run } from ${runner};
    import { createServer } from "node:net";
    await run([["planted_test.ts", async () => { ${tests} }]]);
  `);
}

function lastLine(output: string): string | undefined {
  return output.trimEnd().split("\n").at(-1);
}

Deno.test("run passes tests in every form of definition, and steps", async () => {
  const { code, output } = await runTests(`
    if (Deno.version !== undefined) throw new Error("it looks like the real Deno");
    Deno.test("name and function", () => {});
    Deno.test({ name: "options with a function", fn: async (t) => { await t.step("step", () => {}); } });
    Deno.test({ name: "options" }, () => {});
    Deno.test("name, options and function", { sanitizeResources: false }, () => {});
    Deno.test(function named() {});
    Deno.test.ignore("ignored", () => { throw new Error("ran"); });
    Deno.test({ name: "ignored too", ignore: true, fn: () => { throw new Error("ran"); } });
  `);
  assertEquals(lastLine(output), "5 passed, 0 failed");
  assertStringIncludes(output, "2 ignored");
  assertEquals(code, 0);
});

const failing: { readonly [what: string]: readonly [tests: string, message: string] } = {
  "throws": [`Deno.test("a", () => { throw new Error("boom"); });`, "Error: boom"],
  "rejects": [`Deno.test("a", () => Promise.reject(new Error("boom")));`, "Error: boom"],
  "has a failing step": [
    `Deno.test("a", async (t) => { await t.step("b", () => { throw new Error("boom"); }); });`,
    "Error: boom",
  ],
  "leaves a rejection behind": [
    `Deno.test("a", async () => { Promise.reject(new Error("stray")); await new Promise((r) => setTimeout(r, 20)); });`,
    "Error: stray",
  ],
  "leaves a server open": [
    `Deno.test("a", () => new Promise((resolve) => createServer().listen(0, resolve)));`,
    "left open: 1 TCPServerWrap",
  ],
  "does not end": [
    `Deno.test({ name: "a", timeout: 50, fn: () => new Promise((r) => setTimeout(r, 5_000)) });`,
    "did not end within 50 ms",
  ],
  "cannot be loaded": [`throw new Error("no such thing");`, "loading planted_test.ts"],
  "is not there": [``, "no test ran"],
};

for (const [what, [tests, message]] of Object.entries(failing)) {
  Deno.test(`run fails when a test ${what}`, async () => {
    const { code, output } = await runTests(tests);
    assertStringIncludes(output, message);
    assertEquals(lastLine(output), "0 passed, 1 failed");
    assertEquals(code, 1);
  });
}

const programs: { readonly [what: string]: readonly [program: string, counts: string] } = {
  "takes its last counts": [`console.log("9 passed, 9 failed\\n3 passed, 0 failed")`, "3 passed, 0 failed"],
  "reads deno test's": [`console.log("ok | 4 passed (2 steps) | 0 failed | 1 ignored (2s)")`, "4 passed, 0 failed"],
  "takes a program without counts for one": [`console.log("done")`, "1 passed, 0 failed"],
  "fails with a failure": [`console.log("3 passed, 2 failed"); Deno.exit(1)`, "3 passed, 2 failed"],
  "fails with the exit code": [`console.log("3 passed, 0 failed"); Deno.exit(1)`, "3 passed, 1 failed"],
  "fails when a failure is hidden": [`console.log("3 passed, 2 failed")`, "3 passed, 2 failed"],
  "fails when nothing ran": [`console.log("0 passed, 0 failed")`, "0 passed, 0 failed"],
};

for (const [what, [program, counts]] of Object.entries(programs)) {
  Deno.test(`step ${what}`, async () => {
    const { code, output } = await runProgram(`
      import { finish, step } from ${JSON.stringify(new URL("../../scripts/steps.ts", import.meta.url))};
      finish([await step("planted", [Deno.execPath(), "eval", ${JSON.stringify(program)}])]);
    `);
    assertEquals(lastLine(output), counts);
    assertEquals(code, what.startsWith("fails") ? 1 : 0);
  });
}
