/**
 * The connections of a server, or the one of `serveConnection`.
 *
 * Owns the set of them, the requests and promises under way on all together, the memory that they share, and what has
 * been counted. Knows nothing of listening, records, requests or responses.
 */

import type { RequestAbortedError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Transport, TransportSink } from "../runtime/transport.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { type Mistake, MistakeReporter, writeError } from "./console.ts";
import type { Handler, HandlerInfo } from "./handler.ts";
import { HeldParams } from "./held_params.ts";
import type { FinishedRequest } from "./response_watch.ts";
import { ServerClock } from "./server_clock.ts";
import { makeShared, type Shared } from "./shared.ts";
import type { Settings } from "./server_options.ts";

/** What a server has done so far and is doing now. */
export interface ServerStats {
  /** Connections open now. */
  readonly connections: number;
  /** Requests under way now. */
  readonly activeRequests: number;
  /** Requests received since the start, refused and aborted ones included. */
  readonly requests: number;
  /** Errors reported since the start. */
  readonly errors: number;
  /** When it started, in milliseconds on the scale of `performance.now()`. */
  readonly startTime: number;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Requests that were refused since the start, without asking a handler. */
  readonly refused: number;
  /** Requests that were aborted since the start: the web server left, or the server ended them. */
  readonly aborted: number;
  /** The most requests that have been under way at a time. */
  readonly peakRequests: number;
}

/** Connections under way, none at first. */
export class ConnectionSet implements ConnectionHost {
  readonly settings: Settings;
  readonly shared: Shared;
  readonly handlers: ReadonlyMap<number, Handler>;
  readonly #clock: ServerClock;
  readonly #onIdle: () => void;
  readonly #connections = new Set<Connection>();
  /** Connections beyond `maxConnections`, unread until others end, in the order in which they came. */
  readonly #waiting = new Set<Connection>();
  readonly #promises = new Set<Promise<unknown>>();
  readonly #mistakes = new MistakeReporter();
  readonly #heldParams: HeldParams;
  readonly #counts = {
    activeRequests: 0,
    requests: 0,
    errors: 0,
    startTime: 0,
    accepted: 0,
    refused: 0,
    aborted: 0,
    peakRequests: 0,
  };
  #closedBy: RequestAbortedError | undefined;

  /** `onIdle` is called whenever the last connection or the last promise has ended and none of either is left. */
  constructor(settings: Settings, handlers: ReadonlyMap<number, Handler>, clock: Clock, onIdle: () => void) {
    this.settings = settings;
    this.handlers = handlers;
    this.shared = makeShared(settings, handlers.keys());
    this.#heldParams = new HeldParams(settings);
    this.#clock = new ServerClock(clock, settings, (passedMs) => this.#tick(passedMs));
    this.#onIdle = onIdle;
    this.#counts.startTime = clock.now();
  }

  /** Whether there is no connection, and no promise that a shutdown waits for. */
  get idle(): boolean {
    return this.#connections.size === 0 && this.#promises.size === 0;
  }

  /** Whether any connection is open. */
  get connected(): boolean {
    return this.#connections.size > 0;
  }

  stats(): ServerStats {
    return { connections: this.#connections.size, ...this.#counts };
  }

  ref(): void {
    for (const connection of this.#connections) connection.ref();
  }

  unref(): void {
    for (const connection of this.#connections) connection.unref();
  }

  /** Adds a connection. */
  accept(transport: Transport): TransportSink {
    const connection = new Connection(transport, this);
    this.#counts.accepted++;
    this.#clock.start();
    if (this.#isFull) {
      this.#waiting.add(connection);
      connection.suspendReading();
    }
    this.#connections.add(connection);
    if (this.#closedBy !== undefined) connection.close(this.#closedBy);
    return connection;
  }

  /** Closes each connection once it has answered the requests under way, or one more. */
  drain(): void {
    for (const connection of this.#connections) connection.drain();
  }

  /** Closes the connections without a request under way; after `drain`. */
  endIdle(): void {
    for (const connection of this.#connections) connection.endIdle();
  }

  /** Aborts all requests, closes all connections, later ones too, and forgets the promises. */
  close(reason: RequestAbortedError): void {
    this.#closedBy = reason;
    this.#promises.clear();
    for (const connection of this.#connections) connection.close(reason);
  }

  // ConnectionHost:

  closed(connection: Connection): void {
    this.#connections.delete(connection);
    this.#waiting.delete(connection);
    for (const waiting of this.#waiting) {
      if (this.#isFull) break;
      this.#waiting.delete(waiting);
      waiting.resumeReading();
    }
    if (this.#connections.size > 0) return;
    this.#clock.stop();
    this.shared.bodyMemory.clear();
    if (this.idle) this.#onIdle();
  }

  tryBeginRequest(): boolean {
    const counts = this.#counts;
    counts.requests++;
    const active = ++counts.activeRequests;
    if (active > counts.peakRequests) counts.peakRequests = active;
    return active <= this.settings.maxRequests;
  }

  endRequest(): void {
    this.#counts.activeRequests--;
  }

  count(what: "refused" | "aborted"): void {
    this.#counts[what]++;
  }

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  now(): number {
    return this.#clock.now();
  }

  finish(finished: FinishedRequest): void {
    // A request ends amid the protocol, where no code of others runs.
    queueMicrotask(() => this.#callOnFinish(finished));
  }

  #callOnFinish(finished: FinishedRequest): void {
    const report = (error: unknown): void => writeError(error, finished.request, "onFinish failed: ");
    try {
      const result: unknown = this.settings.onFinish?.(finished);
      if (result instanceof Promise) result.catch(report);
    } catch (error) {
      report(error);
    }
  }

  waitUntil(promise: Promise<unknown>): void {
    const settled = promise.then(() => {}, (error) => void this.reportError(error)).then(() => {
      if (this.#promises.delete(settled) && this.idle) this.#onIdle();
    });
    this.#promises.add(settled);
  }

  async reportError(error: unknown, request?: Request, info?: HandlerInfo): Promise<Response | undefined> {
    this.#counts.errors++;
    const { onError } = this.settings;
    if (onError === undefined) {
      writeError(error, request);
      return undefined;
    }
    try {
      return await onError(error, request, info) ?? undefined;
    } catch (thrown) {
      writeError(thrown, request, "onError failed: ");
    }
  }

  reportMistake(mistake: Mistake, message: string): boolean {
    return this.#mistakes.report(mistake, message);
  }

  holdParams(bytes: number): void {
    this.#heldParams.add(bytes, this.#connections);
  }

  get #isFull(): boolean {
    return this.#connections.size - this.#waiting.size >= this.settings.maxConnections;
  }

  #tick(passedMs: number): void {
    this.shared.bodyMemory.tick(passedMs);
    for (const connection of this.#connections) connection.tick();
  }
}
