/**
 * The application's end of a FastCGI connection, without I/O: bytes in, events out; calls in, bytes out.
 *
 * Owns what the protocol says of a connection: which request ids are active, how far the input streams of each have
 * come, and whether the connection is to be closed. Never touches a socket, a timer or a promise, and never keeps a
 * body. Its laws:
 *
 * 1. A request is active from its BEGIN_REQUEST until its END_REQUEST is written; records of other ids are skipped
 *    (§3.3: late STDIN of a request answered early, ABORT after END).
 * 2. The id is free before END_REQUEST is written, so the web server may use it again at once.
 * 3. What a peer sends raises a ProtocolError out of `receive` or nothing; after that the connection is of no more use.
 * 4. Memory is bounded: `maxParamsBytes` a request, `maxUnfinished` requests whose PARAMS have not ended.
 */

import { ProtocolError } from "../errors.ts";
import {
  badLength,
  type BeginRequestBody,
  decodeBeginRequest,
  encodeEndRequest,
  encodeUnknownType,
} from "./record_bodies.ts";
import { ByteCollector } from "./byte_collector.ts";
import {
  FCGI_ABORT_REQUEST,
  FCGI_BEGIN_REQUEST,
  FCGI_CANT_MPX_CONN,
  FCGI_DATA,
  FCGI_END_REQUEST,
  FCGI_FILTER,
  FCGI_GET_VALUES,
  FCGI_GET_VALUES_RESULT,
  FCGI_NULL_REQUEST_ID,
  FCGI_OVERLOADED,
  FCGI_PARAMS,
  FCGI_REQUEST_COMPLETE,
  FCGI_STDIN,
  FCGI_UNKNOWN_ROLE,
  FCGI_UNKNOWN_TYPE,
} from "./constants.ts";
import { answerGetValues, type Capabilities } from "./get_values.ts";
import { RecordParser, type RecordSink } from "./record_parser.ts";
import { type RecordMemory, RecordWriter } from "./record_writer.ts";

/** Takes what happens to requests. `Request` is whatever the taker knows a request by. */
export interface ApplicationEvents<Request> {
  /** PARAMS have ended: the request can be served. `params`, the stream's content, is lent until the call returns. */
  onRequest(requestId: number, role: number, params: Uint8Array): Request;
  /** PARAMS have gone past `maxParamsBytes`. The request must be answered with `end`; the rest of it is skipped. */
  onParamsTooLarge(requestId: number, role: number): void;
  /** A part of STDIN, lent until `receive` returns. */
  onStdin(request: Request, content: Uint8Array): void;
  /** STDIN has ended. */
  onStdinEnd(request: Request): void;
  /** A part of DATA (Filter only), lent until `receive` returns. */
  onData(request: Request, content: Uint8Array): void;
  /** DATA has ended. */
  onDataEnd(request: Request): void;
  /** The web server gives the request up; it still wants an END_REQUEST (§5.4). Told once a request. */
  onAbort(request: Request): void;
}

/** What an {@linkcode ApplicationConnection} needs to know. */
export interface ApplicationOptions {
  /** The roles that are played; others are refused with FCGI_UNKNOWN_ROLE. */
  readonly roles: readonly number[];
  /** What FCGI_GET_VALUES is answered. `multiplex: false` refuses a second request with FCGI_CANT_MPX_CONN. */
  readonly capabilities: Capabilities;
  /** Greatest length of a request's PARAMS, in bytes. */
  readonly maxParamsBytes: number;
  /** Greatest number of requests whose PARAMS have not ended; one more is refused with FCGI_OVERLOADED. */
  readonly maxUnfinished: number;
  /** Memory that connections write to in turn. @default Memory of its own */
  readonly memory?: RecordMemory | undefined;
}

/** Greatest content of an FCGI_GET_VALUES that is read, in bytes; the three names there are take 48. */
const MAX_GET_VALUES_BYTES = 4096;

/** The end of nearly every request. */
const ENDED = encodeEndRequest({ appStatus: 0, protocolStatus: FCGI_REQUEST_COMPLETE });

/** One active request. */
interface ActiveRequest<Request> {
  readonly requestId: number;
  readonly role: number;
  readonly keepConn: boolean;
  /** Content of PARAMS until they end; then null. */
  params: ByteCollector | null;
  /** What `onRequest` gave, once PARAMS have ended. */
  context: Request | undefined;
  stdinEnded: boolean;
  dataEnded: boolean;
  aborted: boolean;
  /** When it began, by the caller's clock. */
  readonly begunMs: number;
  /** PARAMS went past `maxParamsBytes`: nothing more of it is read, even if `end` is called later. */
  skipped: boolean;
}

/**
 * The application's end of a connection.
 *
 * @example An application that answers at once
 * ```ts
 * import { ApplicationConnection, decodePairs, FCGI_RESPONDER, FCGI_STDOUT, WebServerConnection } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const application = new ApplicationConnection<number>({
 *   onRequest(requestId, _role, params) {
 *     assertEquals(decodePairs(params), ["REQUEST_METHOD", "GET"]);
 *     application.writer.stream(FCGI_STDOUT, requestId, new TextEncoder().encode("Status: 200 OK\r\n\r\n"));
 *     application.writer.streamEnd(FCGI_STDOUT, requestId);
 *     application.end(requestId);
 *     return requestId;
 *   },
 *   onParamsTooLarge: (requestId) => application.end(requestId),
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
export class ApplicationConnection<Request> implements RecordSink {
  /** Where the application's records are written; what it holds has yet to be sent. */
  readonly writer: RecordWriter;
  readonly #events: ApplicationEvents<Request>;
  readonly #options: ApplicationOptions;
  readonly #parser: RecordParser = new RecordParser(this);
  readonly #requests = new Map<number, ActiveRequest<Request>>();
  /** Requests whose PARAMS have not ended. */
  #unfinished = 0;
  /** A request without KEEP_CONN has ended: close once no other is active. */
  #closing = false;
  #nowMs = 0;
  // The record that is being read:
  #type = 0;
  #requestId = 0;
  #contentLength = 0;
  #request: ActiveRequest<Request> | undefined;
  /** Content of a discrete record. */
  readonly #discrete = new ByteCollector();

  /** Makes the end of a connection on which nothing has been received yet. */
  constructor(events: ApplicationEvents<Request>, options: ApplicationOptions) {
    this.#events = events;
    this.#options = options;
    this.writer = new RecordWriter(options.memory);
  }

  /** Requests that are active. */
  get active(): number {
    return this.#requests.size;
  }

  /** Requests whose PARAMS have not ended yet. */
  get unfinished(): number {
    return this.#unfinished;
  }

  /** When the first of those began, as `receive` was told; undefined if there is none. */
  get unfinishedSinceMs(): number | undefined {
    for (const { params, begunMs } of this.#requests.values()) {
      if (params !== null) return begunMs;
    }
    return undefined;
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
   * `nowMs` is the time by whatever clock `unfinishedSinceMs` is to be told by.
   *
   * @throws {ProtocolError} If the peer breaks the protocol. The connection must then be closed.
   */
  receive(chunk: Uint8Array, nowMs = 0): void {
    this.#nowMs = nowMs;
    this.#parser.push(chunk);
    this.#discrete.own();
    if (this.#unfinished > 0) { for (const request of this.#requests.values()) request.params?.own(); }
  }

  /**
   * Writes END_REQUEST, which frees the id. Further calls for it are ignored.
   *
   * STDOUT and STDERR are the caller's to end before.
   */
  end(requestId: number, appStatus = 0, protocolStatus: number = FCGI_REQUEST_COMPLETE): void {
    const request = this.#requests.get(requestId);
    if (request === undefined) return;
    this.#requests.delete(requestId);
    // It may have ended amid one of its records, whose rest is then skipped like the later ones.
    if (this.#request === request) this.#request = undefined;
    if (request.params !== null) this.#unfinished--;
    if (!request.keepConn) this.#closing = true;
    const plain = appStatus === 0 && protocolStatus === FCGI_REQUEST_COMPLETE;
    this.writer.record(FCGI_END_REQUEST, requestId, plain ? ENDED : encodeEndRequest({ appStatus, protocolStatus }));
  }

  /** Part of {@linkcode RecordSink}. */
  recordStart(type: number, requestId: number, contentLength: number): void {
    this.#type = type;
    this.#requestId = requestId;
    this.#contentLength = contentLength;
    if (requestId === FCGI_NULL_REQUEST_ID) {
      if (type === FCGI_GET_VALUES && contentLength > MAX_GET_VALUES_BYTES) {
        throw new ProtocolError("BAD_LENGTH", `Cannot answer FCGI_GET_VALUES: its content is ${contentLength} bytes`);
      }
    } else if (type === FCGI_BEGIN_REQUEST) {
      if (contentLength !== 8) throw badLength("FCGI_BEGIN_REQUEST", contentLength);
    } else {
      const request = this.#requests.get(requestId);
      this.#request = request?.skipped ? undefined : request;
    }
  }

  /** Part of {@linkcode RecordSink}. */
  recordContent(content: Uint8Array): void {
    if (this.#requestId === FCGI_NULL_REQUEST_ID) {
      if (this.#type === FCGI_GET_VALUES) this.#discrete.add(content);
    } else if (this.#type === FCGI_BEGIN_REQUEST) {
      this.#discrete.add(content);
    } else if (this.#request !== undefined) {
      this.#streamContent(this.#request, content);
    }
  }

  /** Part of {@linkcode RecordSink}. */
  recordEnd(): void {
    if (this.#requestId === FCGI_NULL_REQUEST_ID) {
      this.#manage();
    } else if (this.#type === FCGI_BEGIN_REQUEST) {
      this.#begin(decodeBeginRequest(this.#discrete.take()));
    } else if (this.#request !== undefined) {
      if (this.#type === FCGI_ABORT_REQUEST) this.#abort(this.#request);
      else if (this.#contentLength === 0) this.#streamEnd(this.#request);
    }
  }

  #streamContent(request: ActiveRequest<Request>, content: Uint8Array): void {
    const { requestId, role, params, context } = request;
    if (this.#type === FCGI_PARAMS) {
      if (params === null) throw badOrder("FCGI_PARAMS after their end", requestId);
      if (params.length + content.length <= this.#options.maxParamsBytes) return params.add(content);
      params.take();
      request.skipped = true;
      this.#request = undefined;
      this.#events.onParamsTooLarge(requestId, role);
    } else if (this.#type === FCGI_STDIN) {
      if (params !== null) throw badOrder("FCGI_STDIN before the end of FCGI_PARAMS", requestId);
      if (request.stdinEnded) throw badOrder("FCGI_STDIN after its end", requestId);
      this.#events.onStdin(context!, content);
    } else if (this.#type === FCGI_DATA && role === FCGI_FILTER) {
      if (params !== null) throw badOrder("FCGI_DATA before the end of FCGI_PARAMS", requestId);
      if (request.dataEnded) throw badOrder("FCGI_DATA after its end", requestId);
      this.#events.onData(context!, content);
    }
  }

  #streamEnd(request: ActiveRequest<Request>): void {
    if (request.params !== null) {
      // An empty STDIN here means nothing: only PARAMS can end PARAMS.
      if (this.#type !== FCGI_PARAMS) return;
      const params = request.params.take();
      request.params = null;
      this.#unfinished--;
      request.context = this.#events.onRequest(request.requestId, request.role, params);
    } else if (this.#type === FCGI_STDIN && !request.stdinEnded) {
      request.stdinEnded = true;
      this.#events.onStdinEnd(request.context!);
    } else if (this.#type === FCGI_DATA && request.role === FCGI_FILTER && !request.dataEnded) {
      request.dataEnded = true;
      this.#events.onDataEnd(request.context!);
    }
  }

  #begin({ role, keepConn }: BeginRequestBody): void {
    const requestId = this.#requestId;
    if (this.#requests.has(requestId)) throw badOrder("FCGI_BEGIN_REQUEST for an active id", requestId);
    // The web server has said that this connection ends: it reads no more answers than those begun.
    if (this.#closing) return;
    const { roles, capabilities, maxUnfinished } = this.#options;
    const refusal = !roles.includes(role)
      ? FCGI_UNKNOWN_ROLE
      : this.#requests.size > 0 && !capabilities.multiplex
      ? FCGI_CANT_MPX_CONN
      : this.#unfinished >= maxUnfinished
      ? FCGI_OVERLOADED
      : FCGI_REQUEST_COMPLETE;
    const params = new ByteCollector();
    this.#requests.set(requestId, {
      requestId,
      role,
      keepConn,
      params,
      context: undefined,
      stdinEnded: false,
      dataEnded: false,
      aborted: false,
      begunMs: this.#nowMs,
      skipped: false,
    });
    this.#unfinished++;
    if (refusal !== FCGI_REQUEST_COMPLETE) this.end(requestId, 0, refusal);
  }

  #abort(request: ActiveRequest<Request>): void {
    // HAProxy begins and aborts requests that it cannot encode, without any PARAMS: no one has seen them.
    if (request.params !== null) return this.end(request.requestId);
    if (request.aborted) return;
    request.aborted = true;
    this.#events.onAbort(request.context!);
  }

  #manage(): void {
    if (this.#type === FCGI_GET_VALUES) {
      const answer = answerGetValues(this.#discrete.take(), this.#options.capabilities);
      this.writer.record(FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, answer);
    } else {
      this.writer.record(FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, encodeUnknownType(this.#type));
    }
  }
}

function badOrder(what: string, requestId: number): ProtocolError {
  return new ProtocolError("BAD_ORDER", `Cannot accept ${what}: request ${requestId}`);
}
