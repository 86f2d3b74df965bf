/**
 * A connection's socket, and how fast it is read and written.
 *
 * Owns what goes on between the two: how much waits to be read by handlers, how much waits to be sent, since when, and
 * who waits to write. Knows no record and no request.
 */

import type { Transport } from "../runtime/transport.ts";

/** Bytes of a body that wait to be read while no other request shares the connection: no one else is held up. */
const UNREAD_ALONE = 65_536;
/** A paused socket tells neither FIN nor RST: with each probe this much more is read, in bytes … */
const PROBE_BYTES = 65_536;
/** … up to this much, more than a kernel holds: then only the time-outs tell. */
const MAX_PROBE_BYTES = 8_388_608;
/** Bytes queued beyond what the socket likes at which nothing more is read: each request read may queue more. */
const MAX_BACKLOG = 262_144;

/** The flow on a socket. */
export class FlowControl {
  /** Reads nothing for now. */
  held = false;
  /** Bytes of bodies that no one has read yet. */
  unread = 0;
  readonly #transport: Transport;
  readonly #clock: { readonly nowMs: number };
  readonly #maxUnreadBytes: number;
  /** How much more of them may come, so that a web server that has left is noticed. */
  #probing = 0;
  #paused = false;
  #readMs: number;
  /** More is queued on the socket than it likes; since then, this many bytes have been queued in spite of it. */
  #blocked = false;
  #blockedMs = 0;
  #backlog = 0;
  /** Goes on with what waits to write. */
  #waiting: (() => void)[] = [];

  /** Makes the flow of a socket that is being read; `clock` is the server's, in milliseconds. */
  constructor(transport: Transport, clock: { readonly nowMs: number }, maxUnreadBytes: number) {
    this.#transport = transport;
    this.#clock = clock;
    this.#maxUnreadBytes = maxUnreadBytes;
    this.#readMs = clock.nowMs;
  }

  /** Whether it is we who do not read. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Since when it has been read from. */
  get readMs(): number {
    return this.#readMs;
  }

  /** Whether the web server has yet to take some of what has been written. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** How long the web server has taken nothing, although it should. */
  get blockedForMs(): number {
    return this.#blocked ? this.#clock.nowMs - this.#blockedMs : 0;
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.#blocked) { for (const piece of pieces) this.#backlog += piece.length; }
    if (!this.#transport.write(pieces) && !this.#blocked) this.#block();
  }

  /** Resolves when more can be written, or the socket is gone. */
  writable(): Promise<void> {
    return this.#blocked ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  /** What had been queued has gone out, or with the socket. */
  drained(): void {
    this.#blocked = false;
    this.#backlog = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /**
   * Pauses and resumes the socket by what waits to be read, or to be sent. When the connection is `shared`, a request that
   * is not read does not hold up the others at once; when it is `ending`, all that comes is read and forgotten.
   */
  steer(shared: boolean, ending: boolean): void {
    const highWater = shared ? this.#maxUnreadBytes : Math.min(this.#maxUnreadBytes, UNREAD_ALONE);
    if (this.unread <= highWater) this.#probing = 0;
    const full = !ending &&
      (this.held || this.unread > highWater + this.#probing || this.#backlog > MAX_BACKLOG);
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) return this.#transport.pause();
    this.#readMs = this.#clock.nowMs;
    this.#transport.resume();
  }

  /** Lets a little more come than should, to see whether there is still someone; after `steer`. */
  probe(): void {
    if (this.#probing < MAX_PROBE_BYTES) this.#probing += PROBE_BYTES;
  }

  /** Ends our side once what has been written has gone out. */
  shutdown(): void {
    if (!this.#transport.shutdown()) this.#block();
  }

  /** Closes both sides at once. */
  close(): void {
    this.#transport.close();
  }

  /** Closes at once; a reset, where the runtime has one, tells that what was queued is lost. */
  drop(): void {
    if (this.#blocked) this.#transport.reset();
    else this.#transport.close();
  }

  ref(): void {
    this.#transport.ref();
  }

  unref(): void {
    this.#transport.unref();
  }

  #block(): void {
    this.#blocked = true;
    this.#blockedMs = this.#clock.nowMs;
  }
}
