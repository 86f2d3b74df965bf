/**
 * Takes a connection's requests from the protocol.
 *
 * Owns the requests whose handlers have yet to run: they run when all bytes of a read have been taken in, so that no
 * handler runs amid the protocol, and what came with its request is there already.
 */

import { Params } from "../cgi/params.ts";
import type { ApplicationEvents } from "../protocol/application_events.ts";
import { FCGI_UNKNOWN_ROLE } from "../protocol/constants.ts";
import { findPairs } from "../protocol/name_value.ts";
import type { RequestRegistry } from "../protocol/active_requests.ts";
import {
  MAX_REQUESTS_PER_CONNECTION,
  PARAMS_TOO_LARGE,
  TOO_MANY_ON_CONNECTION,
  TOO_MANY_REQUESTS,
} from "./admission.ts";
import type { ConnectionHost } from "./connection.ts";
import { Exchange, type ExchangeConnection } from "./exchange.ts";
import { RequestHead } from "./request_head.ts";

/** What the intake needs of its connection. */
export interface IntakeConnection extends ExchangeConnection {
  readonly protocol: ExchangeConnection["protocol"] & { readonly requests: RequestRegistry<Exchange> };
  /** A request has begun. */
  requestBegan(): void;
  /** The web server has aborted a request. */
  abortRequest(exchange: Exchange): void;
}

const NO_PARAMS = new Params([]);

/** The requests of a connection as they come. */
export class RequestIntake implements ApplicationEvents<Exchange> {
  /** The bytes being received must be copied to last. */
  lent = false;
  readonly #connection: IntakeConnection;
  readonly #host: ConnectionHost;
  readonly #begun: Exchange[] = [];

  constructor(connection: IntakeConnection, host: ConnectionHost) {
    this.#connection = connection;
    this.#host = host;
  }

  /** Runs the handlers of the requests that have begun. */
  runHandlers(): void {
    for (const exchange of this.#begun) {
      // A handler before it may have closed the server, or the web server aborted it right away.
      if (!exchange.ended) exchange.run(this.#host.handlers.get(exchange.head.role)!);
    }
    this.#begun.length = 0;
  }

  /** Forgets the requests whose handlers have not run. */
  clear(): void {
    this.#begun.length = 0;
  }

  onRequest(requestId: number, role: number, block: Uint8Array): Exchange {
    const exchange = this.#begin(requestId, role, Params.fromOffsets(findPairs(block)));
    const hasRoom = this.#host.tryBeginRequest();
    const { underWay } = this.#connection.protocol.requests;
    if (!hasRoom) exchange.refuse(TOO_MANY_REQUESTS);
    else if (underWay > MAX_REQUESTS_PER_CONNECTION) exchange.refuse(TOO_MANY_ON_CONNECTION);
    else this.#begun.push(exchange);
    return exchange;
  }

  onParamsTooLarge(requestId: number, role: number): Exchange {
    const exchange = this.#begin(requestId, role, NO_PARAMS);
    this.#host.tryBeginRequest();
    exchange.refuse(PARAMS_TOO_LARGE);
    return exchange;
  }

  onRefused(requestId: number, role: number, protocolStatus: number): void {
    const reason = protocolStatus === FCGI_UNKNOWN_ROLE ? "unknown role" : "overloaded";
    this.#host.tryBeginRequest();
    this.#newExchange(requestId, role, NO_PARAMS).refusedByProtocol(reason);
    this.#host.endRequest();
  }

  onStdin(exchange: Exchange, content: Uint8Array): void {
    exchange.input?.pushBody(content, this.lent, this.#host.nowMs);
  }

  onStdinEnd(exchange: Exchange): void {
    exchange.input?.body?.end();
  }

  onData(exchange: Exchange, content: Uint8Array): void {
    exchange.input?.pushData(content, this.lent, this.#host.nowMs);
  }

  onDataEnd(exchange: Exchange): void {
    exchange.input?.data?.end();
  }

  onAbort(exchange: Exchange): void {
    this.#connection.abortRequest(exchange);
  }

  #begin(requestId: number, role: number, params: Params): Exchange {
    this.#connection.requestBegan();
    return this.#newExchange(requestId, role, params);
  }

  #newExchange(requestId: number, role: number, params: Params): Exchange {
    const { nowMs, settings } = this.#host;
    return new Exchange(this.#connection, this.#host, new RequestHead(requestId, role, params, nowMs, settings));
  }
}
