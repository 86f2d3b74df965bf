/**
 * A connection by Deno's own API, `read` and `write` only: its `readable` and `writable` streams cost 3.7 times as
 * much.
 *
 * Owns its connection, its small read buffer and its queue; borrows larger buffers, to read into while much arrives,
 * and to gather writes in.
 */

import { QueuedOutput, type QueuedSocket } from "./queued_output.ts";
import { ReadGate } from "./read_gate.ts";
import { MIN_READ_BYTES, nextReadBytes, type SpareBuffers } from "./spare_buffers.ts";
import type { Accept, Addr, Transport, TransportSink } from "./transport.ts";
import type { WriteQueue } from "./write_queue.ts";

/** The members of a `Deno.Conn` that are used. */
export interface DenoConn {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  ref(): void;
  unref(): void;
  setNoDelay?(noDelay: boolean): void;
}

/** The most bytes that one `write` gathers. */
const GATHER_BYTES = 262_144;

/** A connection under way. */
export class DenoTransport implements Transport, QueuedSocket {
  readonly remoteAddr: Addr;
  readonly #conn: DenoConn;
  readonly #buffers: SpareBuffers;
  readonly #output = new QueuedOutput(this);
  readonly #gate = new ReadGate();
  #sink!: TransportSink;
  #peerEnded = false;
  /** A write is under way, which may read from the scratch memory. */
  #writing = false;
  #scratch: Uint8Array = NOTHING;
  #gone = false;

  private constructor(conn: DenoConn, remoteAddr: Addr, buffers: SpareBuffers) {
    this.#conn = conn;
    this.#buffers = buffers;
    this.remoteAddr = remoteAddr;
  }

  /** Opens a transport over a connection, and begins to read. */
  static open(conn: DenoConn, remoteAddr: Addr, buffers: SpareBuffers, accept: Accept): DenoTransport {
    const transport = new DenoTransport(conn, remoteAddr, buffers);
    try {
      conn.setNoDelay?.(true);
    } catch {
      // The peer has gone already: reading will report it.
    }
    transport.#sink = accept(transport);
    transport.#read();
    return transport;
  }

  async #read(): Promise<void> {
    let buffer: Uint8Array = new Uint8Array(MIN_READ_BYTES);
    try {
      while (!this.#gone) {
        if (this.#gate.closed) await this.#gate.opened();
        if (this.#gone) return;
        const length = await this.#conn.read(buffer);
        if (this.#gone) return;
        if (length === null) return this.#readEnd();
        this.#sink.received(buffer.subarray(0, length), true);
        const size = nextReadBytes(buffer.length, length);
        if (size === buffer.length) continue;
        this.#buffers.giveBack(buffer);
        buffer = this.#buffers.take(size);
      }
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#buffers.giveBack(buffer);
    }
  }

  #readEnd(): void {
    this.#peerEnded = true;
    this.#sink.ended();
    if (this.#output.ended) this.#fail();
  }

  write(pieces: readonly Uint8Array[]): boolean {
    return this.#output.write(pieces);
  }

  shutdown(): boolean {
    return this.#output.shutdown();
  }

  /** Sends the front of the queue; `then` instead of `await` saves the hot path two turns of the microtask queue. */
  send(queue: WriteQueue): void {
    this.#writing = true;
    const gather = queue.gatherBytes;
    if (gather > this.#scratch.length) this.#takeScratch(gather);
    this.#conn.write(queue.peek(this.#scratch)).then(this.#sent, this.#failed);
  }

  readonly #sent = (bytes: number): void => {
    const { queue } = this.#output;
    if (this.#gone) return this.#returnScratch();
    queue.sent(bytes);
    if (queue.bytes > 0) return this.send(queue);
    this.#writing = false;
    this.#returnScratch();
    this.#output.sent();
  };

  readonly #failed = (error: Error): void => {
    this.#returnScratch();
    this.#fail(error);
  };

  sendFin(): void {
    // When the peer has ended too, nothing can arrive or leave any more: closing sends the FIN.
    if (this.#peerEnded) this.#fail();
    else this.#conn.closeWrite().catch(this.#failed);
  }

  drained(): void {
    this.#sink.drained();
  }

  /** Takes memory to gather `bytes` bytes in: newly allocated if they are few, else a spare buffer. */
  #takeScratch(bytes: number): void {
    this.#returnScratch();
    this.#scratch = bytes <= MIN_READ_BYTES ? new Uint8Array(bytes) : this.#buffers.take(GATHER_BYTES);
  }

  #returnScratch(): void {
    this.#buffers.giveBack(this.#scratch);
    this.#scratch = NOTHING;
  }

  pause(): void {
    this.#gate.close();
  }

  resume(): void {
    this.#gate.open();
  }

  close(): void {
    this.#fail();
  }

  // Deno cannot send an RST: its `close` sends a FIN first, even when input is left unread.
  reset(): void {
    this.#fail();
  }

  #fail(error?: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#output.close();
    // A write under way still reads from the scratch memory, which is returned when it has ended.
    if (!this.#writing) this.#returnScratch();
    this.#conn.close();
    this.#gate.open();
    queueMicrotask(() => this.#sink.closed(error));
  }

  ref(): void {
    this.#conn.ref();
  }

  unref(): void {
    this.#conn.unref();
  }
}

const NOTHING = new Uint8Array(0);
