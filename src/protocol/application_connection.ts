/**
 * The application's end of a FastCGI connection, without I/O: bytes in, events out; calls in, bytes out.
 *
 * Owns the registry of active requests, and puts input and output together. Touches no socket, timer or promise, and
 * keeps no body. Its laws:
 *
 * 1. A request is active from its BEGIN_REQUEST until its END_REQUEST is written; records of other ids are skipped
 *    (§3.3: late STDIN of a request answered early, ABORT after END).
 * 2. The id is free before END_REQUEST is written, so the web server may use it again at once.
 * 3. Output streams are ended before END_REQUEST: STDOUT always, STDERR if it was used.
 * 4. What a peer sends raises a ProtocolError out of `receive` or nothing; after that the connection is of no more use.
 * 5. Memory is bounded: `maxParamsBytes` a request, `maxUnfinished` requests whose PARAMS have not ended.
 */

import { ActiveRequests, hasEnded, type RequestRegistry } from "./active_requests.ts";
import type { ApplicationEvents, ApplicationOptions } from "./application_events.ts";
import { ApplicationInput } from "./application_input.ts";
import { ApplicationOutput, endBody } from "./application_output.ts";
import { FCGI_REQUEST_COMPLETE } from "./constants.ts";
import { RecordParser } from "./record_parser.ts";
import type { RecordOutput } from "./record_writer.ts";

/**
 * The application's end of a connection.
 *
 * @example An application that answers at once
 * ```ts
 * import { ApplicationConnection, decodePairs, FCGI_RESPONDER, WebServerConnection } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const application = new ApplicationConnection<number>({
 *   onRequest(requestId, _role, params) {
 *     assertEquals(decodePairs(params), ["REQUEST_METHOD", "GET"]);
 *     application.stdout(requestId, new TextEncoder().encode("Status: 200 OK\r\n\r\n"));
 *     application.end(requestId);
 *     return requestId;
 *   },
 *   onParamsTooLarge: (requestId) => requestId,
 *   onStdin: () => {},
 *   onStdinEnd: () => {},
 *   onData: () => {},
 *   onDataEnd: () => {},
 *   onAbort: (requestId) => application.end(requestId),
 * }, {
 *   roles: [FCGI_RESPONDER],
 *   capabilities: { maxConnections: 1, maxRequests: 1, multiplex: false },
 *   maxParamsBytes: 65_536,
 *   maxUnfinished: 1,
 * });
 *
 * let ended = false;
 * const webServer = new WebServerConnection({
 *   onStdout: () => {},
 *   onStderr: () => {},
 *   onEnd: () => ended = true,
 *   onValues: () => {},
 *   onUnknownType: () => {},
 * });
 * webServer.begin(1, FCGI_RESPONDER, false);
 * webServer.params(1, ["REQUEST_METHOD", "GET"]);
 * webServer.stdinEnd(1);
 * for (const piece of webServer.writer.take()) application.receive(piece);
 * for (const piece of application.writer.take()) webServer.receive(piece);
 * assertEquals([ended, application.finished], [true, true]);
 * ```
 */
export class ApplicationConnection<Context> {
  readonly #requests: ActiveRequests<Context> = new ActiveRequests();
  readonly #output: ApplicationOutput;
  readonly #input: ApplicationInput<Context>;
  readonly #parser: RecordParser;

  /** Makes the end of a connection on which nothing has been received yet. */
  constructor(events: ApplicationEvents<Context>, options: ApplicationOptions) {
    this.#output = new ApplicationOutput(options.memory);
    this.#input = new ApplicationInput(events, options, this.#requests, this.#output);
    this.#parser = new RecordParser(this.#input);
  }

  /** What has been written and has yet to be sent. */
  get writer(): RecordOutput {
    return this.#output.writer;
  }

  /** What is known of the active requests. */
  get requests(): RequestRegistry<Context> {
    return this.#requests;
  }

  /** How many requests are active. */
  get active(): number {
    return this.#requests.size;
  }

  /** Whether the web server is neither amid a record nor amid a request. */
  get idle(): boolean {
    return this.#requests.size === 0 && this.#parser.atBoundary;
  }

  /** Whether the connection must be closed as soon as what is in `writer` has been sent. */
  get finished(): boolean {
    return this.#input.closing && this.#requests.size === 0;
  }

  /**
   * Reads bytes from the web server; they are lent until it returns.
   * `nowMs` is the time on the clock by which the times above are reported.
   *
   * @throws {ProtocolError} If the peer breaks the protocol. The connection must then be closed.
   */
  receive(chunk: Uint8Array, nowMs = 0): void {
    this.#input.nowMs = nowMs;
    this.#parser.push(chunk);
    this.#input.own();
  }

  /**
   * Writes a response's head, a latin1 text that ends with its blank line, and a body or the first part of one.
   *
   * The head is in one record whatever follows (HAProxy 2.6 dies of two); a body of up to 16 KiB is in the same.
   *
   * @throws {RangeError} If the head is longer than 65,535 bytes.
   */
  stdoutHead(requestId: number, head: string, body: Uint8Array = new Uint8Array(0)): void {
    if (this.#requests.has(requestId)) this.#output.head(requestId, head, body);
  }

  /**
   * Writes a response's head and all of its body in one go; returns false, and writes nothing, if they are not ASCII, or
   * are longer than 65,535 chars together.
   */
  stdoutText(requestId: number, head: string, body: string): boolean {
    return !this.#requests.has(requestId) || this.#output.text(requestId, head, body);
  }

  /** Writes a part of STDOUT; content of 16 KiB and more by reference. */
  stdout(requestId: number, content: Uint8Array): void {
    if (this.#requests.has(requestId)) this.#output.stdout(requestId, content);
  }

  /** Writes a part of STDERR. */
  stderr(requestId: number, content: Uint8Array): void {
    const request = this.#requests.get(requestId);
    if (request === undefined || content.length === 0) return;
    request.stderrUsed = true;
    this.#output.stderr(requestId, content);
  }

  /** Ends the request's open streams and writes END_REQUEST, which frees the id. Further calls for it are ignored. */
  end(requestId: number, appStatus = 0, protocolStatus: number = FCGI_REQUEST_COMPLETE): void {
    const request = this.#requests.get(requestId);
    if (request === undefined) return;
    // A request that is refused has no streams.
    if (protocolStatus === FCGI_REQUEST_COMPLETE) this.#output.endStreams(requestId, request.stderrUsed);
    this.#input.endRequest(request, endBody(appStatus, protocolStatus));
  }

  /**
   * As `end`, but on a connection that is kept END_REQUEST follows only when the web server has sent all of the
   * request: what is left of it is read and dropped. For web servers that cannot take END_REQUEST before.
   *
   * A web server that sends several requests at a time can, so END_REQUEST waits for no more than one.
   */
  endAfterInput(requestId: number, nowMs: number, appStatus = 0): void {
    const request = this.#requests.get(requestId);
    if (request === undefined || request === this.#requests.ending?.request) return;
    if (!request.keepConn || this.#requests.size > 1 || hasEnded(request)) return this.end(requestId, appStatus);
    this.#output.endStreams(requestId, request.stderrUsed);
    this.#requests.letEnd(request, endBody(appStatus, FCGI_REQUEST_COMPLETE), nowMs);
  }

  /** Ends a request whose response is not whole, as far as END_REQUEST can say so: with appStatus 1 and STDOUT open. */
  endTruncated(requestId: number): void {
    const request = this.#requests.get(requestId);
    if (request !== undefined) this.#input.endRequest(request, endBody(1, FCGI_REQUEST_COMPLETE));
  }

  /**
   * Writes an empty FCGI_GET_VALUES_RESULT without being asked. nginx closes a connection that brings anything after
   * END_REQUEST, where it would keep it otherwise.
   */
  discourageReuse(): void {
    this.#output.getValuesResult();
  }

  /** Writes bytes that are no record: no web server takes the responses under way for whole. Nothing may follow. */
  invalidate(): void {
    this.#output.invalidate();
  }

  /** Forgets all requests: the connection is about to be closed. */
  clear(): void {
    this.#requests.clear();
    this.#input.skip();
  }
}
