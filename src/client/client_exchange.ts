/**
 * One request to an application, and its response.
 *
 * Owns how far they have come: the request's sender, the response's head and body, what came on FCGI_STDERR, and how it
 * ended. It ends exactly once: with END_REQUEST, by being given up, or with its connection.
 */

import {
  AppStatusError,
  FastCgiError,
  LimitError,
  type LimitName,
  ProtocolError,
  RequestRefusedError,
} from "../errors.ts";
import type { EndRequestBody } from "../protocol/record_bodies.ts";
import { FCGI_CANT_MPX_CONN } from "../protocol/constants.ts";
import { MAX_STREAM_CONTENT } from "../protocol/record_writer.ts";
import type { ClientSettings } from "./client_options.ts";
import type { OutgoingRequest, RequestEnd } from "./outgoing_request.ts";
import { type RequestOutput, RequestSender } from "./request_sender.ts";
import { ResponseBody, type ResponseBodyHost } from "./response_body.ts";
import { type ResponseHead, ResponseHeadReader } from "./response_head_reader.ts";

/** Who has an exchange: the queue, or a connection. */
export interface ExchangeOwner {
  /** The exchange is over without the application's doing. */
  giveUp(exchange: ClientExchange): void;
  /** Bytes of its body that wait to be read have become more, or fewer. */
  buffered(delta: number): void;
}

/** What an exchange is made of. */
export interface ExchangeParts {
  readonly settings: ClientSettings;
  readonly request: OutgoingRequest;
  /** `[name, value, …]` */
  readonly params: readonly string[];
  readonly role: number;
  readonly onEnd: ((end: RequestEnd) => void) | undefined;
  /** When `fetch` was called. */
  readonly startedMs: number;
}

/** Greatest length of a name and its value in bytes that one record surely holds. */
const MAX_WHOLE_PAIR = MAX_STREAM_CONTENT - 8;
/** Greatest amount of FCGI_STDERR that an error quotes, in characters. */
const MAX_QUOTED = 4096;
/** Methods that may be repeated without harm (RFC 9110 §9.2.1). */
const SAFE_METHOD = /^(?:GET|HEAD|OPTIONS)$/;

/** A request under way. */
export class ClientExchange implements ResponseBodyHost {
  readonly params: readonly string[];
  readonly role: number;
  readonly request: OutgoingRequest;
  /** The response, once its head has come. */
  readonly response: Promise<Response>;
  requestId = 0;
  #resolve!: (response: Response) => void;
  #reject!: (error: unknown) => void;
  readonly #settings: ClientSettings;
  readonly #onEnd: ((end: RequestEnd) => void) | undefined;
  readonly #startedMs: number;
  readonly #headReader: ResponseHeadReader;
  readonly #body: ResponseBody = new ResponseBody(this);
  readonly #onAbort = (): void => this.abort(this.request.signal!.reason);
  #owner: ExchangeOwner;
  #sender: RequestSender | undefined;
  #head: ResponseHead | undefined;
  #responded = false;
  #received = 0;
  #answered = false;
  #stderr = "";
  #stderrDecoder: InstanceType<typeof TextDecoder> | undefined;
  #over = false;
  #reused = false;
  #progressMs: number;
  #retriable = false;

  constructor({ settings, request, params, role, onEnd, startedMs }: ExchangeParts, owner: ExchangeOwner) {
    this.#settings = settings;
    this.request = request;
    this.params = params;
    this.role = role;
    this.#onEnd = onEnd;
    this.#startedMs = startedMs;
    this.#progressMs = performance.now();
    this.#owner = owner;
    this.#headReader = new ResponseHeadReader(request.method, settings.maxHeadBytes);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Whether it failed in a way that lets it be sent once more. */
  get retriable(): boolean {
    return this.#retriable;
  }

  /** Whether the response has been made. */
  get responded(): boolean {
    return this.#responded;
  }

  /** Whether it has ended, however. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether the request has been sent whole. */
  get sent(): boolean {
    return this.#sender?.done ?? false;
  }

  /** Writes the request's streams; BEGIN_REQUEST and PARAMS have been written to a `reused` connection, or to a new one. */
  send(output: RequestOutput, owner: ExchangeOwner, reused: boolean): void {
    this.#owner = owner;
    this.#reused = reused;
    this.#progressMs = performance.now();
    this.#sender = new RequestSender(output, this.requestId, () => void (this.#progressMs = performance.now()));
    this.#sender.send(this.role, this.request)?.catch((error) => {
      this.abort(error ?? new TypeError("Cannot send request: its body's stream failed without a reason"));
    });
  }

  /** Takes a part of STDOUT; if it is `lent`, what is to last is copied. */
  onStdout(content: Uint8Array, lent: boolean): void {
    if (this.#over) return;
    this.#answered = true;
    if (this.#head !== undefined) {
      this.#progressMs = performance.now();
      return this.#addBody(content, lent);
    }
    try {
      const found = this.#headReader.push(content);
      // Half a head is no progress, or one that trickles in would never be late.
      if (found === undefined) return;
      this.#head = found.head;
      this.#progressMs = performance.now();
      this.#addBody(content.subarray(found.bodyAt), lent);
    } catch (error) {
      this.abort(error);
    }
  }

  /** Takes a part of STDERR, which is lent. */
  onStderr(content: Uint8Array): void {
    if (this.#over) return;
    this.#answered = true;
    this.#stderrDecoder ??= new TextDecoder();
    const text = this.#stderrDecoder.decode(content, { stream: true });
    this.#stderr = (this.#stderr + text).slice(-MAX_QUOTED);
    try {
      this.#settings.onStderr(text, this.request);
    } catch (error) {
      this.abort(error);
    }
  }

  /** Makes the response if its head has come; called when all that came with it has been taken in. */
  respond(): void {
    if (this.#head === undefined || this.#responded) return;
    this.#responded = true;
    const { status, statusText, headers, hasBody } = this.#head;
    try {
      this.#resolve(new Response(hasBody ? this.#body.take() : null, { status, statusText, headers }));
    } catch (error) {
      const failure = new ProtocolError("BAD_HEAD", "Cannot make a Response of the application's", { cause: error });
      this.#reject(failure);
      this.abort(failure);
    }
  }

  /** The application has ended the request. */
  end({ appStatus, protocolStatus }: EndRequestBody): void {
    if (this.#over) return;
    const failure = protocolStatus === 0 ? this.#incomplete(appStatus) : refused(protocolStatus);
    this.#retriable = protocolStatus === FCGI_CANT_MPX_CONN && !this.#answered && this.#replayable;
    if (failure === undefined) this.#body.end();
    this.#finish(failure);
    if (this.#retriable) return;
    try {
      this.#onEnd?.({ appStatus });
    } catch (error) {
      // No response can be held back any more; the caller's fault must still be seen.
      this.#body.fail(error);
      if (!this.#responded) this.#reject(error);
    }
  }

  /** Its connection is of no use any more. A reused one may have been so before the request was sent. */
  lose(error: unknown): void {
    if (this.#over) return;
    this.#retriable = this.#reused && !this.#answered && this.#replayable && SAFE_METHOD.test(this.request.method);
    this.#finish(this.#answered ? error : noted(error, this.#cutPair()));
  }

  /** Gives the request up. */
  abort(reason: unknown): void {
    if (this.#over) return;
    this.#finish(reason);
    this.#owner.giveUp(this);
  }

  /** Gives the request up if it has waited for too long; called now and then. */
  checkTime(nowMs: number): void {
    const { requestTimeoutMs, queueTimeoutMs, headTimeoutMs, bodyTimeoutMs } = this.#settings;
    const late = (limit: LimitName, max: number, what: string): void =>
      this.abort(new LimitError(limit, max, `Cannot ${what} longer than ${limit}, ${max}`));
    const waitedMs = nowMs - this.#progressMs;
    if (requestTimeoutMs > 0 && nowMs - this.#startedMs >= requestTimeoutMs) {
      late("requestTimeoutMs", requestTimeoutMs, "finish request: it took");
    } else if (this.#sender === undefined) {
      if (queueTimeoutMs > 0 && waitedMs >= queueTimeoutMs) {
        late("queueTimeoutMs", queueTimeoutMs, "send request: it waited for a connection");
      }
    } else if (this.#head === undefined) {
      if (headTimeoutMs > 0 && waitedMs >= headTimeoutMs && !this.#sender.waitsForBody) {
        late("headTimeoutMs", headTimeoutMs, "read response: its head took");
      }
    } else if (bodyTimeoutMs > 0 && waitedMs >= bodyTimeoutMs && !this.#sender.waitsForBody) {
      late("bodyTimeoutMs", bodyTimeoutMs, "read response body: it stood still");
    }
  }

  // What the body tells:

  buffered(delta: number): void {
    if (delta < 0) this.#progressMs = performance.now();
    this.#owner.buffered(delta);
  }

  cancelled(reason: unknown): void {
    this.abort(reason);
  }

  /** Whether all of the request is in memory still. */
  get #replayable(): boolean {
    const { body, data } = this.request;
    return !(body.content instanceof ReadableStream) && !(data.content instanceof ReadableStream);
  }

  #addBody(content: Uint8Array, lent: boolean): void {
    const { expected, hasBody } = this.#head!;
    if (!hasBody) return;
    this.#received += content.length;
    if (expected !== undefined && this.#received > expected) {
      const past = `Cannot read response body: it goes past its Content-Length, ${expected}`;
      return this.abort(new ProtocolError("BAD_LENGTH", past));
    }
    this.#body.push(content, lent);
  }

  /** Names the parameter that does not fit into a record: PHP-FPM hangs up on a pair that is cut, without a word. */
  #cutPair(): string {
    const { params } = this;
    const at = params.findIndex((_, at) =>
      at % 2 === 0 && params[at]!.length + params[at + 1]!.length > MAX_WHOLE_PAIR
    );
    return at < 0 || this.#sender === undefined
      ? ""
      : `; its parameter ${params[at]} is too long for one record, and not every application takes it in parts`;
  }

  /** What is wrong with a response that has ended now. */
  #incomplete(appStatus: number): FastCgiError | undefined {
    const failed = (message: string): FastCgiError =>
      appStatus === 0 ? new ProtocolError("UNEXPECTED_END", message) : new AppStatusError(appStatus, message);
    const ended = `the application ended the request with appStatus ${appStatus}`;
    if (this.#head === undefined) {
      const { length } = this.#headReader;
      const got = length === 0 ? "nothing" : `${length} bytes of a head that is not whole`;
      return failed(`Cannot read response: ${ended} and ${got}`);
    }
    const { expected, hasBody } = this.#head;
    if (hasBody && expected !== undefined && this.#received < expected) {
      return failed(`Cannot read response body: ${ended} after ${this.#received} of its ${expected} bytes`);
    }
    // On a shared connection an application has no other way to say that the response broke off.
    if (appStatus !== 0 && expected === undefined) {
      return failed(`Cannot read response body: ${ended}, and no Content-Length vouches for it`);
    }
  }

  /** Nothing is sent or read from now on. */
  #finish(failure: unknown): void {
    this.#over = true;
    this.request.signal?.removeEventListener("abort", this.#onAbort);
    if (failure !== undefined) {
      const stderr = this.#stderr.trim();
      const error = stderr === "" ? failure : noted(failure, `; it wrote to FCGI_STDERR: ${stderr}`);
      this.#body.fail(error);
      // Once the head is there the body tells; before that there is nothing to read.
      if (this.#head === undefined) this.#reject(error);
    }
    if (!this.#retriable) this.#dropRequest(failure);
  }

  #dropRequest(reason: unknown): void {
    this.#sender?.stop(reason);
    for (const { content } of [this.request.body, this.request.data]) {
      if (content instanceof ReadableStream && !content.locked) content.cancel(reason).catch(() => {});
    }
  }
}

/** A copy of an error that says more: several requests may have failed with the same one. */
function noted(error: unknown, note: string): unknown {
  if (note === "" || !(error instanceof FastCgiError)) return error;
  const message = error.message + note;
  if (error instanceof ProtocolError) return new ProtocolError(error.code, message, { cause: error.cause ?? error });
  if (error instanceof LimitError) return new LimitError(error.limit, error.max, message);
  if (error instanceof RequestRefusedError) return new RequestRefusedError(error.protocolStatus, message);
  if (error instanceof AppStatusError) return new AppStatusError(error.appStatus, message);
  return error;
}

function refused(protocolStatus: number): RequestRefusedError {
  const names = ["", "FCGI_CANT_MPX_CONN", "FCGI_OVERLOADED", "FCGI_UNKNOWN_ROLE"];
  const name = names[protocolStatus] ?? "an unknown protocolStatus";
  return new RequestRefusedError(
    protocolStatus,
    `Cannot read response: the application refused the request with ${name} (${protocolStatus})`,
  );
}
