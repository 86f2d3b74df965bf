/** Checks everything about the sources that running them does not: one line for each check, and what a failing one says. */

import { listFiles, root } from "./list_files.ts";
import { runningDeno } from "../tests/runtimes.ts";

const script = runningDeno().command;
const deno = Deno.execPath();

/** Each check by what it proves, and the command that proves it. */
const checks: readonly (readonly [title: string, command: readonly [string, ...string[]]])[] = [
  ["formatted", [deno, "fmt", "--check"]],
  ["lint", [deno, "lint"]],
  ["types on Deno, lock file", [deno, "check", "--quiet", "--frozen", ...everyModule()]],
  ["types on Node, with and without the DOM's", [...script, "scripts/check_types.ts"]],
  ["import law, runtime names", [...script, "scripts/check_laws.ts"]],
  ["protocol and cgi are pure", [...script, "scripts/check_purity.ts"]],
  ["documentation", [...script, "scripts/check_docs.ts"]],
  ["publishable on JSR", [deno, "publish", "--dry-run", "--allow-dirty"]],
];

function everyModule(): string[] {
  return ["mod.ts", ...["src/", "tests/", "scripts/"].flatMap((folder) => listFiles(folder, ".ts"))];
}

let failed = 0;
for (const [title, [program, ...args]] of checks) {
  const started = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(300_000),
  }).output();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${success ? "ok  " : "FAIL"}  ${title} (${seconds} s)`);
  if (success) continue;
  failed++;
  for (const output of [stdout, stderr]) await Deno.stdout.write(output);
}
console.log(`${checks.length - failed} passed, ${failed} failed`);
Deno.exitCode = failed === 0 ? 0 : 1;
