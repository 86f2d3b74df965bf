/**
 * Reads a response's head from STDOUT, however it is cut.
 *
 * Owns the head's bytes until it is whole; never holds more than the limit and one part.
 */

import { findHeadEnd, type ParsedResponseHead, parseResponseHead } from "../cgi/response_head_parser.ts";
import { LimitError, ProtocolError } from "../errors.ts";
import { decodeLatin1 } from "../protocol/latin1.ts";

/** A response's head, as a client gives it on. */
export interface ResponseHead extends ParsedResponseHead {
  /** The body's length by Content-Length, in bytes; 0 if it has none; `undefined` if nothing tells. */
  readonly expected: number | undefined;
  /** Whether there is a body, by the method and the status (RFC 9110 §6.4.1). */
  readonly hasBody: boolean;
}

/** Fields of the connection between a web server and its client: no application's business (RFC 3875 §6.3.4). */
const HOP_BY_HOP = /^(?:connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/i;

/** Reads one head. */
export class ResponseHeadReader {
  readonly #maxHeadBytes: number;
  readonly #method: string;
  #memory: Uint8Array = none;
  #length = 0;

  /** Makes the reader of the head of a response to a request of `method`. */
  constructor(method: string, maxHeadBytes: number) {
    this.#method = method;
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** Bytes of a head that is not whole yet. */
  get length(): number {
    return this.#length;
  }

  /**
   * Takes a part of STDOUT, which is lent. Once the head is whole gives it back, with where in `content` the body begins.
   *
   * @throws {LimitError} `maxHeadBytes`, if the head is longer.
   * @throws {ProtocolError} `BAD_HEAD`, if it cannot be read.
   */
  push(content: Uint8Array): { readonly head: ResponseHead; readonly bodyAt: number } | undefined {
    const before = this.#length;
    const bytes = before === 0 ? content : this.#add(content);
    const end = findHeadEnd(bytes, before);
    if (end > this.#maxHeadBytes || end < 0 && bytes.length > this.#maxHeadBytes) {
      const max = this.#maxHeadBytes;
      throw new LimitError("maxHeadBytes", max, `Cannot read response: its head is longer than maxHeadBytes, ${max}`);
    }
    if (end < 0) {
      if (before === 0) this.#add(content);
      return undefined;
    }
    this.#memory = none;
    this.#length = 0;
    return { head: readHead(decodeLatin1(bytes.subarray(0, end)), this.#method), bodyAt: end - before };
  }

  #add(content: Uint8Array): Uint8Array {
    const length = this.#length + content.length;
    if (length > this.#memory.length) {
      const memory = new Uint8Array(2 * length);
      memory.set(this.#memory.subarray(0, this.#length));
      this.#memory = memory;
    }
    this.#memory.set(content, this.#length);
    this.#length = length;
    return this.#memory.subarray(0, length);
  }
}

const none = new Uint8Array(0);

function readHead(text: string, method: string): ResponseHead {
  const { status, statusText, headers } = parseResponseHead(text);
  const hasBody = method !== "HEAD" && status !== 204 && status !== 205 && status !== 304;
  let declared: string | undefined;
  for (const [name, value] of headers) {
    if (name.length !== 14 || name.toLowerCase() !== "content-length") continue;
    // Two that differ would let whoever is behind us cut the response elsewhere than we do.
    if (!/^\d{1,15}$/.test(value) || declared !== undefined && declared !== value) {
      throw new ProtocolError("BAD_HEAD", `Cannot read response head: Content-Length is ${JSON.stringify(value)}`);
    }
    declared = value;
  }
  const expected = !hasBody ? 0 : declared === undefined ? undefined : Number(declared);
  return { status, statusText, headers: headers.filter(([name]) => !HOP_BY_HOP.test(name)), expected, hasBody };
}
