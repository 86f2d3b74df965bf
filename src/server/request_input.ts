/**
 * The input of a request: STDIN, and DATA for a Filter.
 *
 * Owns the two bodies, and their progress.
 */

import { parseLength } from "../cgi/field.ts";
import { BodyProgress } from "../connection/body_progress.ts";
import { IncomingBody, type IncomingBodyHost } from "../connection/incoming_body.ts";
import { LimitError, RequestAbortedError } from "../errors.ts";
import { FCGI_FILTER } from "../protocol/constants.ts";
import type { RequestHead } from "./request_head.ts";

/** The bodies of a request. */
export class RequestInput {
  readonly body: IncomingBody | null;
  readonly data: IncomingBody | null;
  readonly #progress: BodyProgress;

  constructor(head: RequestHead, maxBodyBytes: number, host: IncomingBodyHost) {
    const { params, role, contentLength, startedMs } = head;
    this.#progress = new BodyProgress(startedMs);
    const limit = { name: "maxBodyBytes", max: maxBodyBytes } as const;
    this.body = head.hasBody ? new IncomingBody({ name: "request body", expected: contentLength, limit }, host) : null;
    const dataLength = parseLength(params.get("FCGI_DATA_LENGTH"));
    this.data = role === FCGI_FILTER ? new IncomingBody({ name: "FCGI_DATA", expected: dataLength }, host) : null;
  }

  /** Whether more may come. */
  get receiving(): boolean {
    return (this.body?.receiving || this.data?.receiving) ?? false;
  }

  /** Bytes of both that have come. */
  get receivedBytes(): number {
    return (this.body?.receivedBytes ?? 0) + (this.data?.receivedBytes ?? 0);
  }

  /** Whether `error` is the one that reading a body fails with. */
  failedWith(error: unknown): boolean {
    return this.body?.error === error || this.data?.error === error;
  }

  pushBody(content: Uint8Array, lent: boolean, nowMs: number): void {
    this.#progress.add(content.length, nowMs);
    this.body?.push(content, lent);
  }

  pushData(content: Uint8Array, lent: boolean, nowMs: number): void {
    this.#progress.add(content.length, nowMs);
    this.data?.push(content, lent);
  }

  /** No more will come: reading fails with `reason`. */
  fail(reason: unknown): void {
    this.body?.fail(reason);
    this.data?.fail(reason);
  }

  /** The request has been answered: what is unread holds nothing up, and the rest is dropped. */
  release(reason: RequestAbortedError | undefined): void {
    this.body?.releaseCredit();
    this.data?.releaseCredit();
    if (!this.receiving) return;
    this.fail(reason ?? new RequestAbortedError("Cannot read request body: the response has been sent"));
  }

  /** Fails them if they have made no progress for too long. While reading is paused, no time passes. */
  checkTime(bodyTimeoutMs: number, paused: boolean, nowMs: number): void {
    if (!this.receiving) return;
    if (paused || this.body?.hasUnread || this.data?.hasUnread) return this.#progress.restart(nowMs);
    if (!this.#progress.isLate(nowMs, bodyTimeoutMs)) return;
    const { bytes } = this.#progress;
    const what = `Cannot read request body: ${bytes === 0 ? "none" : `only ${bytes} bytes`} for ${bodyTimeoutMs} ms`;
    this.fail(new LimitError("bodyTimeoutMs", bodyTimeoutMs, what));
  }
}
