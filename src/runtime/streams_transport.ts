/**
 * A transport over any pair of Web Streams.
 *
 * Owns the reader and the writer of the pair, and counts the bytes that the writer has not taken.
 */
import { isWholeBuffer, plainBytes } from "./plain_bytes.ts";
import { UNNAMED } from "./peer_addr.ts";
import { ReadGate } from "./read_gate.ts";
import type { Accept, Transport, TransportSink, UnixAddr } from "./transport.ts";
import { HIGH_WATER_BYTES } from "./write_queue.ts";

/** Both directions of a connection, as Web Streams: a WebSocketStream, a test's pair, a TLS connection. */
export interface DuplexStreams {
  /** What the peer sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What is sent to the peer. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Opens a transport over a pair of streams; both are locked from now on. */
export function openStreams(streams: DuplexStreams, accept: Accept): Transport {
  return StreamsTransport.open(streams, accept);
}

class StreamsTransport implements Transport {
  readonly remoteAddr: UnixAddr = UNNAMED;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #sink!: TransportSink;
  readonly #gate = new ReadGate();
  #queuedBytes = 0;
  #wantsDrained = false;
  #shut = false;
  #ended = { peer: false, own: false };
  #gone = false;

  private constructor({ readable, writable }: DuplexStreams) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(this.#failed);
  }

  static open(streams: DuplexStreams, accept: Accept): StreamsTransport {
    const transport = new StreamsTransport(streams);
    transport.#sink = accept(transport);
    transport.#read();
    return transport;
  }

  async #read(): Promise<void> {
    try {
      while (!this.#gone) {
        if (this.#gate.closed) await this.#gate.opened();
        if (this.#gone) return;
        const { done, value } = await this.#reader.read();
        if (this.#gone) return;
        if (done) {
          this.#ended.peer = true;
          this.#sink.ended();
          return this.#closeIfDone();
        }
        if (!(value instanceof Uint8Array)) {
          throw new TypeError(`Cannot read from the stream: its chunks must be Uint8Array, not ${typeof value}`);
        }
        if (value.length > 0) this.#sink.received(plainBytes(value), !isWholeBuffer(value));
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  write(pieces: readonly Uint8Array[]): boolean {
    if (this.#gone || this.#shut) return true;
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      const { length } = piece;
      this.#queuedBytes += length;
      // The stream may transfer the memory, which other pieces share, or the handler keeps.
      this.#writer.write(new Uint8Array(piece)).then(() => this.#sent(length), this.#failed);
    }
    const below = this.#queuedBytes <= HIGH_WATER_BYTES;
    if (!below) this.#wantsDrained = true;
    return below;
  }

  #sent(bytes: number): void {
    this.#queuedBytes -= bytes;
    if (this.#gone || this.#queuedBytes > 0 || !this.#wantsDrained) return;
    this.#wantsDrained = false;
    this.#sink.drained();
  }

  pause(): void {
    this.#gate.close();
  }

  resume(): void {
    this.#gate.open();
  }

  shutdown(): boolean {
    if (this.#gone || this.#shut) return true;
    this.#shut = true;
    if (this.#queuedBytes > 0) this.#wantsDrained = true;
    this.#writer.close().then(() => {
      this.#ended.own = true;
      this.#closeIfDone();
    }, this.#failed);
    return !this.#wantsDrained;
  }

  #closeIfDone(): void {
    if (this.#ended.peer && this.#ended.own) this.#fail();
  }

  close(): void {
    this.#fail();
  }

  reset(): void {
    this.#fail(undefined, new Error("The connection was reset"));
  }

  readonly #failed = (error: Error): void => this.#fail(error);

  #fail(error?: Error, reason: Error | undefined = error): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#gate.open();
    // Either may have failed already, which `error` says.
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
    queueMicrotask(() => this.#sink.closed(error));
  }

  // Streams have no `ref`: whether one keeps the process alive is up to its source.
  ref(): void {}

  unref(): void {}
}
