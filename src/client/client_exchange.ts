/**
 * One request to an application, and its response.
 *
 * Owns how far they have come, and how they ended: exactly once, with END_REQUEST, by being aborted, or with the
 * connection.
 *
 * | phase | meaning |
 * |---|---|
 * | `queued` | it waits for a connection |
 * | `asked` | it has been given to a connection; nothing has come back |
 * | `answered` | something has come back: the application has begun to work on it |
 * | `over` | it has ended |
 * | `retriable` | it has ended in a way that allows sending it again |
 */

import type { IncomingBodyHost } from "../connection/incoming_body.ts";
import { FCGI_CANT_MPX_CONN } from "../protocol/constants.ts";
import type { EndRequestBody } from "../protocol/record_bodies.ts";
import type { ClientSettings } from "./client_options.ts";
import { scriptHint, splitPairHint } from "./hints.ts";
import { IncomingResponse } from "./incoming_response.ts";
import { type OutgoingRequest, type RequestEnd, SAFE_METHOD } from "./outgoing_request.ts";
import { bodyTimeout, refusal, requestTimeout, upstreamFault, upstreamLimit, withNote } from "./request_errors.ts";
import { type RequestOutput, RequestSender } from "./request_sender.ts";
import { StderrLog } from "./stderr_log.ts";

/** The owner of an exchange: the queue, or a connection. */
export interface ExchangeOwner {
  /** The exchange has ended before the application ended it. */
  abandon(exchange: ClientExchange): void;
  /** The number of bytes of its body that wait to be read has changed. */
  buffered(delta: number): void;
}

/** A request to the application. */
export interface Call {
  readonly settings: ClientSettings;
  readonly clock: { readonly nowMs: number };
  readonly request: OutgoingRequest;
  /** `[name, value, …]` */
  readonly params: readonly string[];
  readonly role: number;
  readonly onEnd: ((end: RequestEnd) => void) | undefined;
  /** When `fetch` was called. */
  readonly startedMs: number;
}

/** A request under way. */
export class ClientExchange implements IncomingBodyHost {
  readonly call: Call;
  /** The response, once its head has come. */
  readonly response: Promise<Response>;
  requestId = 0;
  #settle!: { readonly resolve: (response: Response) => void; readonly reject: (error: unknown) => void };
  readonly #incoming: IncomingResponse;
  readonly #stderr: StderrLog;
  readonly #onAbort = (): void => this.abort(this.call.request.signal!.reason);
  #owner: ExchangeOwner;
  #sender: RequestSender | undefined;
  #phase: "queued" | "asked" | "answered" | "over" | "retriable" = "queued";
  /** Whether its connection has carried other requests before. */
  #reused = false;
  #progressMs: number;

  constructor(call: Call, owner: ExchangeOwner) {
    const { settings, clock, request } = call;
    this.call = call;
    this.#owner = owner;
    this.#progressMs = clock.nowMs;
    this.#stderr = new StderrLog(settings.onStderr, request);
    const note = (sentence: string): void => this.#stderr.note(sentence);
    this.#incoming = new IncomingResponse(request.method, settings.maxHeadBytes, this, note);
    this.response = new Promise((resolve, reject) => this.#settle = { resolve, reject });
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Whether it failed in a way that allows sending it again. */
  get retriable(): boolean {
    return this.#phase === "retriable";
  }

  /** Whether it waits for a connection. */
  get isQueued(): boolean {
    return this.#phase === "queued";
  }

  get #isOver(): boolean {
    return this.#phase === "over" || this.#phase === "retriable";
  }

  /** Whether the response has been made. */
  get responded(): boolean {
    return this.#incoming.made;
  }

  /** Whether the request has been sent whole. */
  get sent(): boolean {
    return this.#sender?.done ?? false;
  }

  /** Whether it does no harm to send it twice (RFC 9110 §9.2.1). */
  get isSafe(): boolean {
    return SAFE_METHOD.test(this.call.request.method);
  }

  /**
   * Writes the request's streams; BEGIN_REQUEST and PARAMS have been written to a `reused` connection, or to a new one.
   */
  send(output: RequestOutput & ExchangeOwner, reused: boolean): void {
    const { clock, role, request } = this.call;
    this.#owner = output;
    this.#reused = reused;
    this.#phase = "asked";
    this.#progressMs = clock.nowMs;
    this.#sender = new RequestSender(output, this.requestId, clock);
    this.#sender.send(role, request)?.catch((error) => {
      this.abort(error ?? new TypeError("Cannot send request: its body's stream failed without a reason"));
    });
  }

  /** Takes a part of STDOUT; what is kept of a `lent` one is copied. */
  onStdout(content: Uint8Array, lent: boolean): void {
    if (this.#isOver) return;
    this.#phase = "answered";
    try {
      if (this.#incoming.push(content, lent)) this.#progressMs = this.call.clock.nowMs;
    } catch (error) {
      this.abort(error);
    }
  }

  /** Takes a part of STDERR, which is lent. */
  onStderr(content: Uint8Array): void {
    if (this.#isOver) return;
    this.#phase = "answered";
    try {
      const hint = scriptHint(this.#stderr.add(content), this.call.params);
      if (hint !== undefined) this.#stderr.note(hint);
    } catch (error) {
      this.abort(error);
    }
  }

  /** Makes the Response if its head has come; called once the whole chunk has been processed. */
  respond(): void {
    if (!this.#incoming.hasHead || this.#incoming.made) return;
    try {
      this.#settle.resolve(this.#incoming.make());
    } catch (error) {
      const failure = upstreamFault("BAD_HEAD", "Cannot make a Response of the application's", error);
      this.#settle.reject(failure);
      this.abort(failure);
    }
  }

  /** The application has ended the request. */
  end({ appStatus, protocolStatus }: EndRequestBody): void {
    if (this.#isOver) return;
    const failure = protocolStatus === 0 ? this.#incoming.fault(appStatus) : refusal(protocolStatus);
    const retriable = protocolStatus === FCGI_CANT_MPX_CONN && this.#phase === "asked" && this.#replayable;
    if (failure === undefined) {
      this.#incoming.body.end();
      // The rest, still unread, does not hold up later requests.
      this.#incoming.body.releaseCredit();
    }
    this.#finish(failure, retriable);
    if (retriable) return;
    try {
      this.call.onEnd?.({ appStatus });
    } catch (error) {
      // Too late to withhold the response, but the caller's error must not be lost.
      this.#incoming.body.fail(error);
      if (!this.responded) this.#settle.reject(error);
    }
  }

  /** Its connection is gone. A reused one may have been gone before the request was sent. */
  connectionLost(error: unknown): void {
    if (this.#isOver) return;
    const unanswered = this.#phase === "asked";
    const retriable = this.#reused && unanswered && this.#replayable && this.isSafe;
    this.#finish(unanswered ? withNote(error, splitPairHint(this.call.params)) : error, retriable);
  }

  /** Ends it on the client's or the caller's initiative. */
  abort(reason: unknown): void {
    if (this.#isOver) return;
    this.#finish(reason);
    this.#owner.abandon(this);
  }

  /** Aborts it if it has waited for too long; called now and then. */
  checkTime(nowMs: number): void {
    const error = this.#lateness(nowMs);
    if (error !== undefined) this.abort(error);
  }

  // IncomingBodyHost:

  buffered(delta: number): void {
    if (delta < 0) this.#progressMs = this.call.clock.nowMs;
    this.#owner.buffered(delta);
  }

  cancelled(reason: unknown): void {
    this.abort(reason);
  }

  #lateness(nowMs: number): Error | undefined {
    const { requestTimeoutMs, queueTimeoutMs, headTimeoutMs, bodyTimeoutMs } = this.call.settings;
    if (nowMs - this.call.startedMs >= requestTimeoutMs) return requestTimeout(requestTimeoutMs, "upstream");
    const sender = this.#sender;
    if (sender === undefined) {
      if (nowMs - this.#progressMs < queueTimeoutMs) return undefined;
      const what = `Cannot send request: it waited for a connection longer than queueTimeoutMs, ${queueTimeoutMs}`;
      return upstreamLimit("queueTimeoutMs", queueTimeoutMs, what);
    }
    // While the caller's body gives nothing, the application may wait as well.
    if (sender.waitsForBody) return sender.isBodyLate(bodyTimeoutMs) ? bodyTimeout(bodyTimeoutMs) : undefined;
    const waitedMs = nowMs - Math.max(this.#progressMs, sender.sentMs);
    if (!this.#incoming.hasHead) {
      if (waitedMs < headTimeoutMs) return undefined;
      const what = `Cannot read response: its head took longer than headTimeoutMs, ${headTimeoutMs}`;
      return upstreamLimit("headTimeoutMs", headTimeoutMs, what);
    }
    if (waitedMs < bodyTimeoutMs) return undefined;
    const what = `Cannot read response body: it stood still longer than bodyTimeoutMs, ${bodyTimeoutMs}`;
    return upstreamLimit("bodyTimeoutMs", bodyTimeoutMs, what);
  }

  /** Whether the whole request is still in memory. */
  get #replayable(): boolean {
    const { body, data } = this.call.request;
    return body.source === undefined && data.source === undefined;
  }

  /** Nothing is sent or read from now on. */
  #finish(failure: unknown, retriable = false): void {
    this.#phase = retriable ? "retriable" : "over";
    const { request } = this.call;
    request.signal?.removeEventListener("abort", this.#onAbort);
    if (failure !== undefined) {
      const error = withNote(failure, this.#stderr.quote);
      this.#incoming.body.fail(error);
      // Before the head has come there is no body whose reading could fail.
      if (!this.#incoming.hasHead) this.#settle.reject(error);
    }
    this.#sender?.stop(failure);
    request.body.source?.cancel(failure);
    request.data.source?.cancel(failure);
  }
}
