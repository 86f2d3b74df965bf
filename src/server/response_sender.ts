/**
 * Writes one response to STDOUT.
 *
 * Owns the reader of the response's stream, and whether the head has been written. Never flushes what the end of the
 * request can still go with: nginx keeps a connection only if END_REQUEST comes with the last of STDOUT.
 */

import { parseLength } from "../cgi/field.ts";
import { allowsBody, encodeResponseHead } from "../cgi/response_head.ts";
import type { ResponseParts } from "../fetch/response_parts.ts";
import { MAX_STREAM_CONTENT } from "../protocol/record_writer.ts";

/** Where responses are written. */
export interface ResponseOutput {
  readonly protocol: {
    /** Writes a response's head and the first part of its body. */
    stdoutHead(requestId: number, head: string, body: Uint8Array): void;
    /** Writes a further part of its body. */
    stdout(requestId: number, content: Uint8Array): void;
  };
  /** Sends what has been written; `false`: wait for `writable` before writing more. */
  flush(): boolean;
  /** Resolves when more can be written, or the connection is gone. */
  writable(): Promise<void>;
}

/** Turns of the microtask queue that a stream gets to show that a chunk was its last; native ones need up to six. */
const END_OF_STREAM_TURNS = 8;
/**
 * Content is handed to the socket in slices of this size (bytes), so that a web server that takes them slowly can be told
 * from one that takes none, and other requests on the connection get their turn. Four records.
 */
const SLICE = 4 * MAX_STREAM_CONTENT;
const utf8 = new TextEncoder();
/** Short texts are encoded into this, lent until they have been written. */
const scratch = new Uint8Array(16_383);

/** Sends a response. */
export class ResponseSender {
  readonly #output: ResponseOutput;
  readonly #requestId: number;
  #headWritten = false;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #cancelled: { readonly reason: unknown } | undefined;
  #stopped = false;
  /** Ends the wait for the socket. */
  #stopWaiting: (() => void) | undefined;

  /** Makes the sender of a request's response. */
  constructor(output: ResponseOutput, requestId: number) {
    this.#output = output;
    this.#requestId = requestId;
  }

  /** Whether it is too late for another response. */
  get headWritten(): boolean {
    return this.#headWritten;
  }

  /** Stops sending a stream and cancels it; `send` then fails with `reason`. */
  cancel(reason: unknown): void {
    if (this.#reader === null || this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    this.#reader.cancel(reason).catch(() => {});
    this.#stopWaiting?.();
  }

  /** Writes no more: the request has ended. A stream that has not is cancelled. */
  stop(reason: unknown): void {
    this.#stopped = true;
    this.cancel(reason);
    this.#stopWaiting?.();
  }

  /**
   * Writes the response, up to but without the end of STDOUT; a promise if that takes more than this turn.
   *
   * @throws {Error} What the response's stream fails with; TypeError or RangeError if the response cannot be sent.
   */
  send(parts: ResponseParts, method: string): void | Promise<void> {
    const { body } = parts;
    if (typeof body !== "string" && body !== null && !(body instanceof Uint8Array)) {
      if (allowsBody(parts.status, method)) return this.#sendStream(parts, body);
      body.cancel().catch(() => {});
      return this.#writeHead(parts, undefined, none);
    }
    const bytes = typeof body === "string" ? encode(body) : body ?? none;
    if (!allowsBody(parts.status, method)) {
      return this.#writeHead(parts, body === null ? undefined : bytes.length, none);
    }
    if (bytes.length > SLICE) return this.#sendLarge(parts, bytes);
    this.#writeHead(parts, bytes.length, bytes);
  }

  async #sendLarge(parts: ResponseParts, bytes: Uint8Array): Promise<void> {
    this.#writeHead(parts, bytes.length, bytes.subarray(0, SLICE));
    // While the connection reads, nothing is sent: whether there is room is known a turn later.
    await null;
    await this.#writeSlices(bytes, SLICE);
  }

  /** Sends a stream, and holds it to its Content-Length: one that ends too early must not pass for whole. */
  async #sendStream(parts: ResponseParts, body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = this.#reader = body.getReader();
    try {
      let result = await reader.read();
      let sent = 0;
      let declared: number | undefined;
      while (this.#cancelled === undefined) {
        while (isEmpty(result)) result = await reader.read();
        if (result.done) break;
        const chunk = result.value;
        checkChunk(chunk);
        let next = reader.read();
        let soon = await settledSoon(next);
        while (soon !== undefined && isEmpty(soon)) soon = await settledSoon(next = reader.read());
        const last = soon?.done === true;
        // A cancelled stream ends too, but not because it is whole.
        if (this.#cancelled !== undefined) break;
        sent += chunk.length;
        const whole = last && !this.#headWritten;
        if (!this.#headWritten) declared = this.#heldLength(parts, body, whole);
        if (declared !== undefined && whole && sent !== declared) throw wrongLength(String(sent), declared);
        if (declared !== undefined && sent > declared) throw wrongLength("more than that many", declared);
        const first = chunk.length <= SLICE ? chunk : chunk.subarray(0, SLICE);
        if (this.#headWritten) this.#output.protocol.stdout(this.#requestId, first);
        else this.#writeHead(parts, whole ? sent : undefined, first);
        if (chunk.length > SLICE) await this.#writeSlices(chunk, SLICE);
        if (!last && !this.#output.flush()) await this.#writable();
        result = soon ?? await next;
      }
      if (this.#cancelled !== undefined) throw this.#cancelled.reason;
      if (!this.#headWritten) declared = this.#heldLength(parts, body, true);
      if (declared !== undefined && sent !== declared) throw wrongLength(String(sent), declared);
      if (!this.#headWritten) this.#writeHead(parts, 0, none);
    } catch (error) {
      this.#reader.cancel(error).catch(() => {});
      throw error;
    } finally {
      this.#reader = null;
    }
  }

  /**
   * The Content-Length that a stream is held to. One that is whole and a byte stream is not: that is how Node gives the
   * content of a native Response that was made of a text or of bytes.
   */
  #heldLength(parts: ResponseParts, body: ReadableStream<Uint8Array>, whole: boolean): number | undefined {
    const declared = declaredLength(parts.headers);
    if (declared === undefined) return undefined;
    if (whole && this.#isByteStream(body)) return undefined;
    const length = parseLength(declared);
    if (length !== undefined) return length;
    throw new TypeError(`Cannot send response: its Content-Length is ${JSON.stringify(declared)}, not a number`);
  }

  #isByteStream(body: ReadableStream<Uint8Array>): boolean {
    this.#reader?.releaseLock();
    try {
      body.getReader({ mode: "byob" }).releaseLock();
      return true;
    } catch {
      return false;
    }
  }

  /** Writes the slices from index `at` on, each when the socket has room; the last is left to be flushed. */
  async #writeSlices(bytes: Uint8Array, at: number): Promise<void> {
    for (; at < bytes.length; at += SLICE) {
      if (!this.#output.flush()) await this.#writable();
      if (this.#stopped) return;
      this.#output.protocol.stdout(this.#requestId, bytes.subarray(at, at + SLICE));
    }
  }

  /** Waits until more can be written, or nobody wants it: a peer that went away without reading never makes room. */
  #writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopWaiting = resolve;
      this.#output.writable().then(resolve);
    });
  }

  #writeHead(parts: ResponseParts, contentLength: number | undefined, body: Uint8Array): void {
    this.#output.protocol.stdoutHead(this.#requestId, encodeResponseHead(parts, { contentLength }), body);
    this.#headWritten = true;
  }
}

type ReadResult = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

const none = new Uint8Array(0);

/** The UTF-8 of a text; of a short one in `scratch`: memory of its own would cost seven times as much. */
function encode(text: string): Uint8Array {
  if (text.length * 3 > scratch.length) return utf8.encode(text);
  return scratch.subarray(0, utf8.encodeInto(text, scratch).written);
}

/** What a read has given, if that is known without waiting for anything outside; a failure is not. */
async function settledSoon(read: Promise<ReadResult>): Promise<ReadResult | undefined> {
  let settled = false;
  let given: ReadResult | undefined;
  read.then((result) => {
    settled = true;
    given = result;
  }, () => settled = true);
  for (let turn = 0; turn < END_OF_STREAM_TURNS && !settled; turn++) await null;
  return given;
}

/** A chunk without content says nothing, not even that another one follows. */
function isEmpty({ value }: ReadResult): boolean {
  return value instanceof Uint8Array && value.length === 0;
}

function checkChunk(chunk: unknown): asserts chunk is Uint8Array {
  if (!(chunk instanceof Uint8Array)) {
    throw new TypeError(`Cannot send response: its stream gave a ${typeof chunk}, not a Uint8Array`);
  }
}

/** The Content-Length that the handler gave, whatever it is. */
function declaredLength(headers: Iterable<readonly [string, string]>): string | undefined {
  for (const [name, value] of headers) if (name.length === 14 && name.toLowerCase() === "content-length") return value;
  return undefined;
}

function wrongLength(length: string, declared: number): TypeError {
  return new TypeError(`Cannot send response: its Content-Length is ${declared}, its body ${length} bytes`);
}
