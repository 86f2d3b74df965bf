/**
 * The server: a listener, its connections, and the end of both.
 *
 * Owns the listener and the order of a shutdown. Knows nothing of records, requests or responses.
 */

import { RequestAbortedError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Addr, Listener, Transport, TransportSink } from "../runtime/transport.ts";
import { ConnectionSet, type ServerStats } from "./connection_set.ts";
import type { Handler } from "./handler.ts";
import type { Settings } from "./server_options.ts";

export type { ServerStats } from "./connection_set.ts";

/** A running server, in the shape of `Deno.HttpServer`. */
export interface Server<A extends Addr = Addr> extends AsyncDisposable {
  /** Where it listens. @throws {TypeError} Before `ready` has resolved. */
  readonly addr: A;
  /** Resolves once it listens; rejects if it cannot. */
  readonly ready: Promise<void>;
  /** Resolves once it has been shut down or closed and all connections are gone; rejects if it could not listen. */
  readonly finished: Promise<void>;
  /**
   * Ends gracefully: accepts no more connections, answers the requests that have been sent, waits for the promises given
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

/** A timer of more milliseconds goes off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** How long a kept connection waits for one more request at a shutdown before it is closed, in milliseconds. */
const LAST_REQUEST_MS = 100;

/** A server under way. */
export class FastCgiServer<A extends Addr = Addr> implements Server<A> {
  readonly #connections: ConnectionSet;
  readonly #clock: Clock;
  readonly #shutdownTimeoutMs: number;
  readonly #ready: Promise<void>;
  readonly #finished: Promise<void>;
  #finish!: () => void;
  #listener: Listener | undefined;
  #ending: Promise<void> | undefined;
  /** The listener is closed: no new connection can come. */
  #stopped = false;
  #unreffed = false;

  /**
   * Makes a server that listens as soon as `listen` has resolved, and shuts down when `signal` is aborted. `onFinished` is
   * called once: when it has finished, or could not listen.
   */
  constructor(
    settings: Settings,
    handlers: ReadonlyMap<number, Handler>,
    signal: AbortSignal | undefined,
    listen: (accept: (transport: Transport) => TransportSink) => Promise<Listener>,
    clock: Clock,
    onFinished: () => void = () => {},
  ) {
    this.#connections = new ConnectionSet(settings, handlers, clock, () => this.#endIfDone());
    this.#clock = clock;
    this.#shutdownTimeoutMs = settings.shutdownTimeoutMs;
    const onAbort = (): void => void this.shutdown();
    const finished = new Promise<void>((resolve) => {
      this.#finish = () => {
        signal?.removeEventListener("abort", onAbort);
        onFinished();
        resolve();
      };
    });
    this.#ready = listen((transport) => {
      if (this.#unreffed) transport.unref();
      return this.#connections.accept(transport);
    }).then((listener) => this.#listening(listener), (error) => {
      onFinished();
      throw error;
    });
    this.#finished = this.#ready.then(() => finished);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  }

  get addr(): A {
    if (this.#listener === undefined) {
      throw new TypeError("Cannot read addr: the server does not listen yet; await ready");
    }
    return this.#listener.addr as A;
  }

  // A server that cannot listen must neither fail in silence nor twice: the promise that has been read is the one to tell.
  get ready(): Promise<void> {
    this.#finished.catch(() => {});
    return this.#ready;
  }

  get finished(): Promise<void> {
    this.#ready.catch(() => {});
    return this.#finished;
  }

  stats(): ServerStats {
    return this.#connections.stats();
  }

  ref(): void {
    this.#unreffed = false;
    this.#listener?.ref();
    this.#connections.ref();
  }

  unref(): void {
    this.#unreffed = true;
    this.#listener?.unref();
    this.#connections.unref();
  }

  shutdown(): Promise<void> {
    this.#ending ??= this.#shutdown();
    return this.finished;
  }

  close(): Promise<void> {
    this.#ending ??= Promise.resolve();
    this.#close(new RequestAbortedError("The server was closed", { by: "self" }));
    return this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  #listening(listener: Listener): void {
    this.#listener = listener;
    if (this.#unreffed) listener.unref();
    if (this.#ending !== undefined) this.#stop();
    listener.done?.then(() => void this.shutdown());
  }

  async #stop(): Promise<void> {
    await this.#listener?.close();
    this.#stopped = this.#listener !== undefined;
    this.#endIfDone();
  }

  async #shutdown(): Promise<void> {
    const abort = (): void => this.#close(new RequestAbortedError("The server was shut down", { by: "self" }));
    if (this.#shutdownTimeoutMs === 0) return abort();
    if (this.#shutdownTimeoutMs < Infinity) {
      const stopTimer = this.#clock.every(Math.min(MAX_TIMER_MS, this.#shutdownTimeoutMs), abort);
      this.#finished.then(stopTimer, stopTimer);
    }
    await this.#listener?.close();
    this.#connections.drain();
    // A web server may send a request on a kept connection before it notices that we close it, and the request is lost. On
    // a connection in use that is likely, so that one is closed with an answer; on one that is not, hardly.
    if (this.#connections.connected) await this.#wait(LAST_REQUEST_MS);
    await this.#stop();
    this.#connections.endIdle();
  }

  /** Resolves after a while, or sooner once the server has finished. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        stopTimer();
        letGo();
        resolve();
      };
      const stopTimer = this.#clock.every(ms, end);
      const letGo = this.#clock.keepAlive();
      this.#finished.then(end, end);
    });
  }

  #close(reason: RequestAbortedError): void {
    this.#connections.close(reason);
    this.#stop();
  }

  #endIfDone(): void {
    if (this.#ending !== undefined && this.#stopped && this.#connections.idle) this.#finish();
  }
}
