/** Runs test programs and sums their counts. */

/** The last line that a program prints of itself, as `deno test` and this project's own programs do. */
const countsLine = /(\d+) passed(?: \(\d+ steps?\))?(?:,| \|) (\d+) failed/g;

/** How a program is run. */
export interface RunOptions {
  /** How long it may take, in milliseconds. @default {300_000} */
  readonly timeoutMs?: number;
  /** Whether its output is shown when it has ended, and not as it comes. @default {false} */
  readonly showAtEnd?: boolean;
}

/** Adds up what programs say that passed and failed. */
export class Tally {
  #passed = 0;
  #failed = 0;

  /**
   * Runs a program, shows its output, and takes its last `N passed, N failed` into the sum.
   *
   * A program that fails without a failure in its counts, counts nothing, or runs longer than `timeoutMs` is one failure.
   * Beside another program it is run with `showAtEnd`, so that their outputs do not mix.
   */
  async run(title: string, command: readonly [string, ...string[]], options: RunOptions = {}): Promise<void> {
    const { timeoutMs = 300_000, showAtEnd = false } = options;
    const heading = `\n== ${title}`;
    if (!showAtEnd) console.log(heading);
    const [program, ...args] = command;
    const started = performance.now();
    const child = new Deno.Command(program, {
      args,
      cwd: new URL("../", import.meta.url),
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    const output = showAtEnd ? await new Response(child.stdout).text() : await show(child.stdout);
    const { success, code } = await child.status;
    clearTimeout(timer);
    if (showAtEnd) console.log(`${heading}\n${output}`);

    const [, passed, failed] = [...output.matchAll(countsLine)].at(-1) ?? [];
    this.#passed += Number(passed ?? 0);
    this.#failed += Number(failed ?? 0);
    const seconds = Math.round((performance.now() - started) / 1000);
    console.log(`== ${title}: ${passed ?? 0} passed, ${failed ?? 0} failed, ${seconds} s`);
    if (passed === undefined || Number(passed) + Number(failed) === 0) {
      this.fail(`${title} ran no test (exit code ${code})`);
    } else if (!success && failed === "0") this.fail(`${title} ended with exit code ${code} although no test failed`);
    else if (success && failed !== "0") this.fail(`${title} ended with exit code 0 although tests failed`);
  }

  /** Counts one failure that no program counted. */
  fail(reason: string): void {
    console.log(`FAILED ${reason}`);
    this.#failed++;
  }

  /** Prints the sum as the last line; the process will exit with 1 when anything failed or nothing ran. */
  finish(): void {
    if (this.#passed + this.#failed === 0) this.fail("nothing ran");
    console.log(`\n${this.#passed} passed, ${this.#failed} failed`);
    Deno.exitCode = this.#failed === 0 ? 0 : 1;
  }
}

/** Copies a program's output to ours as it comes, and gives back its text. */
async function show(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    await writeAll(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

async function writeAll(chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) written += await Deno.stdout.write(chunk.subarray(written));
}
