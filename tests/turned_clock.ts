/** A clock that a test turns. */

import type { Clock } from "../src/runtime/clock.ts";

interface Timer {
  readonly periodMs: number;
  readonly tick: () => void;
  nextMs: number;
}

/** Stands still until it is turned. */
export class TurnedClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#nowMs;
  }

  every(periodMs: number, tick: () => void): () => void {
    const timer = { periodMs, tick, nextMs: this.#nowMs + periodMs };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  keepAlive(): () => void {
    return () => {};
  }

  /** Lets time pass at once, each timer going off as often as it would. */
  turn(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.nextMs - b.nextMs);
      if (next === undefined || next.nextMs > endMs) break;
      this.#nowMs = next.nextMs;
      next.nextMs += next.periodMs;
      next.tick();
    }
    this.#nowMs = endMs;
  }

  /** Lets time pass in which nothing of this process runs: a handler that computes, or a machine that sleeps. */
  skip(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) timer.nextMs += ms;
  }

  /** The periods of the timers that are on. */
  get periodsMs(): number[] {
    return [...this.#timers].map(({ periodMs }) => periodMs);
  }
}
