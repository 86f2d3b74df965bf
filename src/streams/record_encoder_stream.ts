/** The record writer as a `TransformStream`. */

import { RecordWriter } from "../protocol/record_writer.ts";
import type { FastCgiRecord } from "./record_decoder_stream.ts";

/**
 * Turns records into bytes, one chunk a record, padded to multiples of 8 bytes.
 *
 * The streams error with a RangeError if a record's content is longer than 65,535 bytes.
 *
 * @example
 * ```ts
 * import { FCGI_STDOUT, RecordDecoderStream, RecordEncoderStream } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const record = { type: FCGI_STDOUT, requestId: 1, content: new TextEncoder().encode("Status: 200 OK\r\n\r\n") };
 * const bytes = ReadableStream.from([record]).pipeThrough(new RecordEncoderStream());
 * assertEquals(await Array.fromAsync(bytes.pipeThrough(new RecordDecoderStream())), [record]);
 * ```
 */
export class RecordEncoderStream extends TransformStream<FastCgiRecord, Uint8Array> {
  /** Makes an encoder. */
  constructor() {
    const writer = new RecordWriter();
    super({
      transform({ type, requestId, content }, controller): void {
        writer.record(type, requestId, content);
        for (const piece of writer.take()) controller.enqueue(piece);
      },
    });
  }
}
