/**
 * The body of one request: an input stream (STDIN or DATA) as a handler reads it.
 *
 * Owns the bytes that have come and have not been read, and knows whether the stream has ended, failed or is no longer
 * wanted. Never holds more than the connection lets come: it reports every byte it holds and every byte it lets go.
 */

import { joinBytes } from "../protocol/byte_collector.ts";
import { LimitError, ProtocolError } from "../errors.ts";

/** What a body needs of the connection that it comes on. */
export interface RequestBodyHost {
  /** Bytes of bodies that wait to be read have become more, or fewer. */
  buffered(delta: number): void;
}

/** Parts below this length (bytes) share memory. */
const SHARED_MEMORY = 4096;
/** How many times as long as what has come a body that is read whole may say that it will be, to have memory made for it:
 * who says so may send no more. */
const BELIEVED = 32;

/** A body under way. */
export class RequestBody {
  readonly #name: string;
  readonly #expected: number | undefined;
  readonly #maxBytes: number;
  readonly #host: RequestBodyHost;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #received = 0;
  #state: "open" | "ended" | "failed" | "discarded" = "open";
  #error: unknown;
  /** Memory that small parts are copied to, or all when the whole is collected, and how much of it is used. */
  #shared: Uint8Array = none;
  #sharedUsed = 0;
  #stream: ReadableStream<Uint8Array> | null = null;
  #disturbed = false;
  /** `collect` has been called: all is wanted, so nothing waits to be read. */
  #collecting = false;
  /** Goes on with the read that waits for more. */
  #wake: (() => void) | null = null;

  /** Makes the body of a stream of `expected` bytes, or of an unknown number, but never more than `maxBytes`. */
  constructor(name: string, expected: number | undefined, maxBytes: number, host: RequestBodyHost) {
    this.#name = name;
    this.#expected = expected;
    this.#maxBytes = maxBytes;
    this.#host = host;
  }

  /** Whether it has been read from, or cancelled. */
  get disturbed(): boolean {
    return this.#disturbed;
  }

  /** Whether a reader holds its stream. */
  get locked(): boolean {
    return this.#stream?.locked ?? false;
  }

  /** Whether some of it waits to be read. */
  get waiting(): boolean {
    return this.#queuedBytes > 0;
  }

  /** Whether more may come. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** What reading it fails with; undefined if it has not failed. */
  get error(): unknown {
    return this.#error;
  }

  /** Takes a part; if it is `lent`, as a copy. */
  push(content: Uint8Array, lent: boolean): void {
    if (this.#state !== "open") return;
    this.#received += content.length;
    if (this.#expected !== undefined && this.#received > this.#expected) {
      const past = `Cannot read ${this.#name}: it goes past its ${this.#expected} bytes`;
      return this.fail(new ProtocolError("BAD_LENGTH", past));
    }
    if (this.#received > this.#maxBytes) {
      const past = `Cannot read ${this.#name}: it goes past ${this.#maxBytes} bytes`;
      return this.fail(new LimitError("maxBodyBytes", this.#maxBytes, past));
    }
    if (this.#collecting) return this.#collect(content);
    this.#enqueue(content, lent);
    this.#queuedBytes += content.length;
    this.#host.buffered(content.length);
    this.#wake?.();
  }

  /** The stream has ended. */
  end(): void {
    if (this.#state !== "open") return;
    if (this.#expected !== undefined && this.#received < this.#expected) {
      this.fail(
        new ProtocolError(
          "UNEXPECTED_END",
          `Cannot read ${this.#name}: it ended after ${this.#received} of its ${this.#expected} bytes`,
        ),
      );
    } else {
      this.#state = "ended";
      this.#wake?.();
    }
  }

  /** No more will come: reading fails with `error`. What has come whole already stays readable. */
  fail(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#error = error;
    this.#release();
    this.#wake?.();
  }

  /** No one wants it any more. */
  discard(): void {
    if (this.#state === "discarded") return;
    this.#state = "discarded";
    this.#release();
    this.#wake?.();
  }

  /** The body as a stream that reads from the socket only what is read from it. */
  get stream(): ReadableStream<Uint8Array> {
    if (this.#stream === null) {
      this.#stream = new ReadableStream<Uint8Array>({
        pull: (controller) => this.#pull(controller),
        cancel: () => {
          this.#disturbed = true;
          this.discard();
        },
      }, { highWaterMark: 0 });
      if (this.#collecting) this.#stream.getReader();
    }
    return this.#stream;
  }

  /** All of it, once the last has come; without a stream. It may share memory with others. */
  async collect(): Promise<Uint8Array> {
    this.#disturbed = true;
    this.#collecting = true;
    // Who has the stream, or asks for it now, must not take what has been read for the end of it.
    this.#stream?.getReader();
    this.uncount();
    const parts = this.#queue;
    this.#queue = [];
    this.#shared = none;
    this.#sharedUsed = 0;
    if (this.#state !== "open") return this.#all(joinBytes(parts));
    for (const part of parts) this.#collect(part);
    while (this.#state === "open") await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#all(this.#shared.subarray(0, this.#sharedUsed));
  }

  #all(bytes: Uint8Array): Uint8Array {
    this.#shared = none;
    if (this.#state === "failed") throw this.#error;
    return bytes;
  }

  /** Adds to what is collected: in memory for the whole, but not for far more than has come. */
  #collect(content: Uint8Array): void {
    const at = this.#sharedUsed;
    const length = at + content.length;
    if (length > this.#shared.length) {
      const room = Math.max(SHARED_MEMORY, (this.#expected === undefined ? 2 : BELIEVED) * length);
      const memory = new Uint8Array(Math.min(this.#expected ?? Infinity, this.#maxBytes, room));
      memory.set(this.#shared.subarray(0, at));
      this.#shared = memory;
    }
    this.#shared.set(content, at);
    this.#sharedUsed = length;
  }

  #pull(controller: ReadableStreamDefaultController<Uint8Array>): void | Promise<void> {
    this.#disturbed = true;
    if (this.#queue.length > 0) {
      // Never one by one from the front of a long queue: that is quadratic.
      for (const part of this.#queue) controller.enqueue(part);
      this.#release();
      if (this.#state === "ended") controller.close();
    } else if (this.#state === "ended") {
      controller.close();
    } else if (this.#state === "failed") {
      controller.error(this.#error);
    } else if (this.#state === "open") {
      return new Promise((resolve) => {
        this.#wake = () => {
          this.#wake = null;
          this.#pull(controller);
          resolve();
        };
      });
    }
  }

  /** Queues a part by reference where that is allowed and does not hold far more memory than the part's, else as a copy. */
  #enqueue(content: Uint8Array, lent: boolean): void {
    if (!lent && content.length * 8 >= content.buffer.byteLength) {
      this.#queue.push(content);
      this.#shared = none;
      return;
    }
    const at = this.#sharedUsed;
    if (content.length <= this.#shared.length - at) {
      this.#shared.set(content, at);
      this.#sharedUsed = at + content.length;
      this.#queue[this.#queue.length - 1] = this.#shared.subarray(0, this.#sharedUsed);
    } else if (this.#queue.length > 0 && content.length < SHARED_MEMORY) {
      this.#shared = new Uint8Array(SHARED_MEMORY);
      this.#shared.set(content);
      this.#sharedUsed = content.length;
      this.#queue.push(this.#shared.subarray(0, content.length));
    } else {
      // Unlike `slice`, V8 does not clear the memory first.
      this.#queue.push(new Uint8Array(content));
      this.#shared = none;
    }
  }

  #release(): void {
    this.#queue = [];
    this.#shared = none;
    this.uncount();
  }

  /** What has been left unread must not hold up the requests that follow: the handler may still read it. */
  uncount(): void {
    const bytes = this.#queuedBytes;
    this.#queuedBytes = 0;
    if (bytes > 0) this.#host.buffered(-bytes);
  }
}

const none = new Uint8Array(0);
