/**
 * What a web server sends, as an application understands it: records in, requests and events out.
 *
 * Owns the record that is being read, and whether the web server has closed the connection to further requests.
 */

import { type ActiveRequest, type ActiveRequests, hasEnded, newRequest } from "./active_requests.ts";
import type { ApplicationEvents, ApplicationOptions } from "./application_events.ts";
import { type ApplicationOutput, endBody } from "./application_output.ts";
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
import { badLength, badOrder, type BeginRequestBody, decodeBeginRequest } from "./record_bodies.ts";
import type { RecordSink } from "./record_parser.ts";

/** The input of an application's end of a connection. */
export class ApplicationInput<Context> implements RecordSink {
  /** The time at which requests begin, by the caller's clock. */
  nowMs = 0;
  readonly #events: ApplicationEvents<Context>;
  readonly #options: ApplicationOptions;
  readonly #requests: ActiveRequests<Context>;
  readonly #output: ApplicationOutput;
  /** A request without KEEP_CONN has ended: close once no other is active. */
  #closing = false;
  // The record that is being read, and its request; undefined if the record is skipped.
  #type = 0;
  #requestId = 0;
  #contentLength = 0;
  #request: ActiveRequest<Context> | undefined;
  /** Content of a discrete record. */
  readonly #discrete = new ByteCollector();

  constructor(
    events: ApplicationEvents<Context>,
    options: ApplicationOptions,
    requests: ActiveRequests<Context>,
    output: ApplicationOutput,
  ) {
    this.#events = events;
    this.#options = options;
    this.#requests = requests;
    this.#output = output;
  }

  /** Whether the connection ends with the requests that are active. */
  get closing(): boolean {
    return this.#closing;
  }

  /** Ends the loan of the bytes that have been read. */
  own(): void {
    this.#discrete.own();
    this.#requests.ownParams();
  }

  /** Skips the rest of the record that is being read. */
  skip(): void {
    this.#request = undefined;
  }

  /** Writes END_REQUEST, with this body, and forgets the request. */
  endRequest(request: ActiveRequest<Context>, end: Uint8Array): void {
    this.#requests.delete(request);
    // It may have ended amid one of its records, whose rest is then skipped like the later ones.
    if (this.#request === request) this.#request = undefined;
    if (!request.keepConn) this.#closing = true;
    this.#output.endRequest(request.requestId, end);
  }

  recordStart(type: number, requestId: number, contentLength: number): void {
    this.#type = type;
    this.#requestId = requestId;
    this.#contentLength = contentLength;
    if (requestId === FCGI_NULL_REQUEST_ID) {
      if (type === FCGI_GET_VALUES) checkGetValues(contentLength);
    } else if (type === FCGI_BEGIN_REQUEST) {
      if (contentLength !== 8) throw badLength("FCGI_BEGIN_REQUEST", contentLength);
    } else {
      // Nearly always the one whose record came before.
      if (this.#request?.requestId !== requestId) this.#request = this.#requests.get(requestId);
    }
  }

  recordContent(content: Uint8Array): void {
    if (this.#requestId === FCGI_NULL_REQUEST_ID) {
      if (this.#type === FCGI_GET_VALUES) this.#discrete.add(content);
    } else if (this.#type === FCGI_BEGIN_REQUEST) {
      this.#discrete.add(content);
    } else if (this.#request !== undefined) {
      const { ending } = this.#requests;
      if (ending === undefined) this.#streamContent(this.#request, content);
      else ending.droppedBytes += content.length;
    }
  }

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

  #streamContent(request: ActiveRequest<Context>, content: Uint8Array): void {
    const { requestId, role, params, context } = request;
    const type = this.#type;
    if (type === FCGI_PARAMS) {
      if (request.paramsEnded) throw badOrder("FCGI_PARAMS after their end", requestId);
      if (params === null) return;
      if (params.length + content.length <= this.#options.maxParamsBytes) return params.add(content);
      this.#requests.takeParams(request);
      this.#begun(request, this.#events.onParamsTooLarge(requestId, role));
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

  /** The request is under way, unless it has been answered already. */
  #begun(request: ActiveRequest<Context>, context: Context): void {
    if (this.#requests.ending === undefined) request.context = context;
  }

  #streamEnd(request: ActiveRequest<Context>): void {
    const type = this.#type;
    const { ending } = this.#requests;
    if (!request.paramsEnded) {
      // An empty STDIN here means nothing: only PARAMS can end PARAMS.
      if (type !== FCGI_PARAMS) return;
      request.paramsEnded = true;
      if (request.params !== null) {
        const params = this.#requests.takeParams(request);
        this.#begun(request, this.#events.onRequest(request.requestId, request.role, params));
      }
    } else if (type === FCGI_STDIN && !request.stdinEnded) {
      request.stdinEnded = true;
      if (ending === undefined) this.#events.onStdinEnd(request.context!);
    } else if (type === FCGI_DATA && request.role === FCGI_FILTER && !request.dataEnded) {
      request.dataEnded = true;
      if (ending === undefined) this.#events.onDataEnd(request.context!);
    }
    if (ending?.request === request && hasEnded(request)) this.endRequest(request, ending.end);
  }

  #begin({ role, keepConn }: BeginRequestBody): void {
    const requestId = this.#requestId;
    if (this.#requests.has(requestId)) throw badOrder("FCGI_BEGIN_REQUEST for an active id", requestId);
    // The web server has said that this connection ends: it reads no more answers than those begun.
    if (this.#closing) return;
    const { ending } = this.#requests;
    if (ending !== undefined) this.endRequest(ending.request, ending.end);
    const { roles, capabilities, maxUnfinished } = this.#options;
    const refusal = !roles.includes(role)
      ? FCGI_UNKNOWN_ROLE
      : this.#requests.size > 0 && !capabilities.multiplex
      ? FCGI_CANT_MPX_CONN
      : this.#requests.unfinished >= maxUnfinished
      ? FCGI_OVERLOADED
      : FCGI_REQUEST_COMPLETE;
    const accepted = refusal === FCGI_REQUEST_COMPLETE;
    const request = newRequest<Context>(requestId, role, keepConn, accepted, this.nowMs);
    this.#requests.add(request);
    this.#request = request;
    if (accepted) return;
    // As in `endAfterInput`: nothing is known yet of the web server that sends this request.
    if (keepConn && this.#requests.size === 1) this.#requests.letEnd(request, endBody(0, refusal), this.nowMs);
    else this.endRequest(request, endBody(0, refusal));
    this.#events.onRefused?.(requestId, role, refusal);
  }

  #abort(request: ActiveRequest<Context>): void {
    const { ending } = this.#requests;
    if (ending !== undefined) return this.endRequest(request, ending.end);
    // HAProxy begins and aborts requests that it cannot encode, without any PARAMS: nobody has seen them.
    if (request.params !== null) return this.endRequest(request, endBody(0, FCGI_REQUEST_COMPLETE));
    if (request.aborted) return;
    request.aborted = true;
    this.#events.onAbort(request.context!);
  }

  #manage(): void {
    const type = this.#type;
    if (type === FCGI_GET_VALUES) {
      this.#output.getValuesResult(answerGetValues(this.#discrete.take(), this.#options.capabilities));
    } else {
      this.#output.unknownType(type);
    }
  }
}
