/**
 * How long a connection and its requests may wait, and for what.
 *
 * Owns when the connection's current state began, on the server's coarse clock. Ends nothing itself: it reports what
 * has to be done. Time-outs of `Infinity` never pass. While reading is paused, no time passes for the peer.
 *
 * | waits for | limit | then |
 * |---|---|---|
 * | the web server to take what is sent | `writeTimeoutMs` | reset |
 * | the end of what we send to be taken, and the peer's end | `DRAIN_TIMEOUT_MS` | close |
 * | a handler | `requestTimeoutMs` | abort, 503 |
 * | a body | `bodyTimeoutMs` | 408 |
 * | a place among `maxConnections` | `headTimeoutMs` | close |
 * | an answer to a web server that has ended its side | `HALF_CLOSED_MS` | close |
 * | the rest of a request that has been answered | `DRAIN_TIMEOUT_MS`, `LAST_INPUT_MS`, `LAST_INPUT_BYTES` | close |
 * | PARAMS | `headTimeoutMs` | close |
 * | the next request on a kept connection | `idleTimeoutMs` | close |
 */

import type { FlowControl } from "../connection/flow_control.ts";
import { LimitError } from "../errors.ts";
import type { ApplicationConnection } from "../protocol/application_connection.ts";
import type { Exchange } from "./exchange.ts";
import type { Settings } from "./server_options.ts";

/** How long input is read and dropped after the end of our side, so that a reset does not destroy the response. */
export const DRAIN_TIMEOUT_MS = 2000;
/** How long a handler may still answer a web server that has ended its side. */
const HALF_CLOSED_MS = 10_000;
/** How long the rest of a request that has been answered may take, with pauses below `DRAIN_TIMEOUT_MS`, and … */
const LAST_INPUT_MS = 10_000;
/** … how long it may be, in bytes. */
export const LAST_INPUT_BYTES = 268_435_456;

/**
 * What has to be done with a connection: end our side, close or reset it, let a little more come, or report an error.
 */
export type TimeoutVerdict = "shutdown" | "close" | "destroy" | "probe" | LimitError | undefined;

/** What the time-outs look at. */
export interface TimedConnection {
  readonly protocol: ApplicationConnection<Exchange>;
  readonly flow: FlowControl;
  readonly phase: "open" | "draining" | "shut" | "closing" | "gone";
  /** Whether the web server has ended its side. */
  readonly peerEnded: boolean;
}

/** The time-outs of a connection. */
export class Timeouts {
  readonly #settings: Settings;
  readonly #clock: { readonly nowMs: number };
  /** When the current state began. */
  #stateSinceMs: number;
  /** No request has come yet. */
  #fresh = true;

  constructor(settings: Settings, clock: { readonly nowMs: number }) {
    this.#settings = settings;
    this.#clock = clock;
    this.#stateSinceMs = clock.nowMs;
  }

  /** The connection has entered another state. */
  restart(): void {
    this.#stateSinceMs = this.#clock.nowMs;
  }

  /** Bytes have come. Amid a record, and before the first request, the time goes on nevertheless. */
  received(protocol: ApplicationConnection<Exchange>): void {
    if (!this.#fresh && (protocol.active > 0 || protocol.idle)) this.restart();
  }

  /** Whether no request has come yet. */
  get fresh(): boolean {
    return this.#fresh;
  }

  /** A request has come. */
  requestBegan(): void {
    this.#fresh = false;
  }

  /** What has to be done now; ends requests that have taken too long. */
  check(connection: TimedConnection): TimeoutVerdict {
    const { flow, phase, protocol } = connection;
    const { writeTimeoutMs } = this.#settings;
    const waitedMs = this.#clock.nowMs - this.#stateSinceMs;
    if (flow.blockedForMs >= writeTimeoutMs) {
      const what = "Cannot send response: the web server has not taken what waits for it";
      return new LimitError("writeTimeoutMs", writeTimeoutMs, `${what} in ${writeTimeoutMs} ms`);
    }
    if (phase === "shut" || phase === "closing") {
      return (phase === "closing" || !flow.needsDrain) && waitedMs >= DRAIN_TIMEOUT_MS ? "destroy" : undefined;
    }
    this.#checkRequests(protocol, flow.paused);
    if (flow.suspended) return this.#checkWaiting(waitedMs);
    if (connection.peerEnded) return waitedMs >= HALF_CLOSED_MS ? "close" : undefined;
    if (flow.paused) return "probe";
    return this.#checkReading(protocol, flow, waitedMs);
  }

  #checkRequests(protocol: ApplicationConnection<Exchange>, paused: boolean): void {
    const { bodyTimeoutMs, requestTimeoutMs } = this.#settings;
    const { nowMs } = this.#clock;
    for (const exchange of protocol.requests.contexts()) {
      if (nowMs - exchange.head.startedMs >= requestTimeoutMs) exchange.timeOut(requestTimeoutMs);
      else exchange.input?.checkTime(bodyTimeoutMs, paused, nowMs);
    }
  }

  #checkWaiting(waitedMs: number): TimeoutVerdict {
    const { headTimeoutMs, maxConnections } = this.#settings;
    if (waitedMs < headTimeoutMs) return undefined;
    const what = `Cannot serve connection: ${maxConnections} others have been open for ${headTimeoutMs} ms`;
    return new LimitError("maxConnections", maxConnections, what);
  }

  #checkReading(protocol: ApplicationConnection<Exchange>, flow: FlowControl, waitedMs: number): TimeoutVerdict {
    const { headTimeoutMs, idleTimeoutMs } = this.#settings;
    const { ending, unfinishedSinceMs } = protocol.requests;
    const { nowMs } = this.#clock;
    if (ending !== undefined) {
      return waitedMs >= DRAIN_TIMEOUT_MS || nowMs - ending.sinceMs >= LAST_INPUT_MS ? "shutdown" : undefined;
    }
    const headUnderWay = protocol.active === 0 && (this.#fresh || !protocol.idle);
    const headSinceMs = unfinishedSinceMs ?? (headUnderWay ? this.#stateSinceMs : undefined);
    if (headSinceMs !== undefined) {
      // While reading was paused, the web server could not send.
      if (nowMs - Math.max(headSinceMs, flow.readingSinceMs) < headTimeoutMs) return undefined;
      if (protocol.idle) return "shutdown";
      const what = "Cannot read request: its parameters have not come whole";
      return new LimitError("headTimeoutMs", headTimeoutMs, `${what} after ${headTimeoutMs} ms`);
    }
    return protocol.active === 0 && waitedMs >= idleTimeoutMs ? "shutdown" : undefined;
  }
}
