/** The parts of a response that are sent. */

import type { ResponseHead } from "../cgi/response_head.ts";

/** A response, taken apart for sending. */
export interface ResponseParts extends ResponseHead {
  /** Content in memory, a stream of unread content, or nothing. */
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null;
}
