/** The web server's end of a connection to an application that is not trusted to speak FastCGI. */

import type { RecordMemory } from "../protocol/record_writer.ts";
import { WebServerConnection, type WebServerEvents } from "../protocol/web_server_connection.ts";

/** A strict {@linkcode WebServerConnection}. */
export class StrictConnection extends WebServerConnection {
  /** Makes the end of a connection. */
  constructor(events: WebServerEvents, memory: RecordMemory, _isActive?: (requestId: number) => boolean) {
    super(events, { memory, strict: true });
  }
}
