/** The record parser as a `TransformStream`. */

import { ProtocolError } from "../errors.ts";
import { ByteCollector } from "../protocol/byte_collector.ts";
import { RecordParser } from "../protocol/record_parser.ts";

/** A whole record (§3.3), without what only the wire needs. */
export interface FastCgiRecord {
  /** The record's type, `FCGI_BEGIN_REQUEST` (1) to `FCGI_UNKNOWN_TYPE` (11), or one unknown to FastCGI 1.0. */
  readonly type: number;
  /** The request that it belongs to, 1 to 65535; 0 for management records. */
  readonly requestId: number;
  /** Its content, 0 to 65,535 bytes; an empty one ends a stream. */
  readonly content: Uint8Array;
}

/**
 * Turns bytes, cut anywhere, into records.
 *
 * The readable side errors with a {@linkcode ProtocolError}: `BAD_VERSION`, or `UNEXPECTED_END` if the bytes end amid a
 * record. A record's content may be a view of the chunk that it came in.
 *
 * @example
 * ```ts
 * import { FCGI_STDIN, RecordDecoderStream } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Blob([new Uint8Array([1, 5, 0, 1, 0, 2, 0, 0, 0x68, 0x69])]).stream();
 * const records = await Array.fromAsync(bytes.pipeThrough(new RecordDecoderStream()));
 * assertEquals(records, [{ type: FCGI_STDIN, requestId: 1, content: new Uint8Array([0x68, 0x69]) }]);
 * ```
 */
export class RecordDecoderStream extends TransformStream<Uint8Array, FastCgiRecord> {
  /** Makes a decoder. */
  constructor() {
    let parser: RecordParser;
    let record = { type: 0, requestId: 0 };
    const content = new ByteCollector();
    super({
      start(controller): void {
        parser = new RecordParser({
          recordStart: (type, requestId) => record = { type, requestId },
          recordContent: (part) => content.add(part),
          recordEnd: () => controller.enqueue({ ...record, content: content.take() }),
        });
      },
      transform(chunk): void {
        parser.push(chunk);
        content.own();
      },
      flush(): void {
        if (!parser.atBoundary) {
          throw new ProtocolError("UNEXPECTED_END", "Cannot read record: the bytes end in the middle of it");
        }
      },
    });
  }
}
