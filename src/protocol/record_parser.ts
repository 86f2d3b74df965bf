/**
 * The one parser of records (§3.3): bytes pushed in, events out, nothing copied.
 *
 * Owns where in a record the stream of bytes stands, and nothing else: it never holds content, knows no request and
 * makes no object for a record.
 */

import { ProtocolError } from "../errors.ts";
import { FCGI_HEADER_LEN, FCGI_VERSION_1 } from "./constants.ts";

/** Takes what a {@linkcode RecordParser} finds. */
export interface RecordSink {
  /** A record begins: its header has been read. */
  recordStart(type: number, requestId: number, contentLength: number): void;
  /**
   * A part of its content, never empty, lent until the call returns. A record's content may come in any number of
   * parts.
   */
  recordContent(content: Uint8Array): void;
  /** All of its content has come; its padding may still be under way. */
  recordEnd(): void;
}

/**
 * Cuts a stream of bytes into records.
 *
 * @example
 * ```ts
 * import { RecordParser } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * const parser = new RecordParser({
 *   recordStart: (type, requestId) => seen.push(`type ${type} of request ${requestId}`),
 *   recordContent: (content) => seen.push(`${content.length} bytes`),
 *   recordEnd: () => seen.push("end"),
 * });
 * parser.push(new Uint8Array([1, 5, 0, 1, 0, 2, 1, 0, 0x68, 0x69, 0]));
 * assertEquals(seen, ["type 5 of request 1", "2 bytes", "end"]);
 * assertEquals(parser.atBoundary, true);
 * ```
 */
export class RecordParser {
  readonly #sink: RecordSink;
  /** The bytes of a header that a read has split. */
  #header: Uint8Array = none;
  #headerLength = 0;
  #contentLeft = 0;
  #paddingLeft = 0;

  /** Makes a parser that reports to `sink`. */
  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** Whether the bytes so far end where a record, padding included, ends. */
  get atBoundary(): boolean {
    return this.#headerLength === 0 && this.#contentLeft === 0 && this.#paddingLeft === 0;
  }

  /**
   * Reads `chunk`, which is lent. What the sink throws goes through to the caller.
   *
   * @throws {ProtocolError} `BAD_VERSION` if a record's version is not 1: nothing after it can be trusted, and the
   * parser must not be used again.
   */
  push(chunk: Uint8Array): void {
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.#contentLeft > 0) {
        const until = Math.min(end, at + this.#contentLeft);
        this.#contentLeft -= until - at;
        this.#sink.recordContent(at === 0 && until === end ? chunk : chunk.subarray(at, until));
        if (this.#contentLeft === 0) this.#sink.recordEnd();
        at = until;
      } else if (this.#paddingLeft > 0) {
        const skipped = Math.min(end - at, this.#paddingLeft);
        this.#paddingLeft -= skipped;
        at += skipped;
      } else if (this.#headerLength === 0 && end - at >= FCGI_HEADER_LEN) {
        this.#start(chunk, at);
        at += FCGI_HEADER_LEN;
      } else {
        if (this.#header === none) this.#header = new Uint8Array(FCGI_HEADER_LEN);
        this.#header[this.#headerLength++] = chunk[at++]!;
        if (this.#headerLength === FCGI_HEADER_LEN) {
          this.#headerLength = 0;
          this.#start(this.#header, 0);
        }
      }
    }
  }

  #start(from: Uint8Array, at: number): void {
    if (from[at] !== FCGI_VERSION_1) {
      throw new ProtocolError("BAD_VERSION", `Cannot read record: version is ${from[at]}, not 1`);
    }
    const contentLength = from[at + 4]! << 8 | from[at + 5]!;
    this.#contentLeft = contentLength;
    this.#paddingLeft = from[at + 6]!;
    this.#sink.recordStart(from[at + 1]!, from[at + 2]! << 8 | from[at + 3]!, contentLength);
    if (contentLength === 0) this.#sink.recordEnd();
  }
}

const none = new Uint8Array(0);
