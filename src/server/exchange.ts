/**
 * One request and its response.
 *
 * Owns how far they have come: the request's input, its signal, its log, and how it ended. It ends exactly once: with
 * END_REQUEST, with a truncated response, or with its connection. Never writes a record itself.
 */

import { failureStatus } from "../cgi/failure_status.ts";
import { mountLocation } from "../cgi/mount.ts";
import type { Params } from "../cgi/params.ts";
import { statusPage } from "../cgi/status_page.ts";
import { cancelUnread } from "../connection/foreign_stream.ts";
import type { IncomingBody, IncomingBodyHost } from "../connection/incoming_body.ts";
import { FastCgiError, LimitError, RequestAbortedError } from "../errors.ts";
import type { BodyMemory } from "../fetch/body_memory.ts";
import { LazyRequest, type RequestSource } from "../fetch/lazy_request.ts";
import { isResponse, knownParts, readResponse } from "../fetch/read_response.ts";
import type { ResponseParts } from "../fetch/response_parts.ts";
import { FCGI_FILTER } from "../protocol/constants.ts";
import type { Addr } from "../runtime/transport.ts";
import { findRefusal, type Refusal } from "./admission.ts";
import { Completion } from "./completion.ts";
import type { Mistake } from "./console.ts";
import { errorText } from "./error_text.ts";
import { ExchangeInfo } from "./exchange_info.ts";
import type { Handler, HandlerInfo } from "./handler.ts";
import type { RequestHead } from "./request_head.ts";
import { RequestInput } from "./request_input.ts";
import { type LogOutput, RequestLog } from "./request_log.ts";
import { RequestSignal } from "./request_signal.ts";
import { type ResponseOutput, ResponseSender } from "./response_sender.ts";
import { type FinishedRequest, ResponseWatch } from "./response_watch.ts";
import type { Settings } from "./server_options.ts";

/** What an exchange needs of its server. */
export interface ExchangeServer {
  readonly shared: { readonly bodyMemory: BodyMemory };
  readonly settings: Settings;
  /** Lets a graceful shutdown wait. */
  waitUntil(promise: Promise<unknown>): void;
  /** Reports an error; resolves to a response for it, if there is one. Never rejects. */
  reportError(error: unknown, request?: Request, info?: HandlerInfo): Promise<Response | undefined>;
  /** The time, in milliseconds; finer than `nowMs`, and dearer. */
  now(): number;
  /** Counts a request that no handler is asked for, or that is aborted. */
  count(what: "refused" | "aborted"): void;
  /** Calls `onFinish`, which there is, a little later. */
  finish(finished: FinishedRequest): void;
  /** Reports a mistake in the configuration once; returns whether it did. */
  reportMistake(mistake: Mistake, message: string): boolean;
}

/** What an exchange needs of its connection. */
export interface ExchangeConnection extends ResponseOutput, IncomingBodyHost {
  readonly protocol: ResponseOutput["protocol"] & LogOutput;
  readonly peerAddr: Addr;
  /** Ends the request: its response has been written. */
  end(exchange: Exchange, appStatus: number): void;
  /** Ends the request such that the web server notices that the response is not whole. */
  truncateResponse(exchange: Exchange): void;
}

const NO_METHOD =
  "The web server sends no REQUEST_METHOD: add `include fastcgi_params;` next to fastcgi_pass (nginx), " +
  "or whatever makes it send the CGI variables; until then each request is answered 400";
const NO_MOUNT = "stripMount has nothing to strip: the web server reports no mount for this request; set the option " +
  'mount, as in mount: "/app", or leave stripMount out where the application is at the root';

/** A request under way. */
export class Exchange implements RequestSource {
  readonly connection: ExchangeConnection;
  readonly server: ExchangeServer;
  readonly head: RequestHead;
  /** STDIN and DATA; null if there is neither. */
  readonly input: RequestInput | null;
  readonly #sender: ResponseSender;
  #request: Request | undefined;
  #info: HandlerInfo | undefined;
  #signal: RequestSignal | undefined;
  /** `failed`: the response that is being sent is the one for an error. */
  #phase: "open" | "failed" | "ended" = "open";
  #completion: Completion | undefined;
  #log: RequestLog | undefined;
  #appStatus = 0;

  constructor(connection: ExchangeConnection, server: ExchangeServer, head: RequestHead) {
    this.connection = connection;
    this.server = server;
    this.head = head;
    const isWatched = server.settings.onFinish !== undefined;
    const watch = isWatched ? new ResponseWatch(connection, server) : undefined;
    this.#sender = new ResponseSender(connection, head.requestId, watch);
    this.input = head.hasBody || head.role === FCGI_FILTER
      ? new RequestInput(head, server.settings.maxBodyBytes, connection)
      : null;
  }

  get method(): string {
    return this.head.method;
  }

  /** The public URL. */
  get url(): string {
    return this.head.url ?? "";
  }

  get params(): Params {
    return this.head.params;
  }

  get body(): IncomingBody | null {
    return this.input?.body ?? null;
  }

  get bodyMemory(): BodyMemory {
    return this.server.shared.bodyMemory;
  }

  /** Aborted when the web server aborts the request, or its connection ends. */
  get signal(): AbortSignal {
    return (this.#signal ??= new RequestSignal()).signal;
  }

  /** Settles with the response's fate. */
  get completed(): Promise<void> {
    if (this.#completion === undefined) {
      this.#completion = new Completion();
      if (this.ended) this.#completion.settle(undefined);
    }
    return this.#completion.promise;
  }

  /** Whether nothing is read or sent any more. */
  get ended(): boolean {
    return this.#phase === "ended";
  }

  /** Whether a part of the response has been written, and its end has not. */
  get responding(): boolean {
    return this.#sender.headWritten && !this.ended;
  }

  /** Lets the handler answer, unless the request is refused. */
  run(handler: Handler): void {
    const { settings } = this.server;
    const refusal = findRefusal(this.head, settings);
    if (this.head.method === "") this.#reportMistake("no REQUEST_METHOD", NO_METHOD);
    if (refusal !== undefined) return this.refuse(refusal);
    if (settings.stripMount && settings.mount === undefined && this.head.mount.scriptName === "") {
      this.#reportMistake("no mount", NO_MOUNT);
    }
    const lazy = new LazyRequest(this);
    this.#info = new ExchangeInfo(this);
    let response: Response | Promise<Response>;
    try {
      this.#request = settings.request === "native" ? LazyRequest.toNative(lazy) : lazy as unknown as Request;
      response = handler(this.#request, this.#info);
    } catch (error) {
      return void this.#respondToError(error);
    }
    if (response instanceof Response) this.#respond(response);
    else Promise.resolve(response).then((response) => this.#respond(response), (error) => this.#respondToError(error));
  }

  /** Answers with a status and no more, without asking a handler. */
  refuse({ status, reason }: Refusal): void {
    this.#refused(reason);
    this.#send(statusPage(status));
  }

  /** The protocol has refused it already: there is nothing to answer. */
  refusedByProtocol(reason: string): void {
    this.#refused(reason);
    this.#end(undefined);
  }

  /** The request is aborted: its signal fires, its input fails. A response that is ready is still sent. */
  abort(reason: RequestAbortedError): void {
    if (this.ended || this.#abortReason !== undefined) return;
    this.input?.fail(reason);
    (this.#signal ??= new RequestSignal()).abort(reason);
    this.#sender.cancel(reason);
  }

  /** After `abort`: nothing is sent any more. Returns whether it had not ended before. */
  abandon(): boolean {
    if (this.ended) return false;
    this.#end({ reason: this.#abortReason });
    return true;
  }

  /** It has taken longer than it may. */
  timeOut(requestTimeoutMs: number): void {
    const message = `The request took longer than requestTimeoutMs, ${requestTimeoutMs}`;
    const cause = new LimitError("requestTimeoutMs", requestTimeoutMs, message);
    const reason = new RequestAbortedError(message, { by: "self", cause });
    this.abort(reason);
    if (this.ended) return;
    if (this.#sender.headWritten) this.#truncate(reason);
    else this.#send(statusPage(503));
  }

  /** Writes a line to FCGI_STDERR, or keeps it until the head has been sent. */
  log(message: string): void {
    if (this.ended) return;
    (this.#log ??= new RequestLog()).add(message);
    // While the web server does not read, the log waits as well, and what does not fit is dropped.
    if (this.#sender.headWritten && this.connection.flush()) {
      this.#log.write(this.connection.protocol, this.head.requestId);
      this.connection.flush();
    }
  }

  /** Sets what END_REQUEST says. @throws {RangeError} If it is not an integer from 0 to 2^32 - 1. */
  setAppStatus(appStatus: number): void {
    if (appStatus >>> 0 !== appStatus) {
      throw new RangeError(`Cannot set appStatus: ${appStatus} is not 0 to 4294967295`);
    }
    this.#appStatus = appStatus;
  }

  get #abortReason(): RequestAbortedError | undefined {
    return this.#signal?.reason;
  }

  #refused(reason: string): void {
    this.server.count("refused");
    const { watch } = this.#sender;
    if (watch !== undefined) watch.refusal = reason;
  }

  #reportMistake(mistake: Mistake, message: string): void {
    if (this.server.reportMistake(mistake, message)) this.log(`webfcgi: ${message}`);
  }

  #respond(response: unknown): void {
    if (this.ended) return discard(response);
    try {
      const sending = this.#send(this.#underMount(readResponse(response, this.method)));
      sending?.catch((error) => this.#respondToError(error));
    } catch (error) {
      discard(response);
      this.#respondToError(error);
    }
  }

  /** A response whose Location, if the application knows nothing of its mount, has it nevertheless. */
  #underMount(parts: ResponseParts): ResponseParts {
    if (!this.server.settings.stripMount) return parts;
    const { scriptName } = this.head.mount;
    if (scriptName === "") return parts;
    const mounted = (
      [name, value]: readonly [string, string],
    ): [string, string] => [
      name,
      name.toLowerCase() === "location" ? mountLocation(value, scriptName, this.url) : value,
    ];
    return { ...parts, headers: Array.from(parts.headers, mounted) };
  }

  /** Sends a response and ends; a promise only for one that comes as a stream. */
  #send(parts: ResponseParts): void | Promise<void> {
    const sending = this.#sender.send(parts, this.method);
    if (sending !== undefined) return sending.then(() => this.#complete());
    this.#complete();
  }

  #complete(): void {
    if (this.ended) return;
    this.#log?.write(this.connection.protocol, this.head.requestId);
    this.#end(undefined);
    this.connection.end(this, this.#appStatus);
  }

  async #respondToError(error: unknown): Promise<void> {
    if (this.ended) return;
    const { watch } = this.#sender;
    // A handler may throw undefined too.
    if (watch !== undefined) watch.failure = { error };
    const aborted = this.#abortReason !== undefined && error === this.#abortReason;
    const response = aborted ? undefined : await this.server.reportError(error, this.#request, this.#info);
    if (this.ended) return discard(response);
    if (this.#sender.headWritten) return this.#truncate(error);
    // There is no second response for an error: the one for the first may be what failed.
    if (response !== undefined && this.#phase === "open") {
      this.#phase = "failed";
      return this.#respond(response);
    }
    if (!aborted) this.log(errorText(error));
    this.#send(statusPage(this.#statusOf(error)));
  }

  /** The status for an error without a response: only the request's own input can be the HTTP client's fault. */
  #statusOf(error: unknown): number {
    if (!(error instanceof FastCgiError)) return 500;
    const status = failureStatus(error);
    return status >= 500 || this.input?.failedWith(error) ? status : 500;
  }

  #truncate(error: unknown): void {
    this.#end({ reason: error });
    this.connection.truncateResponse(this);
  }

  /** Nothing is read or sent from now on. */
  #end(failure: { readonly reason: unknown } | undefined): void {
    this.#phase = "ended";
    const abortReason = this.#abortReason;
    if (abortReason !== undefined) this.server.count("aborted");
    this.#sender.stop(failure?.reason ?? abortReason);
    this.input?.release(abortReason);
    if (failure !== undefined) this.#completion ??= new Completion();
    this.#completion?.settle(failure);
    const { watch } = this.#sender;
    if (watch !== undefined) this.#finish(watch.fate(abortReason, failure !== undefined));
  }

  #finish(fate: ReturnType<ResponseWatch["fate"]>): void {
    const { status } = this.#sender;
    const bytesReceived = this.input?.receivedBytes ?? 0;
    const info = this.#info ??= new ExchangeInfo(this);
    this.server.finish({ info, request: this.#request, status, ...fate, bytesReceived });
  }
}

/** Releases a response that will not be sent. */
function discard(response: unknown): void {
  try {
    if (!isResponse(response) || knownParts(response) !== undefined) return;
    const { body, headers } = response;
    if (body !== null && !body.locked) cancelUnread(body, headers.get("content-type"));
  } catch {
    // A Response only by name.
  }
}
