/**
 * One connection to an application.
 *
 * Owns the socket, and the requests under way on it: which ids they have, what waits to be written, and what of their
 * responses no one has read yet. Knows records only through the protocol's end of the connection.
 */

import { ProtocolError } from "../errors.ts";
import type { EndRequestBody } from "../protocol/record_bodies.ts";
import type { RecordMemory } from "../protocol/record_writer.ts";
import type { WebServerConnection, WebServerEvents } from "../protocol/web_server_connection.ts";
import type { Transport, TransportSink } from "../runtime/transport.ts";
import type { ClientExchange, ExchangeOwner } from "./client_exchange.ts";
import type { RequestOutput } from "./request_sender.ts";
import { StrictConnection } from "./strict_connection.ts";

/** What a connection needs of the pool that it belongs to. */
export interface ClientConnectionHost {
  /** Whether connections are kept. */
  readonly keepConn: boolean;
  /** Whether one waits for the application to take it, so that others must be given back to be taken again. */
  readonly crowded: boolean;
  /** How long one may be idle, in milliseconds. 0: for ever. */
  readonly idleTimeoutMs: number;
  /** What all connections write to. */
  readonly memory: RecordMemory;
  /** The connection can take a request, or one more. */
  freed(connection: ClientConnection): void;
  /** The connection is of no use any more; its socket may still be closing. */
  lost(connection: ClientConnection): void;
  /** The connection's socket is gone. */
  closed(connection: ClientConnection): void;
}

/** Unread bytes of responses above which the socket is paused while one request is under way. */
const UNREAD_HIGH_WATER = 65_536;
/** The same while several are: one slow reader must not block the others at once. */
const UNREAD_HIGH_WATER_MULTIPLEXED = 1_048_576;

/** How long an application that has time takes to answer on a new connection, in milliseconds. */
const CROWDED_MS = 100;

/** A connection under way. */
export class ClientConnection implements TransportSink, WebServerEvents, RequestOutput, ExchangeOwner {
  readonly protocol: WebServerConnection;
  readonly #host: ClientConnectionHost;
  readonly #transport: Transport;
  readonly #exchanges = new Map<number, ClientExchange>();
  /** Requests given up. Go ends one at once, and then goes on writing what its handler has to say. */
  readonly #abandoned = new Set<number>();
  /** Exchanges whose response may be made once all that has come is taken in. */
  #answered: ClientExchange[] = [];
  #used = false;
  /** Something has come. */
  #heard = false;
  #shared = false;
  #receiving = false;
  /** What is being received must be copied to last. */
  #lent = false;
  #blocked = false;
  #waiting: (() => void)[] = [];
  #unread = 0;
  #paused = false;
  #unreffed = false;
  /** No request goes over it any more. */
  #retired = false;
  #gone = false;
  #idleSinceMs: number = performance.now();

  constructor(transport: Transport, host: ClientConnectionHost) {
    this.#transport = transport;
    this.#host = host;
    const isActive = (requestId: number): boolean => this.#exchanges.has(requestId) || this.#abandoned.has(requestId);
    this.protocol = new StrictConnection(this, host.memory, isActive);
  }

  /** Whether it is of no use any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Requests under way. */
  get active(): number {
    return this.#exchanges.size;
  }

  /** Whether a request can be sent over it; with `shared`, beside others. */
  accepts(shared: boolean): boolean {
    return !this.#retired && !this.#gone && (shared || this.protocol.idle);
  }

  /** Whether no request has been sent over it yet. */
  get fresh(): boolean {
    return !this.#used;
  }

  /** Whether nothing has come over it for so long that it may be one that no worker of the application has taken. */
  waitsForWorker(nowMs: number): boolean {
    return !this.#heard && this.#exchanges.size > 0 && nowMs - this.#idleSinceMs >= CROWDED_MS;
  }

  /** Sends a request; with `shared`, others may be under way. */
  start(exchange: ClientExchange, shared: boolean): void {
    const { protocol } = this;
    let requestId = 1;
    while (this.#exchanges.has(requestId)) requestId++;
    exchange.requestId = requestId;
    this.#exchanges.set(requestId, exchange);
    this.#shared = shared;
    if (this.#unreffed) this.#transport.ref();
    this.#unreffed = false;
    protocol.begin(requestId, exchange.role, this.#host.keepConn);
    protocol.params(requestId, exchange.params);
    exchange.send(this, this, this.#used);
    this.#used = true;
    this.flush();
  }

  /** Ends all requests with `reason`, which there must be if there are any, and closes. */
  close(reason?: unknown): void {
    this.#lose(reason);
    this.#transport.close();
  }

  /** Ends what has waited for too long; called now and then. */
  tick(nowMs: number): void {
    for (const exchange of this.#exchanges.values()) exchange.checkTime(nowMs);
    const { idleTimeoutMs } = this.#host;
    if (this.#exchanges.size > 0 || this.#gone) return;
    if (this.#retired || idleTimeoutMs > 0 && nowMs - this.#idleSinceMs >= idleTimeoutMs) this.close();
  }

  // What the socket tells:

  received(chunk: Uint8Array, lent: boolean): void {
    if (this.#gone) return;
    this.#lent = lent;
    this.#heard = true;
    this.#receiving = true;
    try {
      this.protocol.receive(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#receiving = false;
    const answered = this.#answered;
    this.#answered = [];
    for (const exchange of answered) exchange.respond();
    this.#settle();
  }

  ended(): void {
    this.#fail(new ProtocolError("UNEXPECTED_END", "Cannot read response: the application closed the connection"));
  }

  drained(): void {
    this.#blocked = false;
    this.#goOn();
  }

  closed(error?: Error): void {
    if (!this.#gone) {
      const message = "Cannot read response: the connection to the application broke";
      this.#lose(new ProtocolError("UNEXPECTED_END", message, error && { cause: error }));
    }
    this.#host.closed(this);
  }

  // What the protocol tells:

  onStdout(requestId: number, content: Uint8Array): void {
    const exchange = this.#exchanges.get(requestId);
    if (exchange === undefined) return;
    if (!exchange.responded) this.#answered.push(exchange);
    exchange.onStdout(content, this.#lent);
  }

  onStderr(requestId: number, content: Uint8Array): void {
    this.#exchanges.get(requestId)?.onStderr(content);
  }

  onEnd(requestId: number, end: EndRequestBody): void {
    const exchange = this.#exchanges.get(requestId);
    if (exchange === undefined) return;
    // An application may still wait for what is left of a request that it answered early.
    if (!exchange.sent) this.#retired = true;
    exchange.end(end);
    this.#exchanges.delete(requestId);
  }

  onValues(): void {}

  onUnknownType(): void {}

  // What exchanges tell:

  flush(): boolean {
    if (!this.#gone && !this.protocol.writer.empty && !this.#transport.write(this.protocol.writer.take())) {
      this.#blocked = true;
    }
    return !this.#blocked;
  }

  writable(): Promise<void> {
    if (!this.#blocked || this.#gone) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  buffered(delta: number): void {
    this.#unread += delta;
    this.#steer();
  }

  giveUp(exchange: ClientExchange): void {
    const { requestId } = exchange;
    if (!this.#exchanges.delete(requestId)) return;
    this.protocol.abort(requestId);
    this.flush();
    this.#abandoned.add(requestId);
    this.#retired = true;
    if (this.#exchanges.size === 0) this.close();
    else this.#steer();
  }

  /** This application cannot be followed any more. */
  #fail(error: unknown): void {
    this.#lose(error);
    this.#transport.close();
  }

  #lose(error: unknown): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#host.lost(this);
    for (const exchange of this.#exchanges.values()) exchange.lose(error);
    this.#exchanges.clear();
    this.#goOn();
  }

  /** Gives the connection back, or closes it, once it has nothing more to do. */
  #settle(): void {
    if (this.#gone || this.#receiving) return;
    if (this.#exchanges.size === 0) {
      const kept = this.#host.keepConn && !this.#host.crowded && !this.#retired;
      if (this.#used && !kept) return this.close();
      this.#idleSinceMs = performance.now();
      if (!this.#unreffed) this.#transport.unref();
      this.#unreffed = true;
    }
    this.#steer();
    if (this.#shared || this.#exchanges.size === 0) this.#host.freed(this);
  }

  #steer(): void {
    const highWater = this.#exchanges.size > 1 ? UNREAD_HIGH_WATER_MULTIPLEXED : UNREAD_HIGH_WATER;
    const full = this.#unread > highWater;
    if (full === this.#paused || this.#gone) return;
    this.#paused = full;
    if (full) this.#transport.pause();
    else this.#transport.resume();
  }

  #goOn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
