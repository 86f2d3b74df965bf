/** Time, which tests can replace by a clock that they turn. */

/** A clock. */
export interface Clock {
  /** Milliseconds since an arbitrary moment; monotonic. */
  now(): number;
  /** Calls `tick` every `periodMs` milliseconds until the returned function is called; the process may exit before. */
  every(periodMs: number, tick: () => void): () => void;
  /** Keeps the process alive until the function returned is called. */
  keepAlive(): () => void;
}

/** Longest period of a timer, in milliseconds; beyond it runtimes fire at once. */
const MAX_PERIOD_MS = 2_147_483_647;

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  every: (periodMs, tick) => startClock(tick, periodMs),
  keepAlive() {
    const timer = setInterval(() => {}, MAX_PERIOD_MS);
    return () => clearInterval(timer);
  },
};

/** Calls `tick` every `periodMs` milliseconds until the function returned is called. */
export function startClock(tick: () => void, periodMs: number): () => void {
  const timer: unknown = setInterval(tick, periodMs);
  const { Deno } = globalThis as { readonly Deno?: { unrefTimer?(timer: unknown): void } };
  if (typeof timer === "number") Deno?.unrefTimer?.(timer);
  else (timer as { unref(): void }).unref();
  return () => clearInterval(timer as number);
}
