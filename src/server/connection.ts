/**
 * One connection from a web server.
 *
 * Owns the socket's life, and when what has been written is sent. The protocol knows the active requests, the intake
 * turns them into exchanges; records, bodies and responses are theirs.
 *
 * | phase | reads | writes | ends with |
 * |---|---|---|---|
 * | open | requests | responses | the web server's end, a request without KEEP_CONN, a time-out |
 * | draining | requests | responses | the next moment without a request |
 * | shut | and drops | what is queued | the web server's end, `DRAIN_TIMEOUT_MS` |
 * | closing | and drops | what is queued | the queue's end, `DRAIN_TIMEOUT_MS` |
 * | gone | nothing | nothing | |
 */

import { FlowControl } from "../connection/flow_control.ts";
import { RequestAbortedError } from "../errors.ts";
import { ApplicationConnection } from "../protocol/application_connection.ts";
import type { Addr, Transport, TransportSink } from "../runtime/transport.ts";
import type { Exchange, ExchangeServer } from "./exchange.ts";
import type { Handler } from "./handler.ts";
import type { ParamsHolder } from "./held_params.ts";
import { type IntakeConnection, RequestIntake } from "./request_intake.ts";
import type { Shared } from "./shared.ts";
import { LAST_INPUT_BYTES, type TimedConnection, Timeouts } from "./timeouts.ts";
import { type WebServerKind, webServerKind } from "./web_server_kind.ts";
import { recognise, type WrongProtocol } from "./wrong_protocol.ts";

/** What a connection needs of the server that it belongs to. */
export interface ConnectionHost extends ExchangeServer {
  readonly shared: Shared;
  /** The handler of each role that is played. */
  readonly handlers: ReadonlyMap<number, Handler>;
  /** The server's clock, which ticks at least twice a second, in milliseconds. */
  readonly nowMs: number;
  /** Counts a request; whether the server has room for it. */
  tryBeginRequest(): boolean;
  /** A request has ended. */
  endRequest(): void;
  /** The size of the connection's unfinished requests has changed; may destroy the connection. */
  holdParams(bytes: number): void;
  /** The connection's socket is gone. */
  closed(connection: Connection): void;
}

/** Bytes of bodies on one connection that wait until handlers read them; above it nothing more is read. */
export const MAX_UNREAD_BYTES = 1_048_576;

/** A connection under way. */
export class Connection implements TransportSink, IntakeConnection, ParamsHolder, TimedConnection {
  readonly protocol: ApplicationConnection<Exchange>;
  readonly flow: FlowControl;
  /** What unfinished requests hold, as the server knows it. */
  heldParamsBytes = 0;
  readonly #host: ConnectionHost;
  readonly #timeouts: Timeouts;
  readonly #intake: RequestIntake;
  #phase: TimedConnection["phase"] = "open";
  #peerEnded = false;
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  /** Writes wait: until all bytes received have been read, or all responses of this turn have been written. */
  #corked = false;
  #kind: WebServerKind | undefined;

  constructor(transport: Transport, host: ConnectionHost) {
    this.#host = host;
    this.#timeouts = new Timeouts(host.settings, host);
    this.flow = new FlowControl(transport, host, MAX_UNREAD_BYTES);
    this.#intake = new RequestIntake(this, host);
    this.protocol = new ApplicationConnection<Exchange>(this.#intake, host.shared.protocol);
  }

  get phase(): TimedConnection["phase"] {
    return this.#phase;
  }

  get peerEnded(): boolean {
    return this.#peerEnded;
  }

  get peerAddr(): Addr {
    return this.flow.remoteAddr;
  }

  // For the server:

  /** Reads nothing for now: the server has no room for the connection. */
  suspendReading(): void {
    this.flow.suspended = true;
    this.#updateReading();
  }

  /** Reads what comes, after `suspendReading`. */
  resumeReading(): void {
    this.flow.suspended = false;
    this.#timeouts.restart();
    this.#updateReading();
  }

  /** Closes the connection when the requests under way, or the next one, have been answered. */
  drain(): void {
    if (this.#phase === "open") this.#phase = "draining";
  }

  /** Closes the connection if no request is under way; after `drain`. */
  endIdle(): void {
    this.#flushOrClose();
  }

  /** Aborts all requests, and closes as soon as what is queued has been sent. */
  close(reason: RequestAbortedError): void {
    if (this.#phase === "gone") return;
    const responding = [...this.protocol.requests.contexts()].some((exchange) => exchange.responding);
    this.#abortAll(reason);
    if (responding) this.#shutdownTruncated();
    else this.#shutdown();
    this.#phase = "closing";
    if (!this.flow.needsDrain) this.flow.close();
  }

  /** Closes at once, because what this peer sends makes no sense any more. Other connections are not affected. */
  destroy(error: unknown): void {
    this.#phase = "gone";
    this.#host.reportError(error);
    this.#abortAll(new RequestAbortedError("The connection to the web server was closed", { cause: error }));
    this.flow.destroy();
  }

  ref(): void {
    this.flow.ref();
  }

  unref(): void {
    this.flow.unref();
  }

  /** Ends what has waited for too long; called at each tick of the clock. */
  tick(): void {
    const verdict = this.#timeouts.check(this);
    if (verdict === undefined) return;
    if (verdict === "shutdown") return this.#shutdown();
    if (verdict === "close") return this.flow.close();
    if (verdict === "destroy") return this.flow.destroy();
    if (verdict !== "probe") return this.destroy(verdict);
    this.flow.probe();
    this.#updateReading();
  }

  // For the socket:

  received(chunk: Uint8Array, lent: boolean): void {
    if (this.#ended) return;
    if (chunk[0] !== 1 && this.#timeouts.fresh && this.protocol.idle) {
      const wrong = recognise(chunk);
      if (wrong !== undefined) return this.#refuseProtocol(wrong);
    }
    this.#corked = true;
    this.#intake.lent = lent;
    try {
      this.protocol.receive(chunk, this.#host.nowMs);
    } catch (error) {
      return this.destroy(error);
    }
    this.#intake.runHandlers();
    this.#corked = false;
    this.#timeouts.received(this.protocol);
    this.#reportHeldParams();
    if ((this.protocol.requests.ending?.droppedBytes ?? 0) > LAST_INPUT_BYTES) this.#shutdown();
    this.#flushOrClose();
  }

  ended(): void {
    this.#peerEnded = true;
    this.#timeouts.restart();
    if (this.protocol.requests.underWay === 0) return this.#flushOrClose();
    // A request and the end behind it can come in one go: what is answered at once is answered first.
    this.#endTimer = setTimeout(() => {
      const reason = new RequestAbortedError("The web server closed the connection");
      for (const exchange of this.protocol.requests.contexts()) exchange.abort(reason);
      this.#flushOrClose();
    });
  }

  drained(): void {
    this.flow.drained();
    if (this.#phase === "closing") return this.flow.close();
    if (this.#phase === "shut" || this.#peerEnded) this.#timeouts.restart();
    this.#updateReading();
  }

  closed(error?: Error): void {
    this.#phase = "gone";
    clearTimeout(this.#endTimer);
    // An error is expensive to make, and most connections end without a request.
    if (this.protocol.active > 0) {
      this.#abortAll(new RequestAbortedError("The web server closed the connection", error && { cause: error }));
    }
    this.flow.drained();
    this.#host.closed(this);
  }

  // For the intake:

  requestBegan(): void {
    this.#timeouts.requestBegan();
  }

  abortRequest(exchange: Exchange): void {
    exchange.abort(new RequestAbortedError("The web server aborted the request"));
    if (!exchange.abandon()) return;
    this.#forget();
    this.protocol.end(exchange.head.requestId);
    this.#flushSoon();
  }

  // For exchanges:

  flush(): boolean {
    if (!this.#corked) this.#flush();
    return !this.flow.needsDrain;
  }

  writable(): Promise<void> {
    return this.flow.writable();
  }

  end(exchange: Exchange, appStatus: number): void {
    this.#forget();
    const { protocol } = this;
    const { requestId, params } = exchange.head;
    const kind = this.#kind ?? webServerKind(params.get("SERVER_SOFTWARE"));
    if (params.size > 0) this.#kind = kind;
    if (kind.takesEarlyEnd) protocol.end(requestId, appStatus);
    else protocol.endAfterInput(requestId, this.#host.nowMs, appStatus);
    // Before nginx notices that we close the connection it may send the next request, and it never repeats a POST.
    if (this.#phase === "draining" && protocol.active === 0 && kind.closesIfMoreFollows) protocol.discourageReuse();
    this.#flushSoon();
  }

  truncateResponse(exchange: Exchange): void {
    this.#forget();
    if (this.protocol.active > 1) this.protocol.endTruncated(exchange.head.requestId);
    else this.#shutdownTruncated();
    if (!this.#corked) this.#flushOrClose();
  }

  buffered(delta: number): void {
    this.flow.unreadBytes += delta;
    this.#updateReading();
  }

  /** Whether nothing more will be written. */
  get #ended(): boolean {
    return this.#phase !== "open" && this.#phase !== "draining";
  }

  #refuseProtocol({ mistake, message, answer }: WrongProtocol): void {
    this.#host.reportMistake(mistake, message);
    if (answer !== undefined) this.flow.write([answer]);
    this.#shutdown();
  }

  #forget(): void {
    this.#timeouts.restart();
    this.#host.endRequest();
  }

  #abortAll(reason: RequestAbortedError): void {
    for (const exchange of this.protocol.requests.contexts()) {
      exchange.abort(reason);
      if (exchange.abandon()) this.#forget();
    }
    this.#intake.clear();
    this.protocol.clear();
    this.#reportHeldParams();
  }

  #reportHeldParams(): void {
    const bytes = this.protocol.requests.unfinishedBytes;
    const more = bytes - this.heldParamsBytes;
    if (more === 0) return;
    this.heldParamsBytes = bytes;
    this.#host.holdParams(more);
  }

  #flush(): void {
    const { writer } = this.protocol;
    if (!writer.empty) this.flow.write(writer.take());
  }

  /** The responses to requests that came in one read tend to be ready in one turn: then one write sends them all. */
  #flushSoon(): void {
    if (this.#corked) return;
    if (this.protocol.requests.underWay === 0) return this.#flushOrClose();
    this.#corked = true;
    queueMicrotask(() => {
      this.#corked = false;
      this.#flushOrClose();
    });
  }

  /** Sends what has been written, and closes if that was all. */
  #flushOrClose(): void {
    if (this.#ended) return;
    this.#flush();
    const { protocol } = this;
    const done = protocol.finished || protocol.requests.underWay === 0 && this.#peerEnded ||
      this.#phase === "draining" && protocol.idle;
    if (done) this.#shutdown();
    else this.#updateReading();
  }

  /** Ends our side with an invalid record: after a mere close nginx would take the response for whole. */
  #shutdownTruncated(): void {
    if (this.#ended) return;
    this.protocol.invalidate();
    this.#flush();
    this.#shutdown();
  }

  #shutdown(): void {
    if (this.#ended) return;
    this.#phase = "shut";
    this.#timeouts.restart();
    this.flow.shutdown();
    // Input left unread would make the system reset the connection, and the response could be lost (§3.5 leaves it
    // open).
    this.#updateReading();
  }

  #updateReading(): void {
    const underWay = this.protocol.requests.underWay;
    this.flow.updateReading(this.#ended ? "draining" : underWay > 1 ? "multiplexed" : "alone");
  }
}
