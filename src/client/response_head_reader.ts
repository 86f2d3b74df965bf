/**
 * Reads a response's head from STDOUT, however it is split.
 *
 * Owns the head's bytes until it is whole; never holds more than the limit and one part.
 */

import { findHeadEnd, type ParsedResponseHead, parseResponseHead } from "../cgi/response_head_parser.ts";
import { ByteCollector } from "../protocol/byte_collector.ts";
import { decodeLatin1 } from "../protocol/latin1.ts";
import { upstreamLimit } from "./request_errors.ts";

/** Reads one head. */
export class ResponseHeadReader {
  readonly #maxHeadBytes: number;
  readonly #bytes: ByteCollector = new ByteCollector();

  /** Makes the reader of a head of at most so many bytes. */
  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** Bytes of a head that is not whole yet. */
  get length(): number {
    return this.#bytes.length;
  }

  /**
   * Takes a part of STDOUT, which is lent. Once the head is whole, returns it and where in `content` the body begins.
   *
   * @throws {LimitError} `maxHeadBytes`, if the head is longer.
   * @throws {ProtocolError} `BAD_HEAD`, if it cannot be read.
   */
  push(content: Uint8Array): { readonly head: ParsedResponseHead; readonly bodyAt: number } | undefined {
    const before = this.#bytes.length;
    this.#bytes.add(content);
    const end = findHeadEnd(this.#bytes.peek(), before);
    const max = this.#maxHeadBytes;
    if (end > max || end < 0 && this.#bytes.length > max) {
      throw upstreamLimit("maxHeadBytes", max, `Cannot read response: its head is longer than maxHeadBytes, ${max}`);
    }
    if (end < 0) {
      this.#bytes.own();
      return undefined;
    }
    return { head: parseResponseHead(decodeLatin1(this.#bytes.take().subarray(0, end))), bodyAt: end - before };
  }
}
