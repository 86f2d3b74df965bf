/**
 * The connections to one application, and the requests that wait for one.
 *
 * Owns which connections are open or being opened, the queue, and the clock. Knows nothing of records or responses.
 */

import { LimitError, ProtocolError } from "../errors.ts";
import { RecordMemory } from "../protocol/record_writer.ts";
import { startClock } from "../runtime/clock.ts";
import type { Accept, Transport } from "../runtime/transport.ts";
import { ClientConnection, type ClientConnectionHost } from "./client_connection.ts";
import type { ClientExchange, ExchangeOwner } from "./client_exchange.ts";
import type { ClientSettings } from "./client_options.ts";

/** Opens a connection; `open` is called once connected and gives back who listens; `signal` gives it up. */
export type Connect = (open: Accept, signal?: AbortSignal) => Promise<Transport>;

/** Requests that share a connection before another one is opened. */
const SHARED_REQUESTS = 16;

/** A connection that is being opened. */
interface Opening {
  readonly sinceMs: number;
  /** Aborted when no one waits for it any more. */
  readonly abandon: AbortController;
}

/** Connections under way. */
export class ConnectionPool implements ClientConnectionHost, ExchangeOwner {
  readonly keepConn: boolean;
  crowded = false;
  readonly idleTimeoutMs: number;
  readonly memory: RecordMemory = new RecordMemory();
  /** How many requests may share a connection at a time. */
  maxShared = 1;
  readonly #settings: ClientSettings;
  readonly #connect: Connect;
  readonly #connections = new Set<ClientConnection>();
  /** Connections that take a request now, the one used last at the end. */
  #idle: ClientConnection[] = [];
  readonly #openings = new Set<Opening>();
  #queue: ClientExchange[] = [];
  /** Exchanges in the queue that must have a connection that no request has gone over. */
  readonly #wantsFresh = new WeakSet<ClientExchange>();
  /** Sockets that are not gone yet. */
  #sockets = 0;
  #stopClock: (() => void) | undefined;
  #closed: { readonly reason: unknown } | undefined;
  #emptied: (() => void)[] = [];

  constructor(settings: ClientSettings, connect: Connect) {
    this.#settings = settings;
    this.#connect = connect;
    this.keepConn = settings.keepConn;
    this.idleTimeoutMs = settings.idleTimeoutMs;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Connections that are open and wait for a request. */
  get idle(): number {
    return [...this.#connections].filter((connection) => connection.active === 0).length;
  }

  /** Requests under way. */
  get active(): number {
    let active = 0;
    for (const connection of this.#connections) active += connection.active;
    return active;
  }

  /** Requests that wait for a connection. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Sends a request as soon as a connection takes it; with `fresh`, one that none has gone over. */
  run(exchange: ClientExchange, fresh: boolean): void {
    const { maxQueued, maxConnections } = this.#settings;
    if (this.#closed !== undefined) return exchange.lose(this.#closed.reason);
    this.#stopClock ??= startClock(() => this.#tick(), tickMs(this.#settings));
    if (fresh) {
      this.#wantsFresh.add(exchange);
      this.#queue.unshift(exchange);
    } else {
      this.#queue.push(exchange);
    }
    this.#dispatch();
    // Those that a connection is being opened for do not count.
    if (this.#queue.length - this.#openings.size > maxQueued && this.#queue.includes(exchange)) {
      exchange.abort(
        new LimitError(
          "maxQueued",
          maxQueued,
          `Cannot send request: all ${maxConnections} connections are in use, and maxQueued, ${maxQueued}, requests wait`,
        ),
      );
    }
  }

  /** Ends all requests with `reason`; resolves when all sockets are gone. */
  close(reason: unknown): Promise<void> {
    this.#closed ??= { reason };
    const queue = this.#queue;
    this.#queue = [];
    for (const exchange of queue) exchange.lose(reason);
    for (const connection of [...this.#connections]) connection.close(reason);
    for (const { abandon } of this.#openings) abandon.abort();
    this.#rest();
    if (this.#sockets === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptied.push(resolve));
  }

  // What connections tell:

  freed(connection: ClientConnection): void {
    if (connection.active === 0 && connection.accepts(false) && !this.#idle.includes(connection)) {
      this.#idle.push(connection);
    }
    this.#dispatch();
  }

  lost(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.#idle = this.#idle.filter((idle) => idle !== connection);
    this.#dispatch();
  }

  closed(): void {
    this.#sockets--;
    this.#rest();
  }

  // What exchanges in the queue tell:

  giveUp(exchange: ClientExchange): void {
    this.#queue = this.#queue.filter((queued) => queued !== exchange);
  }

  buffered(): void {}

  /** Gives the connections there are to the requests that wait, and opens more. */
  #dispatch(): void {
    while (this.#queue.length > 0) {
      const exchange = this.#queue[0]!;
      const connection = this.#pick(this.#wantsFresh.has(exchange));
      if (connection === undefined) break;
      this.#queue.shift();
      connection.start(exchange, this.maxShared > 1);
    }
    const { maxConnections } = this.#settings;
    while (
      this.#openings.size < this.#queue.length && this.#connections.size + this.#openings.size < maxConnections &&
      this.#closed === undefined
    ) this.#open();
    this.#rest();
  }

  #pick(fresh: boolean): ClientConnection | undefined {
    for (let at = this.#idle.length - 1; at >= 0; at--) {
      const connection = this.#idle[at]!;
      if (fresh && !connection.fresh) continue;
      this.#idle.splice(at, 1);
      if (connection.accepts(false)) return connection;
    }
    const full = this.#connections.size + this.#openings.size >= this.#settings.maxConnections;
    // Room for a new one, in place of one that may be stale as well.
    if (fresh) return full ? void this.#idle.shift()?.close() : undefined;
    if (this.maxShared === 1) return undefined;
    let least: ClientConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.accepts(true) && (least === undefined || connection.active < least.active)) least = connection;
    }
    const most = full ? this.maxShared : Math.min(this.maxShared, SHARED_REQUESTS);
    return least !== undefined && least.active < most ? least : undefined;
  }

  async #open(): Promise<void> {
    const opening: Opening = { sinceMs: performance.now(), abandon: new AbortController() };
    const { signal } = opening.abandon;
    this.#openings.add(opening);
    let connection: ClientConnection | undefined;
    try {
      await this.#connect((transport) => {
        this.#sockets++;
        return connection = new ClientConnection(transport, this);
      }, signal);
    } catch (error) {
      return this.#failed(opening, error);
    }
    if (signal.aborted || this.#closed !== undefined) {
      this.#openings.delete(opening);
      connection!.close();
    } else if (connection!.gone) {
      this.#failed(
        opening,
        new ProtocolError("UNEXPECTED_END", "Cannot send request: the application hung up at once"),
      );
    } else {
      this.#openings.delete(opening);
      this.#connections.add(connection!);
      this.freed(connection!);
    }
  }

  /** A connection cannot be opened: a request that has waited for it fails. */
  #failed(opening: Opening, error: unknown): void {
    this.#openings.delete(opening);
    if (!opening.abandon.signal.aborted) this.#queue.shift()?.lose(error);
    opening.abandon.abort();
    this.#dispatch();
  }

  #tick(): void {
    const nowMs = performance.now();
    const { connectTimeoutMs } = this.#settings;
    for (const connection of [...this.#connections]) connection.tick(nowMs);
    // A worker of PHP-FPM serves no other connection while one is kept, not even another one of ours.
    this.crowded = this.maxShared === 1 &&
      [...this.#connections].some((connection) => connection.waitsForWorker(nowMs));
    if (this.crowded) { for (const connection of this.#idle.slice()) connection.close(); }
    for (const exchange of this.#queue) exchange.checkTime(nowMs);
    if (connectTimeoutMs === 0) return;
    for (const opening of this.#openings) {
      if (nowMs - opening.sinceMs < connectTimeoutMs) continue;
      const message = `Cannot connect to the application: it took longer than connectTimeoutMs, ${connectTimeoutMs}`;
      this.#failed(opening, new LimitError("connectTimeoutMs", connectTimeoutMs, message));
    }
  }

  /** Stops the clock when nothing is under way, and tells who waits for that. */
  #rest(): void {
    if (this.#connections.size === 0 && this.#openings.size === 0 && this.#queue.length === 0) {
      this.#stopClock?.();
      this.#stopClock = undefined;
    }
    if (this.#sockets > 0) return;
    const emptied = this.#emptied;
    this.#emptied = [];
    for (const resolve of emptied) resolve();
  }
}

/** How often the clock ticks, so that no time-out is more than a quarter late. */
function tickMs(settings: ClientSettings): number {
  const { connectTimeoutMs, queueTimeoutMs, headTimeoutMs, bodyTimeoutMs, requestTimeoutMs, idleTimeoutMs } = settings;
  const all = [connectTimeoutMs, queueTimeoutMs, headTimeoutMs, bodyTimeoutMs, requestTimeoutMs, idleTimeoutMs];
  const shortest = Math.min(...all.filter((timeoutMs) => timeoutMs > 0));
  return Math.min(1000, Math.max(10, Math.ceil(shortest / 4)));
}
