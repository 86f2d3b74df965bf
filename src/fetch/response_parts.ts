/** What of a response is sent. */

/** A response, taken apart for sending. */
export interface ResponseParts {
  /** 200 to 599. */
  readonly status: number;
  /** The reason phrase; may be empty, and may hold anything. */
  readonly statusText: string;
  /** Names and values, Set-Cookie last. */
  readonly headers: Iterable<readonly [string, string]>;
  /** Content in memory, a stream of unread content, or nothing. */
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null;
}
