/** Runs programs as the steps of a whole, and sums what they count. */

import process from "node:process";

/** What passed and what failed. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** The longest that a step may take, in milliseconds. With two processors all tests take some 15 minutes. */
const MAX_MS = 1_500_000;

/** The last line that a program prints of itself, as `deno test` and the tests' own runner do. */
const countsLine = /(\d+) passed(?: \(\d+ steps?\))?(?:,| \|) (\d+) failed/g;

/**
 * Runs a program and shows its output: at its end, if it runs beside others.
 *
 * Its exit code decides whether it failed. What it counts is for information; a program that counts nothing counts as one.
 */
export async function step(
  title: string,
  [program, ...args]: readonly [string, ...string[]],
  { isBesideOthers = false }: { isBesideOthers?: boolean } = {},
): Promise<Counts> {
  const show = (text: string | Uint8Array): void => void process.stdout.write(text);
  const heading = `\n== ${title}\n`;
  if (!isBesideOthers) show(heading);
  const child = new Deno.Command(program, {
    args,
    cwd: new URL("..", import.meta.url),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), MAX_MS);
  const decoder = new TextDecoder();
  let output = "";
  for await (const chunk of child.stdout) {
    if (!isBesideOthers) show(chunk);
    output += decoder.decode(chunk, { stream: true });
  }
  const { success, code } = await child.status;
  clearTimeout(timer);
  if (isBesideOthers) show(heading + output);
  const [, passed = success ? 1 : 0, failed = 0] = [...output.matchAll(countsLine)].at(-1) ?? [];
  if (!success) show(`FAILED ${title} (exit code ${code})\n`);
  return { passed: Number(passed), failed: Math.max(Number(failed), success ? 0 : 1) };
}

/** Prints the sum as the last line, and lets the process exit with 1 if anything failed. */
export function finish(counts: readonly Counts[]): void {
  const sum = (what: keyof Counts): number => counts.reduce((sum, each) => sum + each[what], 0);
  console.log(`\n${sum("passed")} passed, ${sum("failed")} failed`);
  process.exitCode = sum("failed") === 0 && sum("passed") > 0 ? 0 : 1;
}
