/** A clock that keeps no process alive. */

/** Calls `tick` every `periodMs` milliseconds until the function returned is called. */
export function startClock(tick: () => void, periodMs: number): () => void {
  const timer: unknown = setInterval(tick, periodMs);
  const { Deno } = globalThis as { readonly Deno?: { unrefTimer?(timer: unknown): void } };
  if (typeof timer === "number") Deno?.unrefTimer?.(timer);
  else (timer as { unref(): void }).unref();
  return () => clearInterval(timer as number);
}
