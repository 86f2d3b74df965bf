/**
 * What `onFinish` is called with, and what is noted for it while a request is under way.
 *
 * Owns when the request began, when the head of its response was written, how many bytes of its body, and what went wrong.
 */

import { FastCgiError, LimitError, RequestAbortedError } from "../errors.ts";
import type { HandlerInfo } from "./handler.ts";
import type { ResponseOutput } from "./response_sender.ts";

/** A request of which nothing more will be sent. Times are milliseconds on the scale of `performance.now()`. */
export interface FinishedRequest {
  /** What FastCGI says of the request. */
  readonly info: HandlerInfo;
  /** What the handler got; undefined if none was asked. */
  readonly request: Request | undefined;
  /** The status of the response whose head was sent; 0 if none was. */
  readonly status: number;
  /**
   * What became of it: `"sent"`, the response has been handed to the socket whole; `"refused"`, the server answered without
   * asking a handler; `"aborted"`, the web server left or the server ended it before that; `"broken"`, the response failed
   * after its head.
   */
  readonly outcome: Outcome;
  /**
   * Why, unless all went well: the name of a limit (`"maxBodyBytes"`), `"client left"`, `"server closed"`, a part of the
   * request that is wrong (`"method"`, `"url"`), an error's code or name. There are few, so it can label a metric.
   */
  readonly reason: string | undefined;
  /** What was thrown, or why the request was aborted. */
  readonly error: unknown;
  /** When the request's parameters had come. */
  readonly startTime: number;
  /** When the head of the response was written; undefined if none was. */
  readonly headTime: number | undefined;
  /** When it ended. */
  readonly endTime: number;
  /** Bytes of its body that came, and for a Filter of the file. */
  readonly bytesReceived: number;
  /** Bytes of the response's body that were handed to the socket. */
  readonly bytesSent: number;
}

/** What can become of a request. */
export type Outcome = "sent" | "refused" | "aborted" | "broken";

/** Called once for each request. */
export type FinishHandler = (finished: FinishedRequest) => void;

/** Takes note of a response on its way to the connection. */
export class ResponseWatch implements ResponseOutput {
  readonly startTime: number;
  headTime: number | undefined;
  bytesSent = 0;
  /** Why no handler was asked. */
  refusal: string | undefined;
  /** What a handler threw, or reading its response. */
  failure: { readonly error: unknown } | undefined;
  readonly #output: ResponseOutput;
  readonly #clock: { now(): number };

  constructor(output: ResponseOutput, clock: { now(): number }) {
    this.#output = output;
    this.#clock = clock;
    this.startTime = clock.now();
  }

  get protocol(): this {
    return this;
  }

  stdoutHead(requestId: number, head: string, body: Uint8Array): void {
    this.#output.protocol.stdoutHead(requestId, head, body);
    this.headTime = this.#clock.now();
    this.bytesSent += body.length;
  }

  stdoutText(requestId: number, head: string, body: string): boolean {
    const isWritten = this.#output.protocol.stdoutText(requestId, head, body);
    if (!isWritten) return false;
    this.headTime = this.#clock.now();
    this.bytesSent += body.length;
    return true;
  }

  stdout(requestId: number, content: Uint8Array): void {
    this.#output.protocol.stdout(requestId, content);
    this.bytesSent += content.length;
  }

  flush(): boolean {
    return this.#output.flush();
  }

  writable(): Promise<void> {
    return this.#output.writable();
  }

  /** What became of a request that has ended; `broken` with a response that was not sent whole. */
  fate(
    abortReason: RequestAbortedError | undefined,
    broken: boolean,
  ): Pick<FinishedRequest, "outcome" | "reason" | "error" | "startTime" | "headTime" | "endTime" | "bytesSent"> {
    const { refusal, failure, startTime, headTime, bytesSent } = this;
    const error = abortReason ?? failure?.error;
    const outcome = abortReason !== undefined
      ? "aborted"
      : broken
      ? "broken"
      : refusal !== undefined
      ? "refused"
      : "sent";
    const wentWell = abortReason === undefined && failure === undefined;
    const reason = refusal ?? (wentWell ? undefined : reasonOf(error));
    return { outcome, reason, error, startTime, headTime, endTime: this.#clock.now(), bytesSent };
  }
}

/** A word for an error, of which there are few. */
function reasonOf(error: unknown): string {
  if (error instanceof LimitError) return error.limit;
  if (error instanceof RequestAbortedError) {
    if (error.cause instanceof FastCgiError) return reasonOf(error.cause);
    return error.by === "peer" ? "client left" : "server closed";
  }
  if (error instanceof FastCgiError) return error.code;
  return error instanceof Error && typeof error.name === "string" ? error.name : "error";
}
