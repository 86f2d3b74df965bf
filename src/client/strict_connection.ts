/** The web server's end of a connection to an application that is not trusted to speak FastCGI. */

import { ProtocolError } from "../errors.ts";
import {
  FCGI_END_REQUEST,
  FCGI_GET_VALUES_RESULT,
  FCGI_NULL_REQUEST_ID,
  FCGI_STDERR,
  FCGI_STDOUT,
  FCGI_UNKNOWN_TYPE,
} from "../protocol/constants.ts";
import { WebServerConnection, type WebServerEvents } from "../protocol/web_server_connection.ts";

/**
 * Refuses records that an application has no business to send: of a request that is not under way, or of a type that
 * only web servers send. Ignored, they would leave a request waiting for an answer that went elsewhere.
 */
export class StrictConnection extends WebServerConnection {
  readonly #isActive: (requestId: number) => boolean;

  /** Makes the end of a connection; `isActive` tells which requests are under way. */
  constructor(events: WebServerEvents, isActive: (requestId: number) => boolean) {
    super(events);
    this.#isActive = isActive;
  }

  /** @throws {ProtocolError} `BAD_ORDER`, if the record has no place here. */
  override recordStart(type: number, requestId: number, contentLength: number): void {
    const isManagement = type === FCGI_GET_VALUES_RESULT || type === FCGI_UNKNOWN_TYPE;
    const fits = type > FCGI_UNKNOWN_TYPE || // types of a later version, or of no one's: §3.3 says nothing
      (isManagement
        ? requestId === FCGI_NULL_REQUEST_ID
        : (type === FCGI_STDOUT || type === FCGI_STDERR || type === FCGI_END_REQUEST) && this.#isActive(requestId));
    if (!fits) {
      throw new ProtocolError(
        "BAD_ORDER",
        `Cannot read record: type ${type} for request ${requestId} has no place here`,
      );
    }
    super.recordStart(type, requestId, contentLength);
  }
}
