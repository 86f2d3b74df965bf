/** Whether a body arrives fast enough. */

/**
 * Bytes that must come within each time-out. Otherwise a sender could hold a connection, and a worker of the
 * application, indefinitely with a byte now and then.
 */
const MIN_PROGRESS_BYTES = 1024;

/** The progress of a body under way. */
export class BodyProgress {
  #sinceMs: number;
  #bytes = 0;

  /** Begins at `nowMs`. */
  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** Bytes that have arrived since it began. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts bytes that have arrived. */
  add(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= MIN_PROGRESS_BYTES) this.restart(nowMs);
  }

  /** Begins anew: the delay so far was not the sender's. */
  restart(nowMs: number): void {
    this.#bytes = 0;
    this.#sinceMs = nowMs;
  }

  /** Whether too little has arrived for `timeoutMs`. */
  isLate(nowMs: number, timeoutMs: number): boolean {
    return nowMs - this.#sinceMs >= timeoutMs;
  }
}
