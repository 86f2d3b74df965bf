/** What signals mean to a command that goes on until it is told to end: the first drains, a second one ends. */

import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import { errorLine } from "./console.ts";

/** The signals that end. */
type Ending = "SIGTERM" | "SIGINT" | "SIGQUIT";

const ENDING: readonly Ending[] = ["SIGTERM", "SIGINT", "SIGQUIT"];
/** The signals that ask other servers to reload. */
const RELOADING = ["SIGHUP", "SIGUSR2"] as const;

/** How a command learns that it is to end. */
export interface Stop {
  /** Aborted when it is to end gracefully. */
  readonly drain: AbortSignal;
  /** Resolves with the exit code when it is to end at once. */
  readonly end: Promise<number>;
}

/** Makes a {@linkcode Stop} of what calls one of two functions: to drain, and to end with an exit code. */
export function makeStop(listen: (drain: () => void, end: (exitCode: number) => void) => void): Stop {
  const drain = new AbortController();
  const end = new Promise<number>((resolve) => listen(() => drain.abort(), resolve));
  return { drain: drain.signal, end };
}

/** Resolves when it is to end gracefully. */
export function drained({ drain }: Stop): Promise<void> {
  return new Promise((resolve) => {
    if (drain.aborted) resolve();
    else drain.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Calls `drain` at the first signal to end, and `end` at the second with the exit code that it makes, 128 + its number.
 * A signal to reload calls `reload`; without it, it says that it does nothing, instead of ending the process.
 */
export function onSignals(
  drain: () => void,
  end: (exitCode: number) => void,
  reload?: () => void,
): void {
  let draining = false;
  for (const signal of ENDING) {
    process.on(signal, () => {
      if (draining) return end(exitCodeOf(signal));
      draining = true;
      drain();
    });
  }
  // Asked later, Deno says no of a terminal that has been closed.
  const hadTerminal = process.stdin.isTTY;
  for (const signal of RELOADING) {
    process.on(signal, () => {
      // A terminal that is closed sends SIGHUP, too.
      if (signal === "SIGHUP" && hadTerminal && !hasTerminal()) return process.emit("SIGTERM", "SIGTERM");
      if (reload !== undefined) return reload();
      errorLine(`${signal} does nothing here: restart to load new code, or serve with --workers 1`);
    });
  }
}

/** Whether the process's terminal is still there. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/** The exit code of a process that a signal has ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 0);
}
