/**
 * One connection from a web server.
 *
 * Owns the socket, and the requests under way on it: what each has of the room for unread bytes, who waits to write,
 * and when the socket is closed. Knows records only through the protocol's end of the connection, and bodies and
 * responses only through exchanges.
 */

import { Params } from "../cgi/params.ts";
import { findMount, stripMount } from "../cgi/mount.ts";
import { statusPage } from "../cgi/status_page.ts";
import { requestUrl } from "../cgi/request_url.ts";
import { LimitError, RequestAbortedError } from "../errors.ts";
import { ApplicationConnection, type ApplicationEvents } from "../protocol/application_connection.ts";
import { FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, FCGI_STDOUT } from "../protocol/constants.ts";
import { findPairs } from "../protocol/name_value.ts";
import type { RecordMemory, RecordWriter } from "../protocol/record_writer.ts";
import type { Addr, Transport, TransportSink } from "../runtime/transport.ts";
import { Exchange, type ExchangeHost } from "./exchange.ts";
import { FlowControl } from "../connection/flow_control.ts";
import type { Handler, HandlerInfo } from "./handler.ts";
import { ResponseSender } from "./response_sender.ts";
import type { Settings } from "./server_options.ts";

/** What a connection needs of the server that it belongs to. */
export interface ConnectionHost {
  readonly settings: Settings;
  /** What all connections write to. */
  readonly memory: RecordMemory;
  /** The handler of each role that is played. */
  readonly handlers: ReadonlyMap<number, Handler>;
  /** The server's clock, which ticks about once a second, in milliseconds. */
  readonly nowMs: number;
  /** Whether the server has room for one more request; counts it if so. */
  tryBeginRequest(): boolean;
  /** A request that was counted has ended. */
  endRequest(): void;
  /** Has a graceful shutdown wait. */
  waitUntil(promise: Promise<unknown>): void;
  /** Tells of an error; resolves to a response for it, if there is one. Never rejects. */
  reportError(error: unknown, request?: Request, info?: HandlerInfo): Promise<Response | undefined>;
  /** The connection's socket is gone. */
  closed(connection: Connection): void;
}

/** Requests served at a time on one connection; one more is answered 503 with Retry-After. */
export const MAX_REQUESTS_PER_CONNECTION = 256;
/** Requests on one connection whose parameters have not come whole; one more is refused with FCGI_OVERLOADED. */
export const MAX_UNFINISHED_REQUESTS = 128;
/** Parameters of a request; a request with more is answered 431. */
export const MAX_PARAMS = 1024;
/** Bytes of bodies that wait on one connection until handlers read them; above it nothing more is read. */
export const MAX_UNREAD_BYTES = 1_048_576;
/**
 * How long what a web server still sends after our last word is read and dropped, in milliseconds, so that the response is
 * not lost to a reset.
 */
export const DRAIN_TIMEOUT_MS = 2000;
/** How long a handler may still answer to a web server that has ended its side, in milliseconds. */
const HALF_CLOSED_MS = 10_000;
/** What no web server can take for a record: the way to tell it that a response has broken off. */
const BROKEN_RECORD = new Uint8Array(8);

/** A connection under way. */
export class Connection implements TransportSink, ApplicationEvents<Exchange>, ExchangeHost {
  readonly settings: Settings;
  readonly peerAddr: Addr;
  readonly writer: RecordWriter;
  readonly #host: ConnectionHost;
  readonly #flow: FlowControl;
  readonly #protocol: ApplicationConnection<Exchange>;
  readonly #exchanges = new Set<Exchange>();
  /** Bytes are being received: what is written meanwhile is sent at the end, in one go. */
  #receiving = false;
  /** Those bytes must be copied to last. */
  #lent = false;
  /** What has been written is sent when the handlers that are just ending have ended. */
  #settling = false;
  #peerEnded = false;
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  /** To be closed after the next answer. */
  #draining = false;
  /** Our last word has been written. */
  #shutDown = false;
  /** The server is closed: the socket closes when the queue has gone out. */
  #closing = false;
  #gone = false;
  /** No request has come yet. */
  #fresh = true;
  /** Since when, on the server's clock, the connection has been in the state that it is in. */
  #sinceMs: number;

  constructor(transport: Transport, host: ConnectionHost) {
    this.#host = host;
    this.settings = host.settings;
    this.peerAddr = transport.remoteAddr;
    this.#sinceMs = host.nowMs;
    const { maxConnections, maxRequests, maxParamsBytes, values } = this.settings;
    this.#flow = new FlowControl(transport, host, MAX_UNREAD_BYTES);
    this.#protocol = new ApplicationConnection<Exchange>(this, {
      roles: [...host.handlers.keys()],
      capabilities: { maxConnections, maxRequests, multiplex: true, others: values },
      maxParamsBytes,
      maxUnfinished: MAX_UNFINISHED_REQUESTS,
      memory: host.memory,
    });
    this.writer = this.#protocol.writer;
  }

  // What the server tells:

  /** Reads nothing for now. */
  hold(): void {
    this.#flow.held = true;
    this.#steer();
  }

  /** Reads what comes, after `hold`. */
  unhold(): void {
    this.#flow.held = false;
    this.#sinceMs = this.#host.nowMs;
    this.#steer();
  }

  /** Closes the connection when the requests under way, or the next one, have been answered. */
  drain(): void {
    this.#draining = true;
  }

  /** Closes the connection if no request is under way; after `drain`. */
  endIdle(): void {
    this.#settle();
  }

  /** Gives up all requests, and closes as soon as what has been queued has gone out. */
  close(reason: RequestAbortedError): void {
    const begun = [...this.#exchanges].some((exchange) => exchange.begun);
    this.#closing = true;
    this.#abortAll(reason);
    if (begun) this.#shutBroken();
    else this.#shutdown();
    if (!this.#flow.blocked) this.#flow.close();
  }

  ref(): void {
    this.#flow.ref();
  }

  unref(): void {
    this.#flow.unref();
  }

  /** Ends what has waited for too long; called about once a second. */
  tick(): void {
    const { headTimeoutMs, idleTimeoutMs, requestTimeoutMs, writeTimeoutMs } = this.settings;
    const { nowMs } = this.#host;
    const waitedMs = nowMs - this.#sinceMs;
    if (writeTimeoutMs > 0 && this.#flow.blockedForMs >= writeTimeoutMs) {
      const what = "Cannot send response: the web server has not taken what waits for it";
      return this.#break(new LimitError("writeTimeoutMs", writeTimeoutMs, `${what} in ${writeTimeoutMs} ms`));
    }
    if (this.#shutDown) {
      if ((this.#closing || !this.#flow.blocked) && waitedMs >= DRAIN_TIMEOUT_MS) this.#flow.drop();
      return;
    }
    for (const exchange of this.#exchanges) {
      if (requestTimeoutMs > 0 && nowMs - exchange.startedMs >= requestTimeoutMs) exchange.timeOut(requestTimeoutMs);
      else this.#tickBody(exchange);
    }
    if (this.#flow.held) {
      if (headTimeoutMs === 0 || waitedMs < headTimeoutMs) return;
      const { maxConnections } = this.settings;
      const what = `Cannot serve connection: ${maxConnections} others have been open for ${headTimeoutMs} ms`;
      return this.#break(new LimitError("maxConnections", maxConnections, what));
    }
    const headMs = this.#headSinceMs;
    if (this.#peerEnded) {
      // Its answer would be welcome, but a handler that does not end must not hold the socket for ever.
      if (waitedMs >= HALF_CLOSED_MS) this.#flow.close();
    } else if (this.#flow.paused) {
      this.#flow.probe();
      this.#steer();
    } else if (headMs !== undefined) {
      if (headTimeoutMs === 0 || nowMs - headMs < headTimeoutMs) return;
      const what = "Cannot read request: its parameters have not come whole";
      if (this.#protocol.idle) this.#shutdown();
      else this.#break(new LimitError("headTimeoutMs", headTimeoutMs, `${what} after ${headTimeoutMs} ms`));
    } else if (this.#exchanges.size === 0 && idleTimeoutMs > 0 && waitedMs >= idleTimeoutMs) {
      this.#shutdown();
    }
  }

  /** Since when the head of a request has been under way; undefined if none is. */
  get #headSinceMs(): number | undefined {
    const { active, idle, unfinishedSinceMs } = this.#protocol;
    const underWay = active === 0 && (this.#fresh || !idle);
    const sinceMs = unfinishedSinceMs ?? (underWay ? this.#sinceMs : undefined);
    // While it was we who did not read, the web server could not send.
    return sinceMs === undefined ? undefined : Math.max(sinceMs, this.#flow.readMs);
  }

  #tickBody(exchange: Exchange): void {
    const { bodyTimeoutMs } = this.settings;
    if (bodyTimeoutMs === 0 || !(exchange.body?.receiving || exchange.data?.receiving)) return;
    // It is we who do not read.
    if (this.#flow.paused || exchange.body?.hasUnread || exchange.data?.hasUnread) exchange.bodyMs = this.#host.nowMs;
    else if (this.#host.nowMs - exchange.bodyMs >= bodyTimeoutMs) exchange.timeOutBody(bodyTimeoutMs);
  }

  // What the socket tells:

  received(chunk: Uint8Array, lent: boolean): void {
    if (this.#shutDown) return;
    this.#receiving = true;
    this.#lent = lent;
    try {
      this.#protocol.receive(chunk, this.#host.nowMs);
    } catch (error) {
      this.#receiving = false;
      return this.#break(error);
    }
    this.#receiving = false;
    // Amid a record, and before the first request, the time goes on, whatever comes.
    if (!this.#fresh && (this.#protocol.active > 0 || this.#protocol.idle)) this.#sinceMs = this.#host.nowMs;
    this.#settle();
  }

  ended(): void {
    this.#peerEnded = true;
    this.#sinceMs = this.#host.nowMs;
    if (this.#exchanges.size === 0) return this.#settle();
    // A request and the end behind it can come in one go: what is answered at once is answered first.
    this.#endTimer = setTimeout(() => {
      const reason = new RequestAbortedError("The web server closed the connection");
      for (const exchange of this.#exchanges) exchange.abort(reason);
      this.#settle();
    });
  }

  drained(): void {
    this.#flow.drained();
    if (this.#closing) return this.#flow.close();
    if (this.#shutDown || this.#peerEnded) this.#sinceMs = this.#host.nowMs;
    this.#steer();
  }

  closed(error?: Error): void {
    this.#gone = true;
    clearTimeout(this.#endTimer);
    // An error is dear to make, and most connections end without a request.
    if (this.#exchanges.size > 0) {
      this.#abortAll(new RequestAbortedError("The web server closed the connection", error && { cause: error }));
    }
    this.#flow.drained();
    this.#host.closed(this);
  }

  // What the protocol tells:

  onRequest(requestId: number, role: number, block: Uint8Array): Exchange {
    const { mount, stripMount: strip } = this.settings;
    const params = Params.of(findPairs(block));
    const exchange = new Exchange(this, requestId, role, params, this.#host.nowMs);
    this.#exchanges.add(exchange);
    this.#fresh = false;
    const admitted = this.#host.tryBeginRequest();
    if (params.size > MAX_PARAMS) {
      exchange.refuse(431);
    } else if (!admitted || this.#exchanges.size > MAX_REQUESTS_PER_CONNECTION || this.#shutDown) {
      exchange.refuse(503);
    } else {
      const url = requestUrl(params);
      const seen = url !== undefined && strip ? stripMount(url, findMount(params, mount).scriptName) : url;
      exchange.run(this.#host.handlers.get(role)!, seen);
    }
    return exchange;
  }

  onParamsTooLarge(requestId: number): void {
    this.#fresh = false;
    new ResponseSender(this, requestId).send(statusPage(431), "");
    this.writer.streamEnd(FCGI_STDOUT, requestId);
    this.#protocol.end(requestId);
  }

  onStdin(exchange: Exchange, content: Uint8Array): void {
    exchange.bodyMoved(content.length, this.#host.nowMs);
    exchange.body?.push(content, this.#lent);
  }

  onStdinEnd(exchange: Exchange): void {
    exchange.body?.end();
  }

  onData(exchange: Exchange, content: Uint8Array): void {
    exchange.bodyMoved(content.length, this.#host.nowMs);
    exchange.data?.push(content, this.#lent);
  }

  onDataEnd(exchange: Exchange): void {
    exchange.data?.end();
  }

  onAbort(exchange: Exchange): void {
    exchange.abort(new RequestAbortedError("The web server aborted the request"));
    exchange.giveUp();
    this.end(exchange, 0);
  }

  // What exchanges tell:

  flush(): boolean {
    if (!this.#receiving && !this.writer.empty) this.#flow.write(this.writer.take());
    return !this.#flow.blocked;
  }

  writable(): Promise<void> {
    return this.#flow.writable();
  }

  end(exchange: Exchange, appStatus: number): void {
    this.#forget(exchange);
    this.#protocol.end(exchange.requestId, appStatus);
    // nginx closes a connection that brings more than END_REQUEST. Left to hear of our closing, it may have sent the next
    // request by then, and does not try a POST again.
    if (this.#draining && this.#protocol.active === 0 && exchange.params.get("SERVER_SOFTWARE")?.startsWith("nginx")) {
      this.writer.record(FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, new Uint8Array(0));
    }
    if (this.#receiving || this.#settling) return;
    if (this.#exchanges.size === 0) return this.#settle();
    // The answers to requests that came in one read tend to be ready in one turn: then one write sends them all.
    this.#settling = true;
    queueMicrotask(() => {
      this.#settling = false;
      this.#settle();
    });
  }

  breakOff(exchange: Exchange): void {
    this.#forget(exchange);
    if (this.#protocol.active > 1) {
      this.#protocol.end(exchange.requestId, 1);
    } else {
      this.#shutBroken();
    }
    if (!this.#receiving) this.#settle();
  }

  buffered(delta: number): void {
    this.#flow.unread += delta;
    this.#steer();
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#host.waitUntil(promise);
  }

  report(error: unknown, request?: Request, info?: HandlerInfo): Promise<Response | undefined> {
    return this.#host.reportError(error, request, info);
  }

  /** This peer cannot be followed any more; only its own connection suffers. */
  #break(error: unknown): void {
    this.#host.reportError(error);
    this.#abortAll(new RequestAbortedError("The web server broke the protocol", { cause: error }));
    this.#flow.drop();
  }

  #abortAll(reason: RequestAbortedError): void {
    for (const exchange of this.#exchanges) {
      exchange.abort(reason);
      exchange.giveUp();
      this.#forget(exchange);
    }
  }

  #forget(exchange: Exchange): void {
    this.#sinceMs = this.#host.nowMs;
    if (this.#exchanges.delete(exchange)) this.#host.endRequest();
  }

  /** Sends what has been written, and closes if that was all. */
  #settle(): void {
    if (this.#gone || this.#shutDown) return;
    if (!this.writer.empty) this.#flow.write(this.writer.take());
    const done = this.#protocol.finished || this.#exchanges.size === 0 && this.#peerEnded ||
      this.#draining && this.#protocol.idle;
    if (done) this.#shutdown();
    else this.#steer();
  }

  /** Ends our side such that what has been sent cannot be taken for whole, as nginx takes it after a mere close. */
  #shutBroken(): void {
    this.writer.take();
    this.#flow.write([BROKEN_RECORD]);
    this.#shutdown();
  }

  #shutdown(): void {
    if (this.#shutDown) return;
    this.#shutDown = true;
    this.#sinceMs = this.#host.nowMs;
    this.#flow.shutdown();
    // Input left unread would make the system reset the connection, and the response could be lost (§3.5 leaves it open).
    this.#steer();
  }

  #steer(): void {
    this.#flow.steer(this.#exchanges.size > 1, this.#shutDown);
  }
}
