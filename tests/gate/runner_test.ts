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

/** Runs programs, given as source, through a Tally. */
function runTally(...programs: string[]): Promise<{ code: number; output: string }> {
  const tally = JSON.stringify(new URL("../../scripts/tally.ts", import.meta.url));
  const runs = programs.map((source) => `
    await tally.run("planted", [Deno.execPath(), "eval", ${JSON.stringify(source)}], { timeoutMs: 5_000 });
  `);
  return runProgram(`import { Tally } from ${tally}; const tally = new Tally(); ${runs.join("")} tally.finish();`);
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

Deno.test("Tally sums the last counts of each program", async () => {
  const { code, output } = await runTally(
    `console.log("9 passed, 9 failed\\n3 passed, 0 failed")`,
    `console.log("ok | 4 passed (2 steps) | 0 failed | 1 ignored (2s)")`,
  );
  assertEquals(lastLine(output), "7 passed, 0 failed");
  assertEquals(code, 0);
});

Deno.test("Tally shows the output of a program that runs beside another in one piece", async () => {
  const tally = JSON.stringify(new URL("../../scripts/tally.ts", import.meta.url));
  const { output } = await runProgram(`
    import { Tally } from ${tally};
    const tally = new Tally();
    const program = (text) => [Deno.execPath(), "eval", text];
    await Promise.all([
      tally.run("a", program('console.log("1 passed, 0 failed")')),
      tally.run("b", program('console.log("2 passed, 0 failed")'), { showAtEnd: true }),
    ]);
    tally.finish();
  `);
  assertEquals(lastLine(output), "3 passed, 0 failed");
  assertStringIncludes(output, "== b\n2 passed, 0 failed\n");
});

const notAllRight: { readonly [what: string]: readonly [program: string, counts: string] } = {
  "counts a failure": [`console.log("3 passed, 2 failed"); Deno.exit(1)`, "3 passed, 2 failed"],
  "counts nothing": [`console.log("done")`, "0 passed, 1 failed"],
  "ran nothing": [`console.log("0 passed, 0 failed")`, "0 passed, 1 failed"],
  "fails after its tests passed": [`console.log("3 passed, 0 failed"); Deno.exit(1)`, "3 passed, 1 failed"],
  "hides its failures": [`console.log("3 passed, 2 failed")`, "3 passed, 3 failed"],
  "never ends": [`console.log("3 passed, 0 failed"); setInterval(() => {}, 1_000)`, "3 passed, 1 failed"],
};

for (const [what, [program, counts]] of Object.entries(notAllRight)) {
  Deno.test(`Tally fails when a program ${what}`, async () => {
    const { code, output } = await runTally(program);
    assertEquals(lastLine(output), counts);
    assertEquals(code, 1);
  });
}

Deno.test("Tally fails when there was no program", async () => {
  const { code, output } = await runTally();
  assertEquals(lastLine(output), "0 passed, 1 failed");
  assertEquals(code, 1);
});
