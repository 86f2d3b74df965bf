/**
 * The time by which a server measures its time-outs. It moves at ticks alone, so that reading it costs nothing, and stands
 * still while there is no connection.
 */

import type { Clock } from "../runtime/clock.ts";
import type { Settings } from "./server_options.ts";
import { DRAIN_TIMEOUT_MS } from "./timeouts.ts";

/** Longest time between two ticks, in milliseconds. */
const MAX_TICK_MS = DRAIN_TIMEOUT_MS / 4;

/** A clock that ticks while it runs. */
export class ServerClock {
  /** Coarse time, in milliseconds. */
  nowMs = 0;
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #onTick: (passedMs: number) => void;
  #stop: (() => void) | undefined;

  /** Makes a clock that ticks often enough for the time-outs; `onTick` is told the milliseconds since the last tick. */
  constructor(clock: Clock, settings: Settings, onTick: (passedMs: number) => void) {
    const { headTimeoutMs, bodyTimeoutMs, writeTimeoutMs, idleTimeoutMs, requestTimeoutMs } = settings;
    const shortest = Math.min(headTimeoutMs, bodyTimeoutMs, writeTimeoutMs, idleTimeoutMs, requestTimeoutMs);
    this.#clock = clock;
    this.#periodMs = Math.min(MAX_TICK_MS, Math.max(1, shortest / 4));
    this.#onTick = onTick;
  }

  /** Exact time, in milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  start(): void {
    if (this.#stop !== undefined) return;
    let lastMs = this.#clock.now();
    this.#stop = this.#clock.every(this.#periodMs, () => {
      const timeMs = this.#clock.now();
      // Nothing was read while a handler kept the processor busy: that delay is not the web server's.
      const passedMs = Math.min(timeMs - lastMs, 2 * this.#periodMs);
      this.nowMs += passedMs;
      lastMs = timeMs;
      this.#onTick(passedMs);
    });
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }
}
