/** Whether a body comes fast enough. */

/**
 * Bytes that must come within each time-out. One byte now and then would otherwise hold a connection, and a worker of
 * the application, for as long as its sender likes.
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

  /** Bytes that have come since it began. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Some bytes have come. */
  add(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= MIN_PROGRESS_BYTES) this.restart(nowMs);
  }

  /** Begins anew: until now it was not the sender who was slow. */
  restart(nowMs: number): void {
    this.#bytes = 0;
    this.#sinceMs = nowMs;
  }

  /** Whether too little has come for `timeoutMs`. */
  isLate(nowMs: number, timeoutMs: number): boolean {
    return nowMs - this.#sinceMs >= timeoutMs;
  }
}
