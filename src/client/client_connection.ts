/**
 * One connection to an application.
 *
 * Owns which requests are under way on it, and under which ids. Knows records only through the protocol's end of the
 * connection, and the socket only through its flow.
 *
 * | phase | meaning |
 * |---|---|
 * | `new` | no request has been sent over it |
 * | `used` | it takes requests while connections are kept |
 * | `retired` | it takes no further request, and ends with those under way |
 * | `gone` | it is closed, or being closed |
 */

import type { CoarseClock } from "../connection/coarse_clock.ts";
import { FlowControl } from "../connection/flow_control.ts";
import { ProtocolError } from "../errors.ts";
import type { EndRequestBody } from "../protocol/record_bodies.ts";
import type { RecordMemory } from "../protocol/record_writer.ts";
import { WebServerConnection } from "../protocol/web_server_connection.ts";
import type { WebServerEvents } from "../protocol/web_server_events.ts";
import type { Transport, TransportSink } from "../runtime/transport.ts";
import type { ClientExchange, ExchangeOwner } from "./client_exchange.ts";
import { upstreamFault } from "./request_errors.ts";
import type { RequestOutput } from "./request_sender.ts";

/** What a connection needs of the pool that it belongs to. */
export interface ClientConnectionHost {
  /** Whether connections are kept. */
  readonly keepAlive: boolean;
  /** Whether several requests may share a connection. */
  readonly shares: boolean;
  /** Whether a connection seems to wait for a worker of the application: then idle ones are closed, to free theirs. */
  readonly workersBusy: boolean;
  /** The client's clock. */
  readonly clock: CoarseClock;
  /** What all connections write to. */
  readonly memory: RecordMemory;
  /** The connection can take a request, or one more. */
  onIdle(connection: ClientConnection): void;
  /** The connection takes no request any more; its socket may still be closing. */
  onUnusable(connection: ClientConnection): void;
  /** The connection's socket is gone. */
  onClosed(connection: ClientConnection): void;
}

/** Bytes of responses that may wait to be read while several requests share a connection. */
const MAX_UNREAD_BYTES = 1_048_576;
/** If nothing arrives on a connection for this long, in milliseconds, assume that no worker has accepted it yet. */
const WORKER_ACCEPT_MS = 100;
const MAX_REQUEST_ID = 65_535;

/** A connection under way. */
export class ClientConnection implements TransportSink, WebServerEvents, RequestOutput, ExchangeOwner {
  readonly protocol: WebServerConnection;
  readonly #host: ClientConnectionHost;
  readonly #flow: FlowControl;
  readonly #exchanges = new Map<number, ClientExchange>();
  /** Ids of requests that were aborted. Go ends such a request at once, and then writes what its handler has to say. */
  readonly #abandoned = new Set<number>();
  /** Exchanges whose Response can be made once the whole chunk has been processed. */
  #answered: ClientExchange[] = [];
  #phase: "new" | "used" | "retired" | "gone" = "new";
  #lastId = 0;
  /** When it was opened, or became idle. */
  #idleSinceMs: number;
  /** Whether anything has arrived. */
  #heard = false;
  /** What is being received: if it is lent, what is to last must be copied. */
  #receiving: "nothing" | "lent" | "owned" = "nothing";
  /** It keeps the process alive although nothing is read from its socket. */
  #holdsProcess = false;

  constructor(transport: Transport, host: ClientConnectionHost) {
    this.#host = host;
    this.#flow = new FlowControl(transport, host.clock, MAX_UNREAD_BYTES);
    this.#idleSinceMs = host.clock.nowMs;
    this.protocol = new WebServerConnection(this, { memory: host.memory, strict: true });
  }

  /** Whether it is closed, or being closed. */
  get gone(): boolean {
    return this.#phase === "gone";
  }

  /** Whether no request has been sent over it yet. */
  get isNew(): boolean {
    return this.#phase === "new";
  }

  /** Requests under way. */
  get active(): number {
    return this.#exchanges.size;
  }

  /** Whether it can take a request while none is under way. */
  get isIdle(): boolean {
    return this.#takesRequests && this.protocol.idle;
  }

  /** Whether it can take a request besides others. */
  get isShareable(): boolean {
    // Nothing is added to what the application does not take.
    return this.#takesRequests && !this.#flow.needsDrain;
  }

  get #takesRequests(): boolean {
    return this.#phase === "new" || this.#phase === "used";
  }

  /** How long it has had nothing to do, in milliseconds. */
  idleForMs(nowMs: number): number {
    return this.#exchanges.size > 0 ? 0 : nowMs - this.#idleSinceMs;
  }

  /** Whether it waits for a worker of the application to accept it, as far as one can tell. */
  waitsForWorker(nowMs: number): boolean {
    return !this.#heard && this.#exchanges.size > 0 && nowMs - this.#idleSinceMs >= WORKER_ACCEPT_MS;
  }

  /** Sends a request. */
  send(exchange: ClientExchange): void {
    const { role, params } = exchange.call;
    const requestId = exchange.requestId = this.#nextId();
    if (this.#exchanges.size === 0) this.#flow.ref();
    this.#exchanges.set(requestId, exchange);
    this.protocol.begin(requestId, role, this.#host.keepAlive);
    this.protocol.params(requestId, params);
    exchange.send(this, this.#phase !== "new");
    if (this.#phase === "new") this.#phase = "used";
    this.flush();
  }

  /** Ends all requests with `reason`, which there must be if there are any, and closes. */
  close(reason?: unknown): void {
    this.#lose(reason);
    this.#flow.close();
  }

  /** Ends what has waited for too long; called now and then. */
  tick(nowMs: number): void {
    for (const exchange of this.#exchanges.values()) exchange.checkTime(nowMs);
  }

  // TransportSink:

  received(chunk: Uint8Array, lent: boolean): void {
    if (this.#phase === "gone") return;
    this.#heard = true;
    this.#receiving = lent ? "lent" : "owned";
    try {
      this.protocol.receive(chunk);
    } catch (error) {
      this.close(error instanceof ProtocolError ? upstreamFault(error.code, error.message, error) : error);
    }
    this.#receiving = "nothing";
    const answered = this.#answered;
    this.#answered = [];
    for (const exchange of answered) exchange.respond();
    this.#flushOrClose();
  }

  ended(): void {
    this.close(upstreamFault("UNEXPECTED_END", "Cannot read response: the application closed the connection"));
  }

  drained(): void {
    this.#flow.drained();
    this.#updateReading();
    if (this.#host.shares && this.#phase !== "gone") this.#host.onIdle(this);
  }

  closed(error?: Error): void {
    if (this.#phase !== "gone") {
      const message = "Cannot read response: the connection to the application broke";
      this.#lose(upstreamFault("UNEXPECTED_END", message, error));
    }
    this.#host.onClosed(this);
  }

  // WebServerEvents:

  onStdout(requestId: number, content: Uint8Array): void {
    const exchange = this.#exchanges.get(requestId);
    if (exchange === undefined) return;
    if (!exchange.responded) this.#answered.push(exchange);
    exchange.onStdout(content, this.#receiving === "lent");
  }

  onStderr(requestId: number, content: Uint8Array): void {
    this.#exchanges.get(requestId)?.onStderr(content);
  }

  onEnd(requestId: number, end: EndRequestBody): void {
    const exchange = this.#exchanges.get(requestId);
    if (exchange === undefined) return;
    // An application may still wait for what is left of a request that it answered early.
    if (!exchange.sent) this.#phase = "retired";
    exchange.end(end);
    this.#exchanges.delete(requestId);
  }

  onValues(): void {}

  onUnknownType(): void {}

  // RequestOutput and ExchangeOwner:

  flush(): boolean {
    if (this.#phase !== "gone" && !this.protocol.writer.empty) this.#flow.write(this.protocol.writer.take());
    return !this.#flow.needsDrain || this.#phase === "gone";
  }

  writable(): Promise<void> {
    return this.#flow.writable();
  }

  buffered(delta: number): void {
    this.#flow.unreadBytes += delta;
    this.#updateReading();
  }

  abandon(exchange: ClientExchange): void {
    const { requestId } = exchange;
    if (!this.#exchanges.delete(requestId)) return;
    this.protocol.abort(requestId);
    this.flush();
    this.#abandoned.add(requestId);
    if (this.#exchanges.size === 0) return this.close();
    this.#phase = "retired";
    this.#updateReading();
  }

  /** The next free id, never the previous one: late records of that request could pass for the next one's. */
  #nextId(): number {
    do this.#lastId = this.#lastId % MAX_REQUEST_ID + 1; while (
      this.#exchanges.has(this.#lastId) || this.#abandoned.has(this.#lastId)
    );
    return this.#lastId;
  }

  #lose(error: unknown): void {
    if (this.#phase === "gone") return;
    this.#phase = "gone";
    this.#host.onUnusable(this);
    for (const exchange of this.#exchanges.values()) exchange.connectionLost(error);
    this.#exchanges.clear();
    this.#flow.drained();
    this.#updateReading();
  }

  /** Gives the connection back, or closes it, once it has nothing more to do. */
  #flushOrClose(): void {
    if (this.#phase === "gone" || this.#receiving !== "nothing") return;
    if (this.#exchanges.size === 0) {
      const isKept = this.#phase === "new" || this.#phase === "used" && this.#host.keepAlive && !this.#host.workersBusy;
      if (!isKept) return this.close();
      this.#idleSinceMs = this.#host.clock.nowMs;
      this.#flow.unref();
    }
    this.#updateReading();
    if (this.#host.shares || this.#exchanges.size === 0) this.#host.onIdle(this);
  }

  #updateReading(): void {
    if (this.#phase !== "gone") this.#flow.updateReading(this.#exchanges.size > 1 ? "multiplexed" : "alone");
    // Node lets a process end whose sockets are paused, although one body may be waited for behind another one.
    const holdsProcess = this.#phase !== "gone" && this.#flow.paused && this.#exchanges.size > 1;
    if (holdsProcess === this.#holdsProcess) return;
    this.#holdsProcess = holdsProcess;
    if (holdsProcess) this.#host.clock.hold();
    else this.#host.clock.release();
  }
}
