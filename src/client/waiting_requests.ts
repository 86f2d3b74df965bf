/**
 * The requests that no connection has been given yet.
 *
 * Owns their order, and which of them are reserved for a connection: they go over it unless it turns out to be closed.
 */

import type { ClientConnection } from "./client_connection.ts";
import type { ClientExchange } from "./client_exchange.ts";

/** Requests that wait. */
export class WaitingRequests {
  /** With `true`, for a connection that no request has gone over. */
  readonly #queue = new Map<ClientExchange, boolean>();
  readonly #reserved = new Map<ClientExchange, ClientConnection>();

  /** All of them. */
  get size(): number {
    return this.#queue.size + this.#reserved.size;
  }

  /** Those for which no connection is reserved. */
  get queued(): number {
    return this.#queue.size;
  }

  /** The first in the queue. */
  get first(): ClientExchange | undefined {
    return this.#queue.keys().next().value;
  }

  /** The queue in its order, each with whether it wants a connection that no request has gone over. */
  entries(): Iterable<[ClientExchange, boolean]> {
    return this.#queue;
  }

  /** All of them at this moment. */
  all(): ClientExchange[] {
    return [...this.#queue.keys(), ...this.#reserved.keys()];
  }

  /** Whether one is in the queue. */
  has(exchange: ClientExchange): boolean {
    return this.#queue.has(exchange);
  }

  /** Puts one at the end of the queue. */
  add(exchange: ClientExchange, onNew: boolean): void {
    this.#queue.set(exchange, onNew);
  }

  /** Puts one at the head of the queue. */
  addFirst(exchange: ClientExchange, onNew: boolean): void {
    const others = [...this.#queue];
    this.#queue.clear();
    for (const [each, eachOnNew] of [[exchange, onNew] as const, ...others]) this.#queue.set(each, eachOnNew);
  }

  /** Takes one out; gives back the connection that was reserved for it. */
  take(exchange: ClientExchange): ClientConnection | undefined {
    this.#queue.delete(exchange);
    const connection = this.#reserved.get(exchange);
    this.#reserved.delete(exchange);
    return connection;
  }

  /** Takes all of them out. */
  takeAll(): ClientExchange[] {
    const all = this.all();
    this.#queue.clear();
    this.#reserved.clear();
    return all;
  }

  /** Reserves a connection for one. */
  reserve(exchange: ClientExchange, connection: ClientConnection): void {
    this.#queue.delete(exchange);
    this.#reserved.set(exchange, connection);
  }

  /** The connection that is reserved for one. */
  reservedFor(exchange: ClientExchange): ClientConnection | undefined {
    return this.#reserved.get(exchange);
  }

  /** Whether a connection is reserved. */
  isReserved(connection: ClientConnection): boolean {
    return this.#reserved.size > 0 && [...this.#reserved.values()].includes(connection);
  }

  /** A connection is gone: what was reserved for it is at the head of the queue again. */
  requeue(connection: ClientConnection): void {
    for (const [exchange, reserved] of this.#reserved) {
      if (reserved !== connection) continue;
      this.#reserved.delete(exchange);
      this.addFirst(exchange, false);
    }
  }
}
