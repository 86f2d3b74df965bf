/**
 * The application's end of a FastCGI connection, without I/O: bytes in, events out; calls in, bytes out.
 *
 * Owns the registry of active requests, how far the input of each has come, which of its output streams are open, and
 * whether the connection is to be closed. Touches no socket, timer or promise, and keeps no body. Its laws:
 *
 * 1. A request is active from its BEGIN_REQUEST until its END_REQUEST is written; records of other ids are skipped
 *    (§3.3: late STDIN of a request answered early, ABORT after END).
 * 2. The id is free before END_REQUEST is written, so the web server may use it again at once.
 * 3. Output streams are ended before END_REQUEST: STDOUT always, STDERR if it was used.
 * 4. What a peer sends raises a ProtocolError out of `receive` or nothing; after that the connection is of no more use.
 * 5. Memory is bounded: `maxParamsBytes` a request, `maxUnfinished` requests whose PARAMS have not ended.
 */

import { type ActiveRequest, ActiveRequests, hasEnded, newRequest, type RequestRegistry } from "./active_requests.ts";
import type { ApplicationEvents, ApplicationOptions } from "./application_events.ts";
import { ApplicationOutput, endBody } from "./application_output.ts";
import { badLength, badOrder, type BeginRequestBody, decodeBeginRequest } from "./record_bodies.ts";
import { ByteCollector } from "./byte_collector.ts";
import {
  FCGI_ABORT_REQUEST,
  FCGI_BEGIN_REQUEST,
  FCGI_CANT_MPX_CONN,
  FCGI_DATA,
  FCGI_FILTER,
  FCGI_GET_VALUES,
  FCGI_NULL_REQUEST_ID,
  FCGI_OVERLOADED,
  FCGI_PARAMS,
  FCGI_REQUEST_COMPLETE,
  FCGI_STDIN,
  FCGI_UNKNOWN_ROLE,
} from "./constants.ts";
import { answerGetValues, checkGetValues } from "./get_values.ts";
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
  readonly #events: ApplicationEvents<Context>;
  readonly #options: ApplicationOptions;
  readonly #output: ApplicationOutput;
  readonly #parser: RecordParser = new RecordParser({
    recordStart: (type, requestId, contentLength) => this.#recordStart(type, requestId, contentLength),
    recordContent: (content) => this.#recordContent(content),
    recordEnd: () => this.#recordEnd(),
  });
  /** A request without KEEP_CONN has ended: close once no other is active. */
  #closing = false;
  #nowMs = 0;
  /** The record that is being read. */
  readonly #record = { type: 0, requestId: 0, contentLength: 0 };
  /** Its request; undefined if it is skipped. */
  #request: ActiveRequest<Context> | undefined;
  /** Content of a discrete record. */
  readonly #discrete = new ByteCollector();

  /** Makes the end of a connection on which nothing has been received yet. */
  constructor(events: ApplicationEvents<Context>, options: ApplicationOptions) {
    this.#events = events;
    this.#options = options;
    this.#output = new ApplicationOutput(options.memory);
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
    return this.#closing && this.#requests.size === 0;
  }

  /**
   * Reads bytes from the web server; they are lent until it returns.
   * `nowMs` is the time on the clock by which the times above are reported.
   *
   * @throws {ProtocolError} If the peer breaks the protocol. The connection must then be closed.
   */
  receive(chunk: Uint8Array, nowMs = 0): void {
    this.#nowMs = nowMs;
    this.#parser.push(chunk);
    this.#discrete.own();
    this.#requests.ownParams();
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
    this.#endRequest(request, endBody(appStatus, protocolStatus));
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
    if (request !== undefined) this.#endRequest(request, endBody(1, FCGI_REQUEST_COMPLETE));
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
    this.#request = undefined;
  }

  #endRequest(request: ActiveRequest<Context>, end: Uint8Array): void {
    this.#requests.delete(request);
    // It may have ended amid one of its records, whose rest is then skipped like the later ones.
    if (this.#request === request) this.#request = undefined;
    if (!request.keepConn) this.#closing = true;
    this.#output.endRequest(request.requestId, end);
  }

  #recordStart(type: number, requestId: number, contentLength: number): void {
    const record = this.#record;
    record.type = type;
    record.requestId = requestId;
    record.contentLength = contentLength;
    if (requestId === FCGI_NULL_REQUEST_ID) {
      if (type === FCGI_GET_VALUES) checkGetValues(contentLength);
    } else if (type === FCGI_BEGIN_REQUEST) {
      if (contentLength !== 8) throw badLength("FCGI_BEGIN_REQUEST", contentLength);
    } else {
      this.#request = this.#requests.get(requestId);
    }
  }

  #recordContent(content: Uint8Array): void {
    const { type, requestId } = this.#record;
    if (requestId === FCGI_NULL_REQUEST_ID) {
      if (type === FCGI_GET_VALUES) this.#discrete.add(content);
    } else if (type === FCGI_BEGIN_REQUEST) {
      this.#discrete.add(content);
    } else if (this.#request !== undefined) {
      const { ending } = this.#requests;
      if (ending === undefined) this.#streamContent(this.#request, content);
      else ending.droppedBytes += content.length;
    }
  }

  #recordEnd(): void {
    const { type, requestId, contentLength } = this.#record;
    if (requestId === FCGI_NULL_REQUEST_ID) {
      this.#manage();
    } else if (type === FCGI_BEGIN_REQUEST) {
      this.#begin(decodeBeginRequest(this.#discrete.take()));
    } else if (this.#request !== undefined) {
      if (type === FCGI_ABORT_REQUEST) this.#abort(this.#request);
      else if (contentLength === 0) this.#streamEnd(this.#request);
    }
  }

  #streamContent(request: ActiveRequest<Context>, content: Uint8Array): void {
    const { requestId, role, params, context } = request;
    const { type } = this.#record;
    if (type === FCGI_PARAMS) {
      if (request.paramsEnded) throw badOrder("FCGI_PARAMS after their end", requestId);
      if (params === null) return;
      if (params.length + content.length <= this.#options.maxParamsBytes) return params.add(content);
      this.#requests.takeParams(request);
      request.context = this.#events.onParamsTooLarge(requestId, role);
    } else if (type === FCGI_STDIN) {
      if (!request.paramsEnded) throw badOrder("FCGI_STDIN before the end of FCGI_PARAMS", requestId);
      if (request.stdinEnded) throw badOrder("FCGI_STDIN after its end", requestId);
      this.#events.onStdin(context!, content);
    } else if (type === FCGI_DATA && role === FCGI_FILTER) {
      if (!request.paramsEnded) throw badOrder("FCGI_DATA before the end of FCGI_PARAMS", requestId);
      if (request.dataEnded) throw badOrder("FCGI_DATA after its end", requestId);
      this.#events.onData(context!, content);
    }
  }

  #streamEnd(request: ActiveRequest<Context>): void {
    const { type } = this.#record;
    const { ending } = this.#requests;
    if (!request.paramsEnded) {
      // An empty STDIN here means nothing: only PARAMS can end PARAMS.
      if (type !== FCGI_PARAMS) return;
      request.paramsEnded = true;
      if (request.params !== null) {
        const params = this.#requests.takeParams(request);
        const context = this.#events.onRequest(request.requestId, request.role, params);
        if (this.#requests.ending === undefined) request.context = context;
      }
    } else if (type === FCGI_STDIN && !request.stdinEnded) {
      request.stdinEnded = true;
      if (ending === undefined) this.#events.onStdinEnd(request.context!);
    } else if (type === FCGI_DATA && request.role === FCGI_FILTER && !request.dataEnded) {
      request.dataEnded = true;
      if (ending === undefined) this.#events.onDataEnd(request.context!);
    }
    if (ending?.request === request && hasEnded(request)) this.#endRequest(request, ending.end);
  }

  #begin({ role, keepConn }: BeginRequestBody): void {
    const { requestId } = this.#record;
    if (this.#requests.has(requestId)) throw badOrder("FCGI_BEGIN_REQUEST for an active id", requestId);
    // The web server has said that this connection ends: it reads no more answers than those begun.
    if (this.#closing) return;
    const { ending } = this.#requests;
    if (ending !== undefined) this.#endRequest(ending.request, ending.end);
    const { roles, capabilities, maxUnfinished } = this.#options;
    const refusal = !roles.includes(role)
      ? FCGI_UNKNOWN_ROLE
      : this.#requests.size > 0 && !capabilities.multiplex
      ? FCGI_CANT_MPX_CONN
      : this.#requests.unfinished >= maxUnfinished
      ? FCGI_OVERLOADED
      : FCGI_REQUEST_COMPLETE;
    const accepted = refusal === FCGI_REQUEST_COMPLETE;
    const request = newRequest<Context>(requestId, role, keepConn, accepted, this.#nowMs);
    this.#requests.add(request);
    if (accepted) return;
    // As in `endAfterInput`: nothing is known yet of the web server that sends this request.
    if (keepConn && this.#requests.size === 1) this.#requests.letEnd(request, endBody(0, refusal), this.#nowMs);
    else this.#endRequest(request, endBody(0, refusal));
  }

  #abort(request: ActiveRequest<Context>): void {
    const { ending } = this.#requests;
    if (ending !== undefined) return this.#endRequest(request, ending.end);
    // HAProxy begins and aborts requests that it cannot encode, without any PARAMS: no handler knows of them.
    if (request.params !== null) return this.#endRequest(request, endBody(0, FCGI_REQUEST_COMPLETE));
    if (request.aborted) return;
    request.aborted = true;
    this.#events.onAbort(request.context!);
  }

  #manage(): void {
    const { type } = this.#record;
    if (type === FCGI_GET_VALUES) {
      this.#output.getValuesResult(answerGetValues(this.#discrete.take(), this.#options.capabilities));
    } else {
      this.#output.unknownType(type);
    }
  }
}
