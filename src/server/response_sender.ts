/**
 * Writes one response to STDOUT.
 *
 * Owns the response's stream while it is read, and the status of the head that has been written. Never flushes what
 * the end of the request can still go with: nginx keeps a connection only if END_REQUEST comes with the last of STDOUT.
 */

import { parseLength } from "../cgi/field.ts";
import { allowsBody, encodeResponseHead } from "../cgi/response_head.ts";
import { cancelUnread, ForeignStream, type ReadResult } from "../connection/foreign_stream.ts";
import { type BodyOutput, checkChunk, wrongLength } from "../connection/outgoing_body.ts";
import type { ResponseParts } from "../fetch/response_parts.ts";
import { MAX_STREAM_CONTENT } from "../protocol/record_writer.ts";
import type { ResponseWatch } from "./response_watch.ts";

/** Where responses are written. */
export interface ResponseOutput extends BodyOutput {
  readonly protocol: {
    /** Writes a response's head and the first part of its body. */
    stdoutHead(requestId: number, head: string, body: Uint8Array): void;
    /** Writes a head and all of its body, if both are ASCII; returns whether they are. */
    stdoutText(requestId: number, head: string, body: string): boolean;
    /** Writes a further part of its body. */
    stdout(requestId: number, content: Uint8Array): void;
  };
}

/** Turns of the microtask queue that a stream gets to show that a chunk was its last; native ones need up to six. */
const END_OF_STREAM_TURNS = 8;
/**
 * Content is handed to the socket in slices of this size (bytes), so that a slow web server can be distinguished from
 * a stuck one, and other requests on the connection get their turn. Four records.
 */
const SLICE = 4 * MAX_STREAM_CONTENT;
/** Texts up to this length (chars) are tried as ASCII; for longer ones a failure would cost too much. */
const SHORT_TEXT = 1024;
const utf8 = new TextEncoder();
/** Short texts are encoded into this, lent until they have been written. */
const scratch = new Uint8Array(16_383);

/** How errors of responses begin. */
const WHAT = "Cannot send response";

/** Sends a response. */
export class ResponseSender {
  /** What watches this response for `onFinish`, if anything does. */
  readonly watch: ResponseWatch | undefined;
  readonly #output: ResponseOutput;
  readonly #requestId: number;
  #status = 0;
  #source: ForeignStream | null = null;
  #cancelled: { readonly reason: unknown } | undefined;
  #stopped = false;
  /** Ends the wait for the socket. */
  #stopWaiting: (() => void) | undefined;

  /** Makes the sender of a request's response. */
  constructor(output: ResponseOutput, requestId: number, watch: ResponseWatch | undefined) {
    this.watch = watch;
    this.#output = watch ?? output;
    this.#requestId = requestId;
  }

  /** Whether the head has been written, so that it is too late for another response. */
  get headWritten(): boolean {
    return this.#status !== 0;
  }

  /** The status of the head that has been written; 0 before. */
  get status(): number {
    return this.#status;
  }

  /** Stops sending a stream and cancels it; `send` then fails with `reason`. */
  cancel(reason: unknown): void {
    if (this.#source === null || this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    this.#source.cancel(reason);
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
   * @throws {Error} The error of the response's stream; a TypeError or RangeError if the response is invalid.
   */
  send(parts: ResponseParts, method: string): void | Promise<void> {
    const { body } = parts;
    if (typeof body === "string" && this.#sendShort(parts, body, method)) return;
    if (typeof body !== "string" && body !== null && !(body instanceof Uint8Array)) {
      if (allowsBody(parts.status, method)) return this.#sendStream(parts, body);
      cancelUnread(body, fieldValue(parts, "content-type"));
      return this.#writeHead(parts, undefined, none);
    }
    const bytes = typeof body === "string" ? encode(body) : body ?? none;
    if (!allowsBody(parts.status, method)) {
      return this.#writeHead(parts, body === null ? undefined : bytes.length, none);
    }
    if (bytes.length > SLICE) return this.#sendLarge(parts, bytes);
    this.#writeHead(parts, bytes.length, bytes);
  }

  /** Sends a short text if it is ASCII, as most are: so its length is known before it is encoded. */
  #sendShort(parts: ResponseParts, text: string, method: string): boolean {
    const { length } = text;
    if (length > SHORT_TEXT || !allowsBody(parts.status, method)) return false;
    const head = encodeResponseHead(parts, { contentLength: length });
    if (!this.#output.protocol.stdoutText(this.#requestId, head, text)) return false;
    this.#status = parts.status;
    return true;
  }

  async #sendLarge(parts: ResponseParts, bytes: Uint8Array): Promise<void> {
    this.#writeHead(parts, bytes.length, bytes.subarray(0, SLICE));
    // While the connection reads, nothing is sent: whether there is room is known a turn later.
    await null;
    await this.#writeSlices(bytes, SLICE);
  }

  /** Sends a stream, and holds it to its Content-Length: one that ends too early must not pass for whole. */
  async #sendStream(parts: ResponseParts, body: ReadableStream<Uint8Array>): Promise<void> {
    const source = this.#source = new ForeignStream(body, fieldValue(parts, "content-type"));
    try {
      let result = await source.read();
      let sent = 0;
      let declared: number | undefined;
      while (this.#cancelled === undefined) {
        while (isEmpty(result)) result = await source.read();
        if (result.done) break;
        const chunk = result.value;
        checkChunk(chunk, WHAT);
        let next = source.read();
        let soon = await settledSoon(next);
        while (soon !== undefined && isEmpty(soon)) soon = await settledSoon(next = source.read());
        const last = soon?.done === true;
        // A cancelled stream ends too, but not because it is whole.
        if (this.#cancelled !== undefined) break;
        sent += chunk.length;
        const whole = last && this.#status === 0;
        if (this.#status === 0) declared = heldLength(parts, source, whole);
        if (declared !== undefined && (whole ? sent !== declared : sent > declared)) {
          throw wrongLength(WHAT, sent, declared);
        }
        const first = chunk.length <= SLICE ? chunk : chunk.subarray(0, SLICE);
        if (this.#status !== 0) this.#output.protocol.stdout(this.#requestId, first);
        else this.#writeHead(parts, whole ? sent : undefined, first);
        if (chunk.length > SLICE) await this.#writeSlices(chunk, SLICE);
        if (!last && !this.#output.flush()) await this.#writable();
        result = soon ?? await next;
      }
      if (this.#cancelled !== undefined) throw this.#cancelled.reason;
      if (this.#status === 0) declared = heldLength(parts, source, true);
      if (declared !== undefined && sent !== declared) throw wrongLength(WHAT, sent, declared);
      if (this.#status === 0) this.#writeHead(parts, 0, none);
    } catch (error) {
      source.cancel(error);
      // A read that was under way may have failed because of that.
      throw this.#cancelled === undefined ? error : this.#cancelled.reason;
    } finally {
      this.#source = null;
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

  /** Waits until more can be written, or sending has been stopped: a peer that has left never makes room. */
  #writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopWaiting = resolve;
      this.#output.writable().then(resolve);
    });
  }

  #writeHead(parts: ResponseParts, contentLength: number | undefined, body: Uint8Array): void {
    this.#output.protocol.stdoutHead(this.#requestId, encodeResponseHead(parts, { contentLength }), body);
    this.#status = parts.status;
  }
}

const none = new Uint8Array(0);

/** The UTF-8 of a text, in `scratch` if it is short: allocating memory would cost seven times as much. */
function encode(text: string): Uint8Array {
  if (text.length * 3 > scratch.length) return utf8.encode(text);
  return scratch.subarray(0, utf8.encodeInto(text, scratch).written);
}

/** The result of a read if it is there within a few microtasks; undefined otherwise, and if it has failed. */
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

/** An empty chunk means nothing, not even that another one follows. */
function isEmpty({ value }: ReadResult): boolean {
  return value instanceof Uint8Array && value.length === 0;
}

/** The value of the first field of this name, which is in lower case. */
function fieldValue({ headers }: ResponseParts, field: string): string | null {
  for (const [name, value] of headers) {
    if (name.length === field.length && name.toLowerCase() === field) return value;
  }
  return null;
}

/**
 * The Content-Length that a stream is held to. One that is whole and a byte stream is not: that is how Node gives the
 * content of a native Response that was made of a text or of bytes.
 */
function heldLength(parts: ResponseParts, source: ForeignStream, whole: boolean): number | undefined {
  const value = fieldValue(parts, "content-length");
  if (value === null || whole && source.endsAsByteStream()) return undefined;
  const length = parseLength(value);
  if (length !== undefined) return length;
  throw new TypeError(`${WHAT}: its Content-Length is ${JSON.stringify(value)}, not a number`);
}
