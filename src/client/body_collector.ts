/**
 * Reads bodies before their requests are given a connection, so that a slow sender holds no worker of PHP-FPM.
 *
 * Owns the bodies being read, how many bytes have been collected, and how long each has been waiting. A body of unknown
 * length is read to its end, because PHP-FPM needs CONTENT_LENGTH; any other up to the usual size of a form or an API
 * call.
 */

import { BodyProgress } from "../connection/body_progress.ts";
import { checkChunk, wrongLength } from "../connection/outgoing_body.ts";
import { LimitError } from "../errors.ts";
import { ByteCollector } from "../protocol/byte_collector.ts";
import { inMemory, type OutgoingBody } from "./outgoing_request.ts";
import { bodyTimeout, requestTimeout } from "./request_errors.ts";

/** Bytes of a body of known length that are read ahead. */
const READ_AHEAD_BYTES = 1_048_576;
/** All bodies together may take this many times as much as one of unknown length. */
const SUM_FACTOR = 4;

/** Whether a body is read before it is sent; with `wantsLength`, also to know how long it is. */
export function needsCollecting({ source, length, isLocal }: OutgoingBody, wantsLength: boolean): boolean {
  return source !== undefined && !isLocal && (length !== undefined || wantsLength);
}

/** What limits the collecting. */
export interface CollectorSettings {
  readonly maxBufferedBodyBytes: number;
  readonly maxQueuedRequests: number;
  readonly bodyTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** A body being read. */
interface Reading {
  readonly progress: BodyProgress;
  readonly startedMs: number;
  fail(error: unknown): void;
}

/** The bodies being read. */
export class BodyCollector {
  readonly #settings: CollectorSettings;
  readonly #clock: { readonly nowMs: number };
  readonly #readings = new Set<Reading>();
  /** Bytes collected for requests that have not been answered. */
  #bytes = 0;

  /** Makes an idle collector; `clock` is the client's. */
  constructor(settings: CollectorSettings, clock: { readonly nowMs: number }) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Bodies being read. */
  get active(): number {
    return this.#readings.size;
  }

  /**
   * Reads a body of a request that began at `startedMs`.
   *
   * @throws {LimitError} If it is too long or too slow, or there are too many.
   * @throws {TypeError} If its length is wrong, or a chunk is not bytes.
   */
  collect(body: OutgoingBody, signal: AbortSignal | undefined, startedMs: number): Promise<OutgoingBody> {
    const { maxQueuedRequests } = this.#settings;
    if (this.#readings.size >= maxQueuedRequests) {
      const message = `Cannot send request: maxQueuedRequests, ${maxQueuedRequests}, wait for their bodies`;
      body.source!.cancel(undefined);
      throw new LimitError("maxQueuedRequests", maxQueuedRequests, message, { side: "upstream" });
    }
    return new Promise((resolve, reject) => {
      const end = (): boolean => {
        signal?.removeEventListener("abort", onAbort);
        return this.#readings.delete(reading);
      };
      const fail = (error: unknown): void => {
        if (!end()) return;
        reject(error);
        body.source!.cancel(error);
      };
      const onAbort = (): void => fail(signal!.reason);
      const reading: Reading = { progress: new BodyProgress(this.#clock.nowMs), startedMs, fail };
      this.#readings.add(reading);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#read(body, reading).then((read) => end() ? resolve(read) : this.release(read), fail);
    });
  }

  /** Releases a body that was collected: its request has been answered. */
  release(body: OutgoingBody): void {
    this.#bytes -= body.content?.length ?? 0;
  }

  /** Ends what takes too long; called now and then. */
  tick(): void {
    const { bodyTimeoutMs, requestTimeoutMs } = this.#settings;
    const { nowMs } = this.#clock;
    for (const { progress, startedMs, fail } of this.#readings) {
      if (progress.isLate(nowMs, bodyTimeoutMs)) fail(bodyTimeout(bodyTimeoutMs));
      else if (nowMs - startedMs >= requestTimeoutMs) fail(requestTimeout(requestTimeoutMs, "request"));
    }
  }

  /** Ends all of them. */
  close(reason: unknown): void {
    for (const { fail } of this.#readings) fail(reason);
  }

  async #read(body: OutgoingBody, reading: Reading): Promise<OutgoingBody> {
    const { source, length } = body;
    const collector = new ByteCollector();
    const isEnough = (): boolean => collector.length >= READ_AHEAD_BYTES || this.#bytes >= this.#maxBytes;
    try {
      while (length === undefined || !isEnough() || collector.length === length) {
        const { done, value } = await source!.read();
        if (!this.#readings.has(reading)) break;
        if (done) {
          if (length !== undefined && collector.length < length) {
            throw wrongLength("Cannot send request", collector.length, length);
          }
          return inMemory(collector.take());
        }
        checkChunk(value, "Cannot send request");
        this.#checkSize(collector.length + value.length, value.length, length);
        collector.add(value);
        collector.own();
        this.#bytes += value.length;
        reading.progress.add(value.length, this.#clock.nowMs);
      }
    } catch (error) {
      this.#bytes -= collector.length;
      throw error;
    }
    return { ...body, content: collector.take() };
  }

  get #maxBytes(): number {
    return SUM_FACTOR * this.#settings.maxBufferedBodyBytes;
  }

  #checkSize(size: number, added: number, length: number | undefined): void {
    const max = this.#settings.maxBufferedBodyBytes;
    if (length !== undefined) {
      if (size > length) throw wrongLength("Cannot send request", size, length);
    } else if (size > max) {
      throw new LimitError(
        "maxBufferedBodyBytes",
        max,
        `Cannot send request: its body has no Content-Length and is longer than maxBufferedBodyBytes, ${max}; raise ` +
          `it, give a Content-Length, or set unknownLengthBodies to "stream" if the application reads to the end`,
      );
    } else if (this.#bytes + added > this.#maxBytes) {
      const message = `Cannot send request: bodies of unknown length already take ${this.#bytes} bytes of memory`;
      throw new LimitError("maxBufferedBytes", this.#maxBytes, message, { side: "upstream" });
    }
  }
}
