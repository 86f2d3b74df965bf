/**
 * A connection's socket, and how fast it is read and written.
 *
 * Owns how much waits to be read, how much waits to be sent and since when, and the writers that wait. Knows no record
 * and no request. The peer is a web server, or for a client the application.
 */

import type { Addr, Transport } from "../runtime/transport.ts";

/** Bytes of a body that wait to be read while no other request shares the connection: no other is held up. */
const UNREAD_ALONE = 65_536;
/** A paused socket reports neither FIN nor RST: with each probe this much more is read, in bytes … */
const PROBE_BYTES = 65_536;
/** … up to this much, more than a kernel holds: beyond, only the time-outs notice. */
const MAX_PROBE_BYTES = 8_388_608;
/**
 * Stop reading once so many bytes are queued above the socket's high-water mark: each further request would queue more.
 */
const MAX_QUEUED_BYTES = 262_144;

/** The flow on a socket. */
export class FlowControl {
  /** Reads nothing for now. */
  suspended = false;
  /** Bytes of bodies that have not been read yet. */
  unreadBytes = 0;
  readonly #transport: Transport;
  readonly #clock: { readonly nowMs: number };
  readonly #maxUnreadBytes: number;
  /** How many more of them may arrive, so that the loss of the peer is noticed. */
  #probeBytes = 0;
  #paused = false;
  #readingSinceMs: number;
  /** The socket is above its high-water mark; since then, so many bytes have been queued in spite of it. */
  #needsDrain = false;
  #blockedSinceMs = 0;
  #queuedBytes = 0;
  /** Continue what waits to write. */
  #waiting: (() => void)[] = [];

  /** Makes the flow of a socket that is being read; `clock` is the server's or the client's. */
  constructor(transport: Transport, clock: { readonly nowMs: number }, maxUnreadBytes: number) {
    this.#transport = transport;
    this.#clock = clock;
    this.#maxUnreadBytes = maxUnreadBytes;
    this.#readingSinceMs = clock.nowMs;
  }

  /** The peer's address. */
  get remoteAddr(): Addr {
    return this.#transport.remoteAddr;
  }

  /** Whether reading is paused. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Since when it has been read from. */
  get readingSinceMs(): number {
    return this.#readingSinceMs;
  }

  /** Whether the peer has yet to take some of what has been written. */
  get needsDrain(): boolean {
    return this.#needsDrain;
  }

  /** How long the peer has taken nothing although something waits for it. */
  get blockedForMs(): number {
    return this.#needsDrain ? this.#clock.nowMs - this.#blockedSinceMs : 0;
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.#needsDrain) { for (const piece of pieces) this.#queuedBytes += piece.length; }
    if (!this.#transport.write(pieces) && !this.#needsDrain) this.#setNeedsDrain();
  }

  /** Resolves when more can be written, or the socket is gone. */
  writable(): Promise<void> {
    return this.#needsDrain ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  /** What had been queued has gone out, or with the socket. */
  drained(): void {
    this.#needsDrain = false;
    this.#queuedBytes = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /**
   * Pauses or resumes the socket, by how much waits to be read or sent. While requests are multiplexed, one whose body
   * is not read does not hold up the others at once; while the connection is draining, all input is read and dropped.
   */
  updateReading(mode: "alone" | "multiplexed" | "draining"): void {
    const highWater = mode === "multiplexed" ? this.#maxUnreadBytes : Math.min(this.#maxUnreadBytes, UNREAD_ALONE);
    if (this.unreadBytes <= highWater) this.#probeBytes = 0;
    const full = mode !== "draining" &&
      (this.suspended || this.unreadBytes > highWater + this.#probeBytes || this.#queuedBytes > MAX_QUEUED_BYTES);
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) return this.#transport.pause();
    this.#readingSinceMs = this.#clock.nowMs;
    this.#transport.resume();
  }

  /** Lets in a little beyond the limit, to see whether the peer is still there; call before `updateReading`. */
  probe(): void {
    if (this.#probeBytes < MAX_PROBE_BYTES) this.#probeBytes += PROBE_BYTES;
  }

  /** Ends our side once what has been written has gone out. */
  shutdown(): void {
    if (!this.#transport.shutdown()) this.#setNeedsDrain();
  }

  /** Closes both sides at once. */
  close(): void {
    this.#transport.close();
  }

  /** Closes at once; a reset, where the runtime has one, shows that what was queued is lost. */
  destroy(): void {
    if (this.#needsDrain) this.#transport.reset();
    else this.#transport.close();
  }

  ref(): void {
    this.#transport.ref();
  }

  unref(): void {
    this.#transport.unref();
  }

  #setNeedsDrain(): void {
    this.#needsDrain = true;
    this.#blockedSinceMs = this.#clock.nowMs;
  }
}
