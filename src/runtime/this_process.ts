/** What a process can say of itself, and the signals that ask it to end. */

interface Process {
  readonly version: string;
  memoryUsage(): { readonly rss: number };
  on(signal: Signal, handler: () => void): unknown;
  off(signal: Signal, handler: () => void): unknown;
}

type Signal = "SIGTERM" | "SIGINT";

/** systemd, Docker and Kubernetes send the first, a terminal the second. */
const ENDING: readonly Signal[] = ["SIGTERM", "SIGINT"];

/** The runtime and its version, as in `"Deno 2.9.6"`. */
export function runtimeText(): string {
  const { Deno, Bun } = globalThis as {
    readonly Deno?: { readonly version?: { readonly deno?: unknown } };
    readonly Bun?: { readonly version?: unknown };
  };
  if (typeof Deno?.version?.deno === "string") return `Deno ${Deno.version.deno}`;
  return typeof Bun?.version === "string" ? `Bun ${Bun.version}` : `Node ${thisProcess().version.slice(1)}`;
}

/** The memory that the process has resident, in bytes. */
export function residentBytes(): number {
  return thisProcess().memoryUsage().rss;
}

/**
 * Calls `drain` at the first signal that asks the process to end. A second one does what it does by default.
 * The function returned takes the handlers away.
 */
export function onEndSignal(drain: () => void): () => void {
  const process = thisProcess();
  const remove = (): void => ENDING.forEach((signal) => process.off(signal, handle));
  const handle = (): void => {
    remove();
    drain();
  };
  for (const signal of ENDING) process.on(signal, handle);
  return remove;
}

function thisProcess(): Process {
  return (globalThis as unknown as { readonly process: Process }).process;
}
