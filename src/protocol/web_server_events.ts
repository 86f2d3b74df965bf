/** What a web server's end of a connection reports, and what it can be given. */

import type { EndRequestBody } from "./record_bodies.ts";
import type { RecordMemory } from "./record_writer.ts";

/** Takes what an application answers. */
export interface WebServerEvents {
  /** A part of STDOUT, lent until `receive` returns. */
  onStdout(requestId: number, content: Uint8Array): void;
  /** A part of STDERR, lent until `receive` returns. */
  onStderr(requestId: number, content: Uint8Array): void;
  /** The request has ended, and its id is free. */
  onEnd(requestId: number, end: EndRequestBody): void;
  /** FCGI_GET_VALUES has been answered, with `[name, value, …]`. */
  onValues(pairs: string[]): void;
  /** The application does not know a management record of this type. */
  onUnknownType(type: number): void;
}

/** What a `WebServerConnection` can be given. */
export interface WebServerOptions {
  /** Memory that connections write to in turn. @default Memory of its own */
  readonly memory?: RecordMemory;
  /**
   * Refuses records that an application has no reason to send: for a request that is not active, of a type that only web
   * servers send, or answers to questions that were not asked. Ignored, they would leave a request waiting for an answer
   * that went elsewhere. Records of an aborted request always pass: Go ends it and goes on writing.
   *
   * @default {false}
   */
  readonly strict?: boolean;
}
