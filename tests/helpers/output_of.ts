/** Runs a program to its end, and gives back what it printed. */

/** Where and how a program runs. */
export interface OutputOptions {
  readonly cwd?: string | URL;
  readonly env?: Record<string, string>;
  /** How long it may take, in milliseconds. @default {300_000} */
  readonly timeoutMs?: number;
}

/** Gives back what a program printed; rejects with all of its output if it fails. */
export async function outputOf(
  [program, ...args]: readonly [string, ...string[]],
  { timeoutMs = 300_000, ...options }: OutputOptions = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    ...options,
    args,
    stdin: "null",
    env: { NO_COLOR: "1", ...options.env },
    signal: AbortSignal.timeout(timeoutMs),
  }).output();
  const [printed, errors] = [new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)];
  if (!success) throw new Error(`Cannot run ${[program, ...args].join(" ")}:\n${printed}${errors}`);
  return printed;
}
