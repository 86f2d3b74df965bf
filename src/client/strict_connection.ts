/** The web server's end of a connection to an application that is not trusted to speak FastCGI. */

import { ProtocolError } from "../errors.ts";
import { FCGI_END_REQUEST, FCGI_STDERR, FCGI_STDOUT, FCGI_UNKNOWN_TYPE } from "../protocol/constants.ts";
import type { RecordMemory } from "../protocol/record_writer.ts";
import { WebServerConnection, type WebServerEvents } from "../protocol/web_server_connection.ts";

/**
 * Refuses records that an application has no business to send: of a request that is not under way, of a type that only
 * web servers send, or answers to questions that no one asked. Ignored, they would leave a request waiting for an answer
 * that went elsewhere.
 */
export class StrictConnection extends WebServerConnection {
  readonly #isActive: (requestId: number) => boolean;

  /** Makes the end of a connection; `isActive` tells which requests are under way. */
  constructor(events: WebServerEvents, memory: RecordMemory, isActive: (requestId: number) => boolean) {
    super(events, memory);
    this.#isActive = isActive;
  }

  /** @throws {ProtocolError} `BAD_ORDER`, if the record has no place here. */
  override recordStart(type: number, requestId: number, contentLength: number): void {
    const answers = type === FCGI_STDOUT || type === FCGI_STDERR || type === FCGI_END_REQUEST;
    // Types of a later version, or of no one's, pass: §3.3 says nothing of them.
    const fits = type > FCGI_UNKNOWN_TYPE || answers && this.#isActive(requestId);
    if (!fits) {
      throw new ProtocolError(
        "BAD_ORDER",
        `Cannot read record: type ${type} for request ${requestId} has no place here`,
      );
    }
    super.recordStart(type, requestId, contentLength);
  }
}
