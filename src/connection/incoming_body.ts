/**
 * A body that arrives as a stream of records, as its reader gets it: a request's STDIN or DATA, or a response's STDOUT.
 *
 * Owns who reads it, and whether it has ended, failed or been discarded. Holds no more than the connection lets in: it
 * reports every byte that it queues and every byte that it releases.
 *
 * Readers never share memory. A chunk's buffer is the chunk's alone, so that transferring it takes nothing away from
 * anyone, and it holds nothing but the body's bytes, zeros, and at most the head of the record that they came in.
 */

import { joinBytes } from "../protocol/byte_collector.ts";
import { LimitError, type LimitName, ProtocolError } from "../errors.ts";
import { PartQueue } from "./part_queue.ts";

/** What a body needs of the connection that it arrives on. */
export interface IncomingBodyHost {
  /** The number of bytes that wait to be read has changed. */
  buffered(delta: number): void;
  /** Its stream has been cancelled. */
  cancelled?(reason: unknown): void;
}

/** The most bytes that a body may have, and the option that says so. */
export interface BodyLimit {
  readonly name: LimitName;
  readonly max: number;
}

/** What is known of a body before it comes. */
export interface BodyTerms {
  /** What errors call it. */
  readonly name: string;
  /** How many bytes it has, if that is known. */
  readonly expected?: number | undefined;
  readonly limit?: BodyLimit | undefined;
}

/** Collects a body that is read whole. */
export interface BodyCollector<T> {
  /** Takes a part, which is lent. */
  add(part: Uint8Array): void;
  /** Makes something of all parts; not after a failure. */
  finish(): T;
  /** Makes something of the body's only part, which nothing else refers to, in place of `add` and `finish`. */
  only(part: Uint8Array): T;
  /** Lets go of the parts. */
  drop(): void;
}

/** A body under way. */
export class IncomingBody {
  /** What was known of it before it came. */
  readonly terms: BodyTerms;
  readonly #host: IncomingBodyHost;
  readonly #queue = new PartQueue();
  #queuedBytes = 0;
  #received = 0;
  #state: "receiving" | "ended" | "failed" | "discarded" = "receiving";
  #error: unknown;
  #stream: ReadableStream<Uint8Array> | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #disturbed = false;
  /** `readAll` was called: nothing waits to be read any more. */
  #collector: BodyCollector<unknown> | undefined;
  /** Resumes the read that waits for more. */
  #wake: (() => void) | null = null;

  constructor(terms: BodyTerms, host: IncomingBodyHost) {
    this.terms = terms;
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

  /** Takes a part. The memory of one that is not `lent` is kept if it holds nothing else. */
  push(content: Uint8Array, lent: boolean): void {
    if (this.#state !== "receiving") return;
    this.#received += content.length;
    const { name, expected, limit } = this.terms;
    if (expected !== undefined && this.#received > expected) {
      return this.fail(new ProtocolError("BAD_LENGTH", `Cannot read ${name}: it goes past its ${expected} bytes`));
    }
    if (limit !== undefined && this.#received > limit.max) {
      return this.fail(new LimitError(limit.name, limit.max, `Cannot read ${name}: it goes past ${limit.max} bytes`));
    }
    if (this.#collector !== undefined) return this.#collect(this.#collector, content);
    this.#queue.add(content, lent);
    this.#queuedBytes += content.length;
    this.#host.buffered(content.length);
    this.#wake?.();
  }

  /** The stream has ended. */
  end(): void {
    if (this.#state !== "receiving") return;
    const { name, expected } = this.terms;
    if (expected !== undefined && this.#received < expected) {
      const message = `Cannot read ${name}: it ended after ${this.#received} of its ${expected} bytes`;
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
    // At once, as in the runtimes' own fetch: what the stream itself still holds is not read either.
    this.#controller?.error(error);
    this.#wake?.();
  }

  /** Drops everything that has arrived or will arrive. */
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
        start: (controller) => void (this.#controller = controller),
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => {
          this.#disturbed = true;
          this.discard();
          this.#host.cancelled?.(reason);
        },
      }, { highWaterMark: 0 });
      if (this.#collector !== undefined) this.#stream.getReader();
    }
    return this.#stream;
  }

  /** Reads all of it, without a stream, into a collector, and gives what that makes of it. */
  async readAll<T>(collector: BodyCollector<T>): Promise<T> {
    this.#disturbed = true;
    this.#collector = collector;
    // Locked, so that a stream taken before or after does not look empty.
    this.#stream?.getReader();
    this.releaseCredit();
    const parts = this.#queue.take();
    if (this.#state === "ended" && parts.length === 1) return collector.only(parts[0]!);
    try {
      for (const part of parts) this.#collect(collector, part);
      while (this.#state === "receiving") await new Promise<void>((resolve) => this.#wake = resolve);
      if (this.#state === "failed") throw this.#error;
      return collector.finish();
    } finally {
      collector.drop();
    }
  }

  /** All of it, if it has ended and its stream has not been taken. */
  takeWhole(): Uint8Array | undefined {
    if (this.#state !== "ended" || this.#stream !== null) return undefined;
    const whole = joinBytes(this.#queue.take());
    this.discard();
    return whole;
  }

  /** Counts the rest as read, so that it does not hold up later requests; it can still be read. */
  releaseCredit(): void {
    const bytes = this.#queuedBytes;
    this.#queuedBytes = 0;
    if (bytes > 0) this.#host.buffered(-bytes);
  }

  #pull(controller: ReadableStreamDefaultController<Uint8Array>): void | Promise<void> {
    this.#disturbed = true;
    if (!this.#queue.isEmpty) {
      // All at once: taking single chunks from the front of a long queue is quadratic.
      for (const part of this.#queue.take()) controller.enqueue(part);
      this.releaseCredit();
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

  /** Adds a part; where memory, or the longest string, is too small for it, only its reader learns of it. */
  #collect(collector: BodyCollector<unknown>, part: Uint8Array): void {
    try {
      collector.add(part);
    } catch (error) {
      this.fail(error);
    }
  }

  #release(): void {
    this.#queue.take();
    this.releaseCredit();
  }
}
