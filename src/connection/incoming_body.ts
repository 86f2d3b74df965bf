/**
 * A body that arrives as a stream of records, as its reader gets it: a request's STDIN or DATA, or a response's STDOUT.
 *
 * Owns the bytes that have arrived and have not been read, and whether the stream has ended, failed or been discarded.
 * Holds no more than the connection lets in: it reports every byte that it queues and every byte that it releases.
 *
 * Readers never share memory. A chunk's buffer is the chunk's alone, so that transferring it takes nothing away from
 * anyone, and it holds nothing but the body's bytes, zeros, and at most the head of the record that they came in.
 */

import { joinBytes } from "../protocol/byte_collector.ts";
import { FCGI_HEADER_LEN } from "../protocol/constants.ts";
import { LimitError, type LimitName, ProtocolError } from "../errors.ts";

/** What a body needs of the connection that it arrives on. */
export interface IncomingBodyHost {
  /** The number of bytes that wait to be read has changed. */
  buffered(delta: number): void;
}

/** The most bytes that a body may have, and the option that says so. */
export interface BodyLimit {
  readonly name: LimitName;
  readonly max: number;
}

/** Chunks below this length (bytes) are gathered in one piece of memory while they wait. */
const GATHERED_BYTES = 4096;
/**
 * When reading a whole body, allocate at most this many times the bytes received so far: Content-Length is only a promise.
 */
const MAX_PREALLOCATION_FACTOR = 32;

/** A body under way. */
export class IncomingBody {
  readonly #name: string;
  readonly #expected: number | undefined;
  readonly #limit: BodyLimit | undefined;
  readonly #host: IncomingBodyHost;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #received = 0;
  #state: "receiving" | "ended" | "failed" | "discarded" = "receiving";
  #error: unknown;
  /** The memory behind the queue's last chunk, or behind the whole body for `readAll`, and how much of it is used. */
  #memory: Uint8Array = none;
  #used = 0;
  #stream: ReadableStream<Uint8Array> | null = null;
  #disturbed = false;
  /** `readAll` was called: nothing waits to be read any more. */
  #readingAll = false;
  /** Resumes the read that waits for more. */
  #wake: (() => void) | null = null;

  /** Makes a body of `expected` bytes, or of an unknown number; `name` is what its errors call it. */
  constructor(name: string, expected: number | undefined, limit: BodyLimit | undefined, host: IncomingBodyHost) {
    this.#name = name;
    this.#expected = expected;
    this.#limit = limit;
    this.#host = host;
  }

  /** Whether it has been read from, or cancelled. */
  get disturbed(): boolean {
    return this.#disturbed;
  }

  /** Whether its stream is locked to a reader. */
  get locked(): boolean {
    return this.#stream?.locked ?? false;
  }

  /** Whether some of it waits to be read. */
  get hasUnread(): boolean {
    return this.#queuedBytes > 0;
  }

  /** Whether more may arrive. */
  get receiving(): boolean {
    return this.#state === "receiving";
  }

  /** Bytes that have arrived, at most one part past what it may have. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** What reading it fails with; undefined unless it has failed. */
  get error(): unknown {
    return this.#error;
  }

  /** Takes a part. Of one that is not `lent` the memory is the body's, if no one else's bytes are in it. */
  push(content: Uint8Array, lent: boolean): void {
    if (this.#state !== "receiving") return;
    this.#received += content.length;
    if (this.#expected !== undefined && this.#received > this.#expected) {
      const message = `Cannot read ${this.#name}: it goes past its ${this.#expected} bytes`;
      return this.fail(new ProtocolError("BAD_LENGTH", message));
    }
    if (this.#limit !== undefined && this.#received > this.#limit.max) {
      const { name, max } = this.#limit;
      return this.fail(new LimitError(name, max, `Cannot read ${this.#name}: it goes past ${max} bytes`));
    }
    if (this.#readingAll) return this.#append(content);
    this.#enqueue(content, lent);
    this.#queuedBytes += content.length;
    this.#host.buffered(content.length);
    this.#wake?.();
  }

  /** The stream has ended. */
  end(): void {
    if (this.#state !== "receiving") return;
    if (this.#expected !== undefined && this.#received < this.#expected) {
      const message = `Cannot read ${this.#name}: it ended after ${this.#received} of its ${this.#expected} bytes`;
      return this.fail(new ProtocolError("UNEXPECTED_END", message));
    }
    this.#state = "ended";
    this.#wake?.();
  }

  /** No more will arrive: reading fails with `error`. A body that has arrived whole stays readable. */
  fail(error: unknown): void {
    if (this.#state !== "receiving") return;
    this.#state = "failed";
    this.#error = error;
    this.#release();
    this.#wake?.();
  }

  /** Drops what has arrived, and all that will. */
  discard(): void {
    if (this.#state === "discarded") return;
    this.#state = "discarded";
    this.#release();
    this.#wake?.();
  }

  /** The body as a stream; the socket is read only as fast as the stream is. */
  get stream(): ReadableStream<Uint8Array> {
    if (this.#stream === null) {
      this.#stream = new ReadableStream<Uint8Array>({
        pull: (controller) => this.#pull(controller),
        cancel: () => {
          this.#disturbed = true;
          this.discard();
        },
      }, { highWaterMark: 0 });
      if (this.#readingAll) this.#stream.getReader();
    }
    return this.#stream;
  }

  /** Reads all of it, without a stream. The bytes may be a part of a larger buffer. */
  async readAll(): Promise<Uint8Array> {
    this.#disturbed = true;
    this.#readingAll = true;
    // Locked: whoever has the stream, or asks for it now, must not see an empty one.
    this.#stream?.getReader();
    this.releaseCredit();
    const parts = this.#queue;
    this.#queue = [];
    this.#memory = none;
    this.#used = 0;
    if (this.#state !== "receiving") return this.#whole(joinBytes(parts));
    for (const part of parts) this.#append(part);
    while (this.#state === "receiving") await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#whole(this.#memory.subarray(0, this.#used));
  }

  /** Counts as read what no one has read, so that it holds up no later request; it can still be read. */
  releaseCredit(): void {
    const bytes = this.#queuedBytes;
    this.#queuedBytes = 0;
    if (bytes > 0) this.#host.buffered(-bytes);
  }

  #whole(bytes: Uint8Array): Uint8Array {
    this.#memory = none;
    if (this.#state === "failed") throw this.#error;
    return bytes;
  }

  /** Adds to the whole: in memory for all of it, within what {@linkcode MAX_PREALLOCATION_FACTOR} allows. */
  #append(content: Uint8Array): void {
    const at = this.#used;
    const length = at + content.length;
    if (length > this.#memory.length) {
      const factor = this.#expected === undefined ? 2 : MAX_PREALLOCATION_FACTOR;
      const room = Math.max(GATHERED_BYTES, factor * length);
      const memory = new Uint8Array(Math.min(this.#expected ?? Infinity, this.#limit?.max ?? Infinity, room));
      memory.set(this.#memory.subarray(0, at));
      this.#memory = memory;
    }
    this.#memory.set(content, at);
    this.#used = length;
  }

  #pull(controller: ReadableStreamDefaultController<Uint8Array>): void | Promise<void> {
    this.#disturbed = true;
    if (this.#queue.length > 0) {
      // All at once: taking single chunks from the front of a long queue is quadratic.
      for (const part of this.#queue) controller.enqueue(part);
      this.#release();
      if (this.#state === "ended") controller.close();
    } else if (this.#state === "ended") {
      controller.close();
    } else if (this.#state === "failed") {
      controller.error(this.#error);
    } else if (this.#state === "receiving") {
      return new Promise((resolve) => {
        this.#wake = () => {
          this.#wake = null;
          this.#pull(controller);
          resolve();
        };
      });
    }
  }

  /** Queues a part: by reference where its buffer holds nothing else, gathered with others if it is small, or as a copy. */
  #enqueue(content: Uint8Array, lent: boolean): void {
    if (!lent && isAlone(content)) {
      this.#queue.push(content);
      this.#memory = none;
      return;
    }
    const at = this.#used;
    if (content.length <= this.#memory.length - at) {
      this.#memory.set(content, at);
      this.#used = at + content.length;
      this.#queue[this.#queue.length - 1] = this.#memory.subarray(0, this.#used);
    } else if (this.#queue.length > 0 && content.length < GATHERED_BYTES) {
      this.#memory = new Uint8Array(GATHERED_BYTES);
      this.#memory.set(content);
      this.#used = content.length;
      this.#queue.push(this.#memory.subarray(0, content.length));
    } else {
      // Unlike `slice`, V8 does not clear the memory first.
      this.#queue.push(new Uint8Array(content));
      this.#memory = none;
    }
  }

  #release(): void {
    this.#queue = [];
    this.#memory = none;
    this.releaseCredit();
  }
}

const none = new Uint8Array(0);

/** Whether nothing but the head of its record lies in the buffer with a part: what the socket read begins with either. */
function isAlone({ buffer, byteOffset, length }: Uint8Array): boolean {
  return byteOffset <= FCGI_HEADER_LEN && byteOffset + length === buffer.byteLength;
}
