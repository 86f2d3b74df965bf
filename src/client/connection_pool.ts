/**
 * The connections to one application, and who gets them.
 *
 * Owns the connections that are open or being opened. Knows nothing of records or responses.
 */

import type { CoarseClock } from "../connection/coarse_clock.ts";
import { RecordMemory } from "../protocol/record_writer.ts";
import type { Accept, Transport } from "../runtime/transport.ts";
import { ClientConnection, type ClientConnectionHost } from "./client_connection.ts";
import type { ClientExchange, ExchangeOwner } from "./client_exchange.ts";
import type { ClientSettings } from "./client_options.ts";
import { upstreamFault, upstreamLimit } from "./request_errors.ts";
import { WaitingRequests } from "./waiting_requests.ts";

/** Opens a connection: `open` is called once connected and returns its sink; `signal` aborts it. */
export type Connect = (open: Accept, signal?: AbortSignal) => Promise<Transport>;

/** Requests that share a connection before another one is opened. */
const SHARED_REQUESTS = 16;
/**
 * One turn of the runtime, in milliseconds: it may not have reported yet that the application has closed a connection.
 */
const TURN_MS = 1;
/**
 * Turns for which a connection must have been idle before a request that is not safe goes over it. PHP-FPM closes one a
 * moment after a worker's last request (`pm.max_requests`), and swallows what has come meanwhile; on an idle machine
 * that takes 0.1 ms, rarely 3.
 */
const IDLE_TURNS = 5;

/** A connection that is being opened. */
interface Opening {
  readonly sinceMs: number;
  /** Aborted when nothing waits for it any more. */
  readonly abandon: AbortController;
}

/** Connections under way. */
export class ConnectionPool implements ClientConnectionHost, ExchangeOwner {
  readonly clock: CoarseClock;
  readonly memory: RecordMemory = new RecordMemory();
  workersBusy = false;
  /** How many requests may share a connection at a time. */
  maxShared = 1;
  readonly #settings: ClientSettings;
  readonly #connect: Connect;
  readonly #connections = new Set<ClientConnection>();
  /** Connections that take a request now, the one used last at the end. */
  #idle: ClientConnection[] = [];
  readonly #openings = new Set<Opening>();
  readonly #waiting = new WaitingRequests();
  readonly #sockets: { open: number; onNone: (() => void)[] } = { open: 0, onNone: [] };
  #closed: { readonly reason: unknown } | undefined;

  constructor(settings: ClientSettings, connect: Connect, clock: CoarseClock) {
    this.#settings = settings;
    this.#connect = connect;
    this.clock = clock;
  }

  get keepAlive(): boolean {
    return this.#settings.keepAlive;
  }

  get shares(): boolean {
    return this.maxShared > 1;
  }

  /** Whether nothing is under way that needs a clock. */
  get resting(): boolean {
    return this.#connections.size === 0 && this.#openings.size === 0 && this.queued === 0;
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
    return this.#waiting.size;
  }

  /** Sends a request as soon as a connection takes it; with `onNew`, one that none has gone over. */
  run(exchange: ClientExchange, onNew: boolean): void {
    const { maxQueuedRequests, maxConnections } = this.#settings;
    if (this.#closed !== undefined) return exchange.connectionLost(this.#closed.reason);
    if (onNew) this.#waiting.addFirst(exchange, true);
    else this.#waiting.add(exchange, false);
    this.#dispatch();
    // Those that a connection is being opened for do not count.
    if (this.#waiting.queued - this.#openings.size > maxQueuedRequests && this.#waiting.has(exchange)) {
      const message = `Cannot send request: all ${maxConnections} connections are in use, and maxQueuedRequests, ` +
        `${maxQueuedRequests}, wait`;
      exchange.abort(upstreamLimit("maxQueuedRequests", maxQueuedRequests, message));
    }
  }

  /** Ends all requests with `reason`; resolves when all sockets are gone. */
  close(reason: unknown): Promise<void> {
    this.#closed ??= { reason };
    // None is left when the first fails: what its caller then does must not send another.
    for (const exchange of this.#waiting.takeAll()) exchange.connectionLost(reason);
    for (const connection of [...this.#connections]) connection.close(reason);
    for (const { abandon } of this.#openings) abandon.abort();
    if (this.#sockets.open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#sockets.onNone.push(resolve));
  }

  /** Ends what has waited for too long; called at each tick. */
  tick(): void {
    const { nowMs } = this.clock;
    const { connectTimeoutMs, idleTimeoutMs } = this.#settings;
    for (const connection of [...this.#connections]) {
      connection.tick(nowMs);
      if (connection.idleForMs(nowMs) >= idleTimeoutMs) connection.close();
    }
    // A worker of PHP-FPM serves no other connection while one is kept, not even another one of ours.
    this.workersBusy = !this.shares && [...this.#connections].some((connection) => connection.waitsForWorker(nowMs));
    if (this.workersBusy) { for (const connection of this.#idle.slice()) connection.close(); }
    for (const exchange of this.#waiting.all()) exchange.checkTime(nowMs);
    for (const opening of this.#openings) {
      if (nowMs - opening.sinceMs < connectTimeoutMs) continue;
      const message = `Cannot connect to the application: it took longer than connectTimeoutMs, ${connectTimeoutMs}`;
      this.#failed(opening, upstreamLimit("connectTimeoutMs", connectTimeoutMs, message));
    }
  }

  // ClientConnectionHost:

  onIdle(connection: ClientConnection): void {
    if (connection.isIdle && !this.#idle.includes(connection) && !this.#waiting.isReserved(connection)) {
      this.#idle.push(connection);
    }
    this.#dispatch();
  }

  onUnusable(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.#idle = this.#idle.filter((idle) => idle !== connection);
    this.#waiting.requeue(connection);
    this.#dispatch();
  }

  onClosed(): void {
    if (--this.#sockets.open > 0) return;
    for (const resolve of this.#sockets.onNone.splice(0)) resolve();
  }

  // ExchangeOwner:

  abandon(exchange: ClientExchange): void {
    const connection = this.#waiting.take(exchange);
    if (connection !== undefined) this.onIdle(connection);
  }

  buffered(): void {}

  /** Gives the connections there are to the requests that wait, and opens more. */
  #dispatch(): void {
    for (const [exchange, onNew] of this.#waiting.entries()) {
      const connection = this.#pick(onNew, exchange.isSafe);
      if (connection === undefined) break;
      this.#waiting.take(exchange);
      this.#assign(exchange, connection);
    }
    const { maxConnections } = this.#settings;
    while (
      this.#openings.size < this.#waiting.queued && this.#connections.size + this.#openings.size < maxConnections &&
      this.#closed === undefined
    ) this.#open();
  }

  /** Sends a request over a connection, at once if that is safe. */
  #assign(exchange: ClientExchange, connection: ClientConnection): void {
    if (exchange.isSafe || connection.isNew || connection.active > 0) return connection.send(exchange);
    this.#waiting.reserve(exchange, connection);
    const idleTurns = Math.floor(connection.idleForMs(this.clock.nowMs) / TURN_MS);
    this.#sendAfter(Math.max(1, IDLE_TURNS - idleTurns), exchange, connection);
  }

  #sendAfter(turns: number, exchange: ClientExchange, connection: ClientConnection): void {
    this.clock.after(TURN_MS, () => {
      // It has been aborted, or put back into the queue at its connection's end.
      if (this.#waiting.reservedFor(exchange) !== connection) return;
      if (turns > 1) return this.#sendAfter(turns - 1, exchange, connection);
      this.#waiting.take(exchange);
      connection.send(exchange);
    });
  }

  /** A connection for a request, if there is one; with `onNew`, one that no request has gone over. */
  #pick(onNew: boolean, isSafe: boolean): ClientConnection | undefined {
    const picked = onNew ? this.#takeNew() : this.#takeIdle(isSafe);
    if (picked !== undefined) return picked;
    const isFull = this.#connections.size + this.#openings.size >= this.#settings.maxConnections;
    // Room for a new one, in place of one that may be stale as well.
    if (onNew) return isFull ? void this.#idle[0]?.close() : undefined;
    if (!this.shares) return undefined;
    let least: ClientConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.isShareable && (least === undefined || connection.active < least.active)) least = connection;
    }
    const most = isFull ? this.maxShared : Math.min(this.maxShared, SHARED_REQUESTS);
    return least !== undefined && least.active < most ? least : undefined;
  }

  #takeNew(): ClientConnection | undefined {
    const at = this.#idle.findIndex((connection) => connection.isNew && connection.isIdle);
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0];
  }

  /** The connection used last, or for a request that is not safe the one that has been idle for longest. */
  #takeIdle(isSafe: boolean): ClientConnection | undefined {
    for (;;) {
      const connection = isSafe ? this.#idle.pop() : this.#idle.shift();
      if (connection === undefined || connection.isIdle) return connection;
    }
  }

  async #open(): Promise<void> {
    const opening: Opening = { sinceMs: this.clock.nowMs, abandon: new AbortController() };
    const { signal } = opening.abandon;
    this.#openings.add(opening);
    let connection: ClientConnection | undefined;
    try {
      await this.#connect((transport) => {
        this.#sockets.open++;
        return connection = new ClientConnection(transport, this);
      }, signal);
    } catch (error) {
      return this.#failed(opening, error);
    }
    if (signal.aborted || this.#closed !== undefined) {
      this.#openings.delete(opening);
      connection!.close();
    } else if (connection!.gone) {
      const message = "Cannot send request: the application closed the connection at once";
      this.#failed(opening, upstreamFault("UNEXPECTED_END", message));
    } else {
      this.#openings.delete(opening);
      this.#connections.add(connection!);
      this.onIdle(connection!);
    }
  }

  /** A connection cannot be opened: a request that has waited for it fails. */
  #failed(opening: Opening, error: unknown): void {
    this.#openings.delete(opening);
    if (!opening.abandon.signal.aborted) {
      const { first } = this.#waiting;
      if (first !== undefined) {
        this.#waiting.take(first);
        first.connectionLost(error);
      }
    }
    opening.abandon.abort();
    this.#dispatch();
  }
}
