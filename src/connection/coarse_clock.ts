/**
 * The time by which a server or a client measures its time-outs.
 *
 * Owns the timer that ticks while something is under way, and whether the process must stay alive meanwhile. Knows
 * nothing of what is timed.
 */

import type { Clock } from "../runtime/clock.ts";

/** Longest and shortest time between two ticks, in milliseconds. */
const MAX_TICK_MS = 1000;
const MIN_TICK_MS = 10;

/** A clock that stands still between `stop` and `start`. */
export class CoarseClock {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #onTick: () => void;
  #nowMs = 0;
  /** The time of the last tick, on the underlying clock. */
  #tickedAtMs = 0;
  #stopTicking: (() => void) | undefined;
  #holds = 0;
  #endHold: (() => void) | undefined;

  /** Makes a clock that ticks often enough for none of the time-outs to be more than a quarter late. */
  constructor(clock: Clock, timeoutsMs: readonly number[], onTick: () => void) {
    this.#clock = clock;
    this.#periodMs = Math.min(MAX_TICK_MS, Math.max(MIN_TICK_MS, Math.min(...timeoutsMs) / 4));
    this.#onTick = onTick;
  }

  /**
   * The time, in milliseconds. Between two ticks it moves on by two periods at most: while the program computes, or the
   * machine sleeps, no peer is late.
   */
  get nowMs(): number {
    if (this.#stopTicking === undefined) return this.#nowMs;
    return this.#nowMs + Math.min(this.#clock.now() - this.#tickedAtMs, 2 * this.#periodMs);
  }

  /** Whether the process is kept alive. */
  get isHeld(): boolean {
    return this.#holds > 0;
  }

  start(): void {
    if (this.#stopTicking !== undefined) return;
    this.#tickedAtMs = this.#clock.now();
    this.#stopTicking = this.#clock.every(this.#periodMs, () => {
      this.#nowMs = this.nowMs;
      this.#tickedAtMs = this.#clock.now();
      this.#onTick();
    });
  }

  stop(): void {
    this.#nowMs = this.nowMs;
    this.#stopTicking?.();
    this.#stopTicking = undefined;
  }

  /** Calls back once, after `delayMs`, unless the function returned is called before. */
  after(delayMs: number, callback: () => void): () => void {
    const stop = this.#clock.every(delayMs, () => {
      stop();
      callback();
    });
    return stop;
  }

  /** Starts, and keeps the process alive until `release` has been called as often. */
  hold(): void {
    this.start();
    if (this.#holds++ === 0) this.#endHold = this.#clock.keepAlive();
  }

  release(): void {
    if (--this.#holds > 0) return;
    this.#endHold?.();
    this.#endHold = undefined;
  }
}
