/**
 * The body of one response, as the caller of `fetch` reads it.
 *
 * Owns the bytes that have come and have not been read, and knows whether the body has ended or failed. Reports every
 * byte that it holds and lets go, so that the connection can stop reading.
 */

import { joinBytes } from "../protocol/byte_collector.ts";
import { FCGI_HEADER_LEN } from "../protocol/constants.ts";

/** What a body needs of the request that it answers. */
export interface ResponseBodyHost {
  /** Bytes that wait to be read have become more, or fewer. */
  buffered(delta: number): void;
  /** Whoever reads has given up. */
  cancelled(reason: unknown): void;
}

/** What a part in the queue costs at least, in bytes: many tiny ones must not take memory that no one counts. */
const MIN_WEIGHT = 256;

/** A body under way. */
export class ResponseBody {
  readonly #host: ResponseBodyHost;
  #queue: Uint8Array[] = [];
  #weight = 0;
  #state: "open" | "ended" | "failed" | "cancelled" = "open";
  #error: unknown;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Goes on with the read that waits for more. */
  #wake: (() => void) | null = null;

  /** Makes a body of which nothing has come. */
  constructor(host: ResponseBodyHost) {
    this.#host = host;
  }

  /** Takes a part; if it is `lent`, as a copy. */
  push(content: Uint8Array, lent: boolean): void {
    if (this.#state !== "open" || content.length === 0) return;
    // By reference only if the buffer is the part's alone: whoever transfers it must take nothing from others.
    const kept = !lent && content.length + FCGI_HEADER_LEN >= content.buffer.byteLength;
    this.#queue.push(kept ? content : new Uint8Array(content));
    this.#weigh(Math.max(content.length, MIN_WEIGHT));
    this.#wake?.();
  }

  /** All has come. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#weigh(-this.#weight);
    this.#wake?.();
  }

  /** Reading fails with `error` from now on. */
  fail(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#error = error;
    this.#drop();
    // At once, as the runtimes' own fetch does it: what the stream itself still holds is not read either.
    this.#controller?.error(error);
    this.#wake?.();
  }

  /** The whole body, if it has ended and no one has begun to read it; or a stream of it. */
  take(): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#state === "ended") return this.#takeAll() as Uint8Array<ArrayBuffer>;
    return new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: (controller) => this.#pull(controller),
      cancel: (reason) => {
        if (this.#state !== "open") return this.#drop();
        this.#state = "cancelled";
        this.#drop();
        this.#host.cancelled(reason);
      },
    }, { highWaterMark: 0 }) as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  #takeAll(): Uint8Array {
    const bytes = joinBytes(this.#queue);
    this.#drop();
    return bytes;
  }

  #pull(controller: ReadableStreamDefaultController<Uint8Array>): void | Promise<void> {
    if (this.#state === "failed") return controller.error(this.#error);
    if (this.#queue.length > 0) {
      for (const part of this.#queue) controller.enqueue(part);
      this.#drop();
      if (this.#state === "ended") controller.close();
    } else if (this.#state === "ended") {
      controller.close();
    } else {
      return new Promise((resolve) => {
        this.#wake = () => {
          this.#wake = null;
          if (this.#state !== "cancelled") this.#pull(controller);
          resolve();
        };
      });
    }
  }

  #drop(): void {
    this.#queue = [];
    this.#weigh(-this.#weight);
  }

  /** Counts what waits to be read, as long as more may come. */
  #weigh(delta: number): void {
    if (delta === 0) return;
    this.#weight += delta;
    this.#host.buffered(delta);
  }
}
