/**
 * One request and its response.
 *
 * Owns how far they have come: the request's bodies, its signal, what waits to be logged, and how it ended. It ends
 * exactly once: with END_REQUEST, by breaking off, or with its connection.
 */

import { isForbiddenMethod, isToken } from "../cgi/field.ts";
import type { Params } from "../cgi/params.ts";
import { contentLength } from "../cgi/request_headers.ts";
import { statusPage } from "../cgi/status_page.ts";
import { LimitError, ProtocolError, RequestAbortedError } from "../errors.ts";
import { FCGI_AUTHORIZER, FCGI_FILTER, FCGI_STDERR, FCGI_STDOUT } from "../protocol/constants.ts";
import type { Addr } from "../runtime/transport.ts";
import type { Handler, HandlerInfo } from "./handler.ts";
import { ExchangeInfo } from "./exchange_info.ts";
import { LazyRequest, type RequestSource } from "../fetch/lazy_request.ts";
import { IncomingBody, type IncomingBodyHost } from "../connection/incoming_body.ts";
import { knownParts, readResponse } from "../fetch/read_response.ts";
import { type ResponseOutput, ResponseSender } from "./response_sender.ts";
import type { Settings } from "./server_options.ts";

/** What an exchange needs of the connection that it takes place on. */
export interface ExchangeHost extends ResponseOutput, IncomingBodyHost {
  readonly settings: Settings;
  readonly peerAddr: Addr;
  /** Writes END_REQUEST, sends all that has been written, and forgets the exchange. */
  end(exchange: Exchange, appStatus: number): void;
  /** Makes the web server see that the response is not whole, and forgets the exchange. */
  breakOff(exchange: Exchange): void;
  /** Has a graceful shutdown wait. */
  waitUntil(promise: Promise<unknown>): void;
  /** Tells of an error; resolves to a response for it, if there is one. Never rejects. */
  report(error: unknown, request?: Request, info?: HandlerInfo): Promise<Response | undefined>;
}

/** Greatest amount of text that waits for the head to be sent before it, in characters. */
const MAX_LOG_LENGTH = 65_536;
/** A body's time begins anew with so many bytes, not with each: single ones, each just in time, would last for ever. */
const BODY_PROGRESS_BYTES = 1024;
/** Methods whose Request has no body, in any spelling: that is how a Request is made of them. */
const BODILESS_METHOD = /^(?:GET|HEAD)$/i;

/** A request under way. */
export class Exchange implements RequestSource {
  readonly requestId: number;
  readonly params: Params;
  readonly method: string;
  readonly role: number;
  readonly host: ExchangeHost;
  /** When it began, on the server's clock. */
  readonly startedMs: number;
  /** When its body last got on, on the server's clock. */
  bodyMs: number;
  /** Bytes of its body since then. */
  #bodyBytes = 0;
  readonly body: IncomingBody | null;
  readonly data: IncomingBody | null;
  readonly #expected: number | undefined;
  readonly #sender: ResponseSender;
  #url = "";
  #request: Request | undefined;
  #info: HandlerInfo | undefined;
  #controller: AbortController | null = null;
  #abortReason: RequestAbortedError | undefined;
  #failed = false;
  #over = false;
  /** Why the response was never sent whole. */
  #failure: { readonly reason: unknown } | undefined;
  #completion: { resolve(): void; reject(reason: unknown): void } | undefined;
  #completed: Promise<void> | undefined;
  #log = "";
  #logged = false;
  #appStatus = 0;

  constructor(host: ExchangeHost, requestId: number, role: number, params: Params, nowMs: number) {
    this.host = host;
    this.requestId = requestId;
    this.role = role;
    this.params = params;
    this.startedMs = this.bodyMs = nowMs;
    this.method = params.get("REQUEST_METHOD") ?? "";
    this.#sender = new ResponseSender(host, requestId);
    this.#expected = contentLength(params);
    const bodiless = role === FCGI_AUTHORIZER || BODILESS_METHOD.test(this.method) || this.#expected === 0;
    this.body = bodiless ? null : new IncomingBody(
      "request body",
      this.#expected,
      { name: "maxBodyBytes", max: host.settings.maxBodyBytes },
      host,
    );
    this.data = role === FCGI_FILTER
      ? new IncomingBody("FCGI_DATA", new ExchangeInfo(this).dataLength, undefined, host)
      : null;
  }

  /** The public URL. */
  get url(): string {
    return this.#url;
  }

  /** Aborted when the web server gives the request up. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** Settles with the response's fate. */
  get completed(): Promise<void> {
    if (this.#completed === undefined) {
      this.#completed = new Promise((resolve, reject) => this.#completion = { resolve, reject });
      // Most handlers that read it only want to know when, and an unhandled rejection would end the process.
      this.#completed.catch(() => {});
      if (this.#over) this.#complete();
    }
    return this.#completed;
  }

  /** Whether a part of the response has been written, and its end has not. */
  get begun(): boolean {
    return this.#sender.headWritten && !this.#over;
  }

  /** Has the handler answer; or answers what no handler can be asked. */
  run(handler: Handler, url: string | undefined): void {
    if (url === undefined || !isToken(this.method)) return this.refuse(400);
    if (isForbiddenMethod(this.method)) return this.refuse(501);
    if (this.#expected !== undefined && this.#expected > this.host.settings.maxBodyBytes) return this.refuse(413);
    this.#url = url;
    const lazy = new LazyRequest(this);
    this.#info = new ExchangeInfo(this);
    let response: Response | Promise<Response>;
    try {
      this.#request = this.host.settings.request === "native" ? LazyRequest.toNative(lazy) : lazy as unknown as Request;
      response = handler(this.#request, this.#info);
    } catch (error) {
      return void this.#fail(error);
    }
    if (response instanceof Response) this.#respond(response);
    else Promise.resolve(response).then((response) => this.#respond(response), (error) => this.#fail(error));
  }

  /** Answers with a status and no more, without asking a handler. */
  refuse(status: number): void {
    this.#send(statusPage(status));
  }

  /** The web server gives the request up: its signal fires, its bodies fail. A response that is ready is still sent. */
  abort(reason: RequestAbortedError): void {
    if (this.#over || this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.body?.fail(reason);
    this.data?.fail(reason);
    this.#controller?.abort(reason);
    this.#sender.cancel(reason);
  }

  /** After `abort`: nothing is sent any more. The caller ends the request. */
  giveUp(): void {
    if (!this.#over) this.#finish({ reason: this.#abortReason });
  }

  /** A part of its body has come. */
  bodyMoved(bytes: number, nowMs: number): void {
    this.#bodyBytes += bytes;
    if (this.#bodyBytes < BODY_PROGRESS_BYTES) return;
    this.#bodyBytes = 0;
    this.bodyMs = nowMs;
  }

  /** Its body has paused for longer than it may. */
  timeOutBody(bodyTimeoutMs: number): void {
    const what = this.#bodyBytes === 0 ? "none" : `only ${this.#bodyBytes} bytes`;
    const error = new LimitError(
      "bodyTimeoutMs",
      bodyTimeoutMs,
      `Cannot read request body: ${what} for ${bodyTimeoutMs} ms`,
    );
    this.body?.fail(error);
    this.data?.fail(error);
  }

  /** It has taken longer than it may. */
  timeOut(requestTimeoutMs: number): void {
    const reason = new RequestAbortedError(`The request took longer than requestTimeoutMs, ${requestTimeoutMs}`);
    this.abort(reason);
    if (this.#over) return;
    if (this.#sender.headWritten) this.#breakOff(reason);
    else this.refuse(503);
  }

  /** Writes a line to FCGI_STDERR, or keeps it until the head has been sent. */
  log(message: string): void {
    if (this.#over) return;
    const room = MAX_LOG_LENGTH - this.#log.length;
    this.#log += message.length < room ? message + "\n" : "…\n".slice(0, Math.max(0, room));
    // While the web server does not read, the log waits as well, and what does not fit is dropped.
    if (this.#sender.headWritten && this.host.flush()) {
      this.#writeLog();
      this.host.flush();
    }
  }

  /** Sets what END_REQUEST says. @throws {RangeError} If it is not an integer from 0 to 2^32 - 1. */
  setAppStatus(appStatus: number): void {
    if (appStatus >>> 0 !== appStatus) {
      throw new RangeError(`Cannot set appStatus: ${appStatus} is not 0 to 4294967295`);
    }
    this.#appStatus = appStatus;
  }

  #respond(response: unknown): void {
    if (this.#over) return discard(response);
    try {
      const sending = this.#send(readResponse(response, this.method));
      sending?.catch((error) => this.#fail(error));
    } catch (error) {
      discard(response);
      this.#fail(error);
    }
  }

  /** Sends a response and ends; a promise only for one that comes as a stream. */
  #send(parts: Parameters<ResponseSender["send"]>[0]): void | Promise<void> {
    const sending = this.#sender.send(parts, this.method);
    if (sending !== undefined) return sending.then(() => this.#end());
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    const { writer } = this.host;
    writer.streamEnd(FCGI_STDOUT, this.requestId);
    this.#writeLog();
    if (this.#logged) writer.streamEnd(FCGI_STDERR, this.requestId);
    this.#finish(undefined);
    this.host.end(this, this.#appStatus);
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#over) return;
    // A handler may throw undefined too.
    const aborted = this.#abortReason !== undefined && error === this.#abortReason;
    const response = aborted ? undefined : await this.host.report(error, this.#request, this.#info);
    if (this.#over) return discard(response);
    if (this.#sender.headWritten) return this.#breakOff(error);
    // A response for an error that fails in its turn is not asked for again.
    if (response !== undefined && !this.#failed) {
      this.#failed = true;
      return this.#respond(response);
    }
    if (!aborted) this.log(textOf(error));
    this.refuse(statusOf(error));
  }

  #breakOff(error: unknown): void {
    this.#finish({ reason: error });
    this.host.breakOff(this);
  }

  /** Nothing is read or sent from now on. */
  #finish(failure: { readonly reason: unknown } | undefined): void {
    this.#over = true;
    this.#failure = failure;
    this.#sender.stop(failure?.reason ?? this.#abortReason);
    this.body?.releaseCredit();
    this.data?.releaseCredit();
    if (this.body?.receiving || this.data?.receiving) {
      const reason = this.#abortReason ??
        new RequestAbortedError("Cannot read request body: the response has been sent");
      this.body?.fail(reason);
      this.data?.fail(reason);
    }
    if (this.#completed !== undefined) this.#complete();
  }

  #complete(): void {
    if (this.#failure === undefined) this.#completion?.resolve();
    else this.#completion?.reject(this.#failure.reason);
  }

  #writeLog(): void {
    if (this.#log === "") return;
    this.host.writer.stream(FCGI_STDERR, this.requestId, new TextEncoder().encode(this.#log));
    this.#log = "";
    this.#logged = true;
  }
}

/** An error for people, whatever was thrown: not every value can be made a string of. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.stack ?? error.message) : String(error);
  } catch {
    return "an error that cannot be written";
  }
}

/** The status for an error that no one has made a response of. */
function statusOf(error: unknown): number {
  if (error instanceof LimitError) return error.limit === "bodyTimeoutMs" ? 408 : 413;
  return error instanceof ProtocolError ? 400 : 500;
}

/** No one will read this response. */
function discard(response: unknown): void {
  try {
    if (response instanceof Response && knownParts(response) === undefined && !response.body?.locked) {
      response.body?.cancel().catch(() => {});
    }
  } catch {
    // A Response only by name.
  }
}
