/**
 * The web server's end of a FastCGI connection, without I/O: calls in, bytes out; bytes in, events out.
 *
 * Puts input and output together. Never touches a socket, a timer or a promise,
 * and never keeps a stream's content.
 */

import {
  FCGI_ABORT_REQUEST,
  FCGI_BEGIN_REQUEST,
  FCGI_DATA,
  FCGI_GET_VALUES,
  FCGI_NULL_REQUEST_ID,
  FCGI_PARAMS,
  FCGI_STDIN,
} from "./constants.ts";
import { encodePairs } from "./name_value.ts";
import { encodeBeginRequest } from "./record_bodies.ts";
import { RecordParser } from "./record_parser.ts";
import { MAX_STREAM_CONTENT, type RecordOutput, RecordWriter } from "./record_writer.ts";
import type { WebServerEvents, WebServerOptions } from "./web_server_events.ts";
import { WebServerInput } from "./web_server_input.ts";

/**
 * The web server's end of a connection.
 *
 * @example What a web server sends for a request
 * ```ts
 * import { FCGI_RESPONDER, WebServerConnection } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const connection = new WebServerConnection({
 *   onStdout: (requestId, content) => console.log(requestId, content.length),
 *   onStderr: () => {},
 *   onEnd: (requestId, { appStatus }) => console.log(requestId, appStatus),
 *   onValues: () => {},
 *   onUnknownType: () => {},
 * });
 * connection.begin(1, FCGI_RESPONDER, true);
 * connection.params(1, ["REQUEST_METHOD", "POST", "CONTENT_LENGTH", "2"]);
 * connection.stdin(1, new TextEncoder().encode("hi"));
 * connection.stdinEnd(1);
 * assertEquals(connection.active, 1);
 * assertEquals(connection.writer.take().length, 1);
 * ```
 */
export class WebServerConnection {
  readonly #input: WebServerInput;
  readonly #parser: RecordParser;
  readonly #writer: RecordWriter;

  /** Makes the end of a connection on which nothing has been sent yet. */
  constructor(events: WebServerEvents, { memory, strict = false }: WebServerOptions = {}) {
    this.#input = new WebServerInput(events, strict);
    this.#parser = new RecordParser(this.#input);
    this.#writer = new RecordWriter(memory);
  }

  /** What has been written and has yet to be sent. */
  get writer(): RecordOutput {
    return this.#writer;
  }

  /** Requests that are active. */
  get active(): number {
    return this.#input.active.size;
  }

  /** Whether the application is neither amid a record nor amid a request. */
  get idle(): boolean {
    return this.#input.active.size === 0 && this.#parser.atBoundary;
  }

  /** Begins a request (§5.1). @throws {RangeError} If the id is no integer from 1 to 65535, or in use. */
  begin(requestId: number, role: number, keepConn: boolean): void {
    if (!Number.isInteger(requestId) || requestId < 1 || requestId > 65_535) {
      throw new RangeError(`Cannot begin request: id is ${requestId}`);
    }
    if (this.#input.active.has(requestId)) throw new RangeError(`Cannot begin request: id ${requestId} is in use`);
    this.#input.active.add(requestId);
    this.#input.aborted.delete(requestId);
    this.#writer.record(FCGI_BEGIN_REQUEST, requestId, encodeBeginRequest({ role, keepConn }));
  }

  /**
   * Sends all of `[name, value, …]` as PARAMS, and ends them (§5.2).
   *
   * A pair is not cut by the border of two records unless it is longer than one: PHP-FPM wants them whole.
   */
  params(requestId: number, pairs: readonly string[]): void {
    let from = 0;
    let size = 0;
    for (let index = 0; index < pairs.length; index += 2) {
      const length = 8 + pairs[index]!.length + pairs[index + 1]!.length;
      if (size + length > MAX_STREAM_CONTENT && size > 0) {
        this.#writer.stream(FCGI_PARAMS, requestId, encodePairs(pairs.slice(from, index)));
        from = index;
        size = 0;
      }
      size += length;
    }
    this.#writer.stream(FCGI_PARAMS, requestId, encodePairs(pairs.slice(from)));
    this.#writer.streamEnd(FCGI_PARAMS, requestId);
  }

  /** Sends a part of the request's body; content of 16 KiB and more by reference. */
  stdin(requestId: number, content: Uint8Array): void {
    this.#writer.stream(FCGI_STDIN, requestId, content);
  }

  /** Ends the request's body. */
  stdinEnd(requestId: number): void {
    this.#writer.streamEnd(FCGI_STDIN, requestId);
  }

  /** Sends a part of the file that a Filter is to filter. */
  data(requestId: number, content: Uint8Array): void {
    this.#writer.stream(FCGI_DATA, requestId, content);
  }

  /** Ends that file. */
  dataEnd(requestId: number): void {
    this.#writer.streamEnd(FCGI_DATA, requestId);
  }

  /** Aborts a request; the application still answers with END_REQUEST (§5.4). */
  abort(requestId: number): void {
    if (!this.#input.active.has(requestId)) return;
    this.#input.aborted.add(requestId);
    this.#writer.streamEnd(FCGI_ABORT_REQUEST, requestId);
  }

  /** Asks the application for values, by name (§4.1). */
  getValues(names: readonly string[]): void {
    this.#writer.record(FCGI_GET_VALUES, FCGI_NULL_REQUEST_ID, encodePairs(names.flatMap((name) => [name, ""])));
  }

  /**
   * Reads bytes from the application; they are lent until it returns.
   *
   * @throws {ProtocolError} If the application breaks the protocol. The connection must then be closed.
   */
  receive(chunk: Uint8Array): void {
    this.#parser.push(chunk);
    this.#input.own();
  }
}
