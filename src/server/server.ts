/**
 * The server: who listens, the connections, and the end of both.
 *
 * Owns the listener, the set of connections, the count of requests under way, the clock, and what a graceful shutdown
 * waits for. Knows nothing of records, requests or responses.
 */

import { RequestAbortedError } from "../errors.ts";
import { RecordMemory } from "../protocol/record_writer.ts";
import { startClock } from "../runtime/clock.ts";
import type { Addr, Listener, Transport, TransportSink } from "../runtime/transport.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { type Mistake, MistakeReporter, writeError } from "./console.ts";
import type { Handler, HandlerInfo } from "./handler.ts";
import { HeldParams } from "./held_params.ts";
import type { Settings } from "./server_options.ts";
import { DRAIN_TIMEOUT_MS } from "./timeouts.ts";

/** What a server has done and is doing. */
export interface ServerStats {
  /** Connections open now. */
  readonly connections: number;
  /** Requests under way now. */
  readonly activeRequests: number;
  /** Requests served since the start, refused and aborted ones included. */
  readonly requests: number;
  /** Errors reported since the start. */
  readonly errors: number;
}

/** A running server, in the shape of `Deno.HttpServer`. */
export interface Server extends AsyncDisposable {
  /** Where it listens. @throws {TypeError} Before `ready` has resolved. */
  readonly addr: Addr;
  /** Resolves once it listens; rejects if it cannot. */
  readonly ready: Promise<void>;
  /** Resolves once it has been shut down or closed and all connections are gone; rejects if it could not listen. */
  readonly finished: Promise<void>;
  /**
   * Ends gracefully: accepts no more connections, answers the requests that have been sent, waits for what was handed
   * to `waitUntil`, and aborts what still runs after `shutdownTimeoutMs`.
   */
  shutdown(): Promise<void>;
  /** Ends at once: aborts all requests. */
  close(): Promise<void>;
  /** Lets the server keep the process alive (the default). */
  ref(): void;
  /** Lets the process exit in spite of the server. */
  unref(): void;
  /** What it has done and is doing. */
  stats(): ServerStats;
}

/** Greatest time between two ticks of the clock, in milliseconds; less where a time-out asks for it. */
const MAX_TICK_MS = 1000;
/** A timer of more milliseconds goes off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** How long a kept connection waits for one more request at a shutdown before it is closed, in milliseconds. */
const LAST_REQUEST_MS = 100;

/** A server under way. */
export class FastCgiServer implements Server, ConnectionHost {
  readonly settings: Settings;
  readonly memory: RecordMemory = new RecordMemory();
  readonly handlers: ReadonlyMap<number, Handler>;
  nowMs = 0;
  readonly #ready: Promise<void>;
  readonly #finished: Promise<void>;
  #finish!: () => void;
  #listener: Listener | undefined;
  readonly #connections = new Set<Connection>();
  /** Connections beyond `maxConnections`, unread until others end, in the order in which they came. */
  readonly #held = new Set<Connection>();
  readonly #mistakes = new MistakeReporter();
  readonly #heldParams: HeldParams;
  readonly #pending = new Set<Promise<unknown>>();
  #stopClock: (() => void) | undefined;
  #ending: Promise<void> | undefined;
  /** The listener is closed: no new connection can come. */
  #stopped = false;
  #closed = false;
  #unreffed = false;
  #activeRequests = 0;
  #requests = 0;
  #errors = 0;

  /** Makes a server that listens as soon as `listen` has resolved, and shuts down when `signal` is aborted. */
  constructor(
    settings: Settings,
    handlers: ReadonlyMap<number, Handler>,
    signal: AbortSignal | undefined,
    listen: (server: FastCgiServer) => Promise<Listener>,
  ) {
    this.settings = settings;
    this.handlers = handlers;
    this.#heldParams = new HeldParams(settings);
    const onAbort = (): void => void this.shutdown();
    const finished = new Promise<void>((resolve) => {
      this.#finish = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
    });
    this.#ready = listen(this).then((listener) => this.#listening(listener));
    this.#finished = this.#ready.then(() => finished);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  }

  get addr(): Addr {
    if (this.#listener === undefined) {
      throw new TypeError("Cannot read addr: the server does not listen yet; await ready");
    }
    return this.#listener.addr;
  }

  // A server that cannot listen must not fail in silence, nor twice: who has read either promise is told by that one.
  get ready(): Promise<void> {
    this.#finished.catch(() => {});
    return this.#ready;
  }

  get finished(): Promise<void> {
    this.#ready.catch(() => {});
    return this.#finished;
  }

  stats(): ServerStats {
    return {
      connections: this.#connections.size,
      activeRequests: this.#activeRequests,
      requests: this.#requests,
      errors: this.#errors,
    };
  }

  ref(): void {
    this.#unreffed = false;
    this.#listener?.ref();
    for (const connection of this.#connections) connection.ref();
  }

  unref(): void {
    this.#unreffed = true;
    this.#listener?.unref();
    for (const connection of this.#connections) connection.unref();
  }

  shutdown(): Promise<void> {
    this.#ending ??= this.#shutdown();
    return this.finished;
  }

  close(): Promise<void> {
    this.#ending ??= Promise.resolve();
    this.#close(new RequestAbortedError("The server was closed"));
    return this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Takes a new connection. */
  accept(transport: Transport): TransportSink {
    const connection = new Connection(transport, this);
    this.#stopClock ??= this.#startClock();
    if (this.#connections.size - this.#held.size >= this.settings.maxConnections) {
      this.#held.add(connection);
      connection.suspendReading();
    }
    this.#connections.add(connection);
    if (this.#unreffed) connection.unref();
    if (this.#closed) connection.close(new RequestAbortedError("The server was closed"));
    return connection;
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
    this.#held.delete(connection);
    for (const held of this.#held) {
      if (this.#connections.size - this.#held.size >= this.settings.maxConnections) break;
      this.#held.delete(held);
      held.resumeReading();
    }
    this.#endIfDone();
  }

  tryBeginRequest(): boolean {
    this.#requests++;
    return ++this.#activeRequests <= this.settings.maxRequests;
  }

  endRequest(): void {
    this.#activeRequests--;
  }

  waitUntil(promise: Promise<unknown>): void {
    const settled = promise.then(() => {}, (error) => void this.reportError(error)).then(() => {
      this.#pending.delete(settled);
      this.#endIfDone();
    });
    this.#pending.add(settled);
  }

  async reportError(error: unknown, request?: Request, info?: HandlerInfo): Promise<Response | undefined> {
    this.#errors++;
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

  #listening(listener: Listener): void {
    this.#listener = listener;
    if (this.#unreffed) listener.unref();
    if (this.#ending !== undefined) this.#stop();
  }

  async #stop(): Promise<void> {
    await this.#listener?.close();
    this.#stopped = this.#listener !== undefined;
    this.#endIfDone();
  }

  async #shutdown(): Promise<void> {
    const deadline = startClock(
      () => this.#close(new RequestAbortedError("The server was shut down")),
      Math.min(MAX_TIMER_MS, Math.max(1, this.settings.shutdownTimeoutMs)),
    );
    this.#finished.then(deadline, deadline);
    await this.#listener?.close();
    for (const connection of this.#connections) connection.drain();
    // A web server may send a request on a kept connection before it hears that we close it, and the request is lost. Of
    // a connection in use that is likely, so that one is closed with an answer; of one that is not, hardly.
    if (this.#connections.size > 0) await new Promise((resolve) => setTimeout(resolve, LAST_REQUEST_MS));
    await this.#stop();
    for (const connection of this.#connections) connection.endIdle();
  }

  #close(reason: RequestAbortedError): void {
    this.#closed = true;
    this.#pending.clear();
    for (const connection of this.#connections) connection.close(reason);
    this.#stop();
  }

  #endIfDone(): void {
    if (this.#connections.size > 0) return;
    this.#stopClock?.();
    this.#stopClock = undefined;
    if (this.#ending !== undefined && this.#stopped && this.#pending.size === 0) this.#finish();
  }

  #startClock(): () => void {
    let lastMs = performance.now();
    const { headTimeoutMs, bodyTimeoutMs, writeTimeoutMs, idleTimeoutMs, requestTimeoutMs } = this.settings;
    const timeOuts = [headTimeoutMs, bodyTimeoutMs, writeTimeoutMs, DRAIN_TIMEOUT_MS, idleTimeoutMs, requestTimeoutMs];
    const shortest = Math.min(...timeOuts.filter((ms) => ms > 0));
    const periodMs = Math.min(MAX_TICK_MS, Math.max(1, shortest / 4));
    return startClock(() => {
      const timeMs = performance.now();
      // While a handler kept the processor to itself nothing was read: that is no one's delay but ours.
      this.nowMs += Math.min(timeMs - lastMs, 2 * periodMs);
      lastMs = timeMs;
      for (const connection of this.#connections) connection.tick();
    }, periodMs);
  }
}
