/**
 * The client: requests in, responses out.
 *
 * Owns the clock, the pool and the bodies being collected. Makes the parameters of a request and sends it once more where
 * that is safe; knows nothing of sockets.
 */

import { requestParams } from "../cgi/request_params.ts";
import { CoarseClock } from "../connection/coarse_clock.ts";
import { LimitError, RequestAbortedError } from "../errors.ts";
import { show } from "../options.ts";
import { FCGI_AUTHORIZER, FCGI_CANT_MPX_CONN, FCGI_FILTER, FCGI_RESPONDER } from "../protocol/constants.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { BodyCollector, needsCollecting } from "./body_collector.ts";
import { type ApplicationCapabilities, fetchCapabilities } from "./capabilities.ts";
import { type Call, ClientExchange } from "./client_exchange.ts";
import type { ClientSettings } from "./client_options.ts";
import { type Connect, ConnectionPool } from "./connection_pool.ts";
import {
  checkInit,
  type FastCgiRequestInit,
  headerFields,
  NOTHING,
  type OutgoingBody,
  type OutgoingRequest,
  readRequest,
} from "./outgoing_request.ts";

/** What a client has done and is doing. */
export interface ClientStats {
  /** Connections open now. */
  readonly connections: number;
  /** Connections open now that wait for a request. */
  readonly idleConnections: number;
  /** Requests under way now. */
  readonly activeRequests: number;
  /** Requests that wait now, for a connection or for their own bodies. */
  readonly queuedRequests: number;
  /** Requests since the start. */
  readonly requests: number;
  /** Requests since the start that were sent a second time. */
  readonly retries: number;
}

/**
 * A client of one application.
 *
 * @example
 * ```ts
 * import { authorized, serve } from "@webfcgi/webfcgi";
 * import { authorizerVariables, createClient } from "@webfcgi/webfcgi/client";
 * import { assertEquals } from "@std/assert";
 *
 * const server = serve({
 *   port: 0,
 *   quiet: true,
 *   fetch: () => new Response("Hello"),
 *   authorizer: () => authorized({ REMOTE_USER: "anna" }),
 * });
 * await server.ready;
 * const { port } = server.addr;
 *
 * await using client = createClient({ port, keepAlive: true });
 * assertEquals((await client.capabilities()).multiplex, true);
 * assertEquals(authorizerVariables(await client.fetch("/a", { role: "authorizer" })), { REMOTE_USER: "anna" });
 * assertEquals(await (await client.fetch("/a", { signal: AbortSignal.timeout(5000) })).text(), "Hello");
 * assertEquals([client.stats().requests, client.stats().idleConnections], [2, 1]);
 *
 * await client.close();
 * await server.shutdown();
 * ```
 */
export interface Client extends AsyncDisposable {
  /**
   * Asks the application, as the global `fetch` asks a web server. The response's body is read from the application as
   * it is read. Redirects are not followed, not even those that RFC 3875 §6.2.2 leaves to the web server: a Location
   * without a Status is a 302. A URL may be a path alone.
   *
   * A body is read before a connection is taken: whole if its length is not known, else up to 1 MiB, so that a slow
   * sender holds no worker of the application. A safe request (GET, HEAD, OPTIONS) is sent once more if a kept connection
   * turns out to be closed before anything has come back; any other waits some milliseconds until a connection that has
   * just been used is likely to stay open.
   *
   * @throws {TypeError} If it is no request that can be sent, or the client is closed.
   * @throws {FastCgiError} If the application breaks the protocol, refuses, or takes too long; `code` tells. After the
   * head it is reading the body that fails.
   * @throws {Error} With the system's `code`, such as `"ECONNREFUSED"`, if there is no connecting; or what the signal
   * was aborted with.
   */
  fetch(input: string | URL | Request, init?: FastCgiRequestInit): Promise<Response>;
  /**
   * Asks the application what it can do, over a connection of its own.
   *
   * @throws {FastCgiError} If it does not answer.
   * @throws {TypeError} If the client is closed.
   */
  capabilities(): Promise<ApplicationCapabilities>;
  /** Aborts the requests under way and closes all connections. */
  close(): Promise<void>;
  /** What it has done and is doing. */
  stats(): ClientStats;
}

const ROLES = { responder: FCGI_RESPONDER, authorizer: FCGI_AUTHORIZER, filter: FCGI_FILTER } as const;
/** What an Authorizer is not told (§6.3). */
const NOT_FOR_AUTHORIZERS = new Set(["CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME"]);
/** Requests that share a connection at most, whatever the application promises. */
const MAX_SHARED = 64;

/** A client under way. */
export class FastCgiClient implements Client {
  readonly #settings: ClientSettings;
  readonly #connect: Connect;
  readonly #clock: CoarseClock;
  readonly #pool: ConnectionPool;
  readonly #collector: BodyCollector;
  readonly #closing = new AbortController();
  readonly #counts = { requests: 0, retries: 0 };
  /** FCGI_GET_VALUES has been asked, to know whether requests may share a connection. */
  #asked = false;

  constructor(settings: ClientSettings, connect: Connect, clock: Clock = systemClock) {
    const { connectTimeoutMs, queueTimeoutMs, headTimeoutMs, bodyTimeoutMs, ...others } = settings;
    const timeoutsMs = [connectTimeoutMs, queueTimeoutMs, headTimeoutMs, bodyTimeoutMs];
    timeoutsMs.push(others.requestTimeoutMs, others.idleTimeoutMs);
    this.#settings = settings;
    this.#connect = connect;
    this.#clock = new CoarseClock(clock, timeoutsMs, () => this.#tick());
    this.#pool = new ConnectionPool(settings, connect, this.#clock);
    this.#collector = new BodyCollector(settings, this.#clock);
  }

  async fetch(input: string | URL | Request, init: FastCgiRequestInit = {}): Promise<Response> {
    this.#checkOpen("fetch");
    checkInit(init);
    const role = ROLES[init.role ?? "responder"];
    if (role === undefined) throw new TypeError(`Cannot fetch: role is ${show(init.role)}`);
    this.#counts.requests++;
    this.#clock.start();
    const startedMs = this.#clock.nowMs;
    return await this.#send(await readRequest(input, init), init, role, startedMs);
  }

  async capabilities(): Promise<ApplicationCapabilities> {
    this.#checkOpen("ask for capabilities");
    this.#clock.hold();
    try {
      return await fetchCapabilities(this.#connect, this.#settings.headTimeoutMs, this.#clock, this.#closing.signal);
    } finally {
      this.#clock.release();
    }
  }

  async close(): Promise<void> {
    const { signal } = this.#closing;
    const reason = new RequestAbortedError("The client was closed", { side: "upstream", by: "self" });
    if (!signal.aborted) this.#closing.abort(reason);
    this.#collector.close(signal.reason);
    const closed = this.#pool.close(signal.reason);
    this.#clock.stop();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): ClientStats {
    const { connections, idle, active, queued } = this.#pool;
    return {
      connections,
      idleConnections: idle,
      activeRequests: active,
      queuedRequests: queued + this.#collector.active,
      ...this.#counts,
    };
  }

  #checkOpen(what: string): void {
    if (this.#closing.signal.aborted) throw new TypeError(`Cannot ${what}: the client is closed`);
  }

  #tick(): void {
    this.#collector.tick();
    this.#pool.tick();
    if (this.#pool.resting && this.#collector.active === 0 && !this.#clock.isHeld) this.#clock.stop();
  }

  /** Sends a request once its bodies have been collected, as far as that is needed. */
  async #send(given: OutgoingRequest, init: FastCgiRequestInit, role: number, startedMs: number): Promise<Response> {
    const { signal } = given;
    let { body, data } = given;
    try {
      this.#closing.signal.throwIfAborted();
      if (role === FCGI_AUTHORIZER) {
        body = NOTHING;
        given.body.source?.cancel(undefined);
      }
      if (needsCollecting(body, this.#settings.unknownLengthBodies === "buffer")) {
        body = await this.#collect(body, signal, startedMs);
      }
      if (needsCollecting(data, true)) data = await this.#collect(data, signal, startedMs);
      const request = body === given.body && data === given.data ? given : { ...given, body, data };
      const params = this.#params(request, init, role);
      if (this.#settings.multiplex && !this.#asked) this.#askCapabilities();
      const { onEnd } = init;
      return await this.#run({ settings: this.#settings, clock: this.#clock, request, params, role, onEnd, startedMs });
    } catch (error) {
      given.body.source?.cancel(error);
      given.data.source?.cancel(error);
      throw error;
    } finally {
      if (body !== given.body) this.#collector.release(body);
      if (data !== given.data) this.#collector.release(data);
    }
  }

  /** Sends a request, and once more if it is certain that the application has not begun to work on it. */
  async #run(call: Call): Promise<Response> {
    for (let onNew = false;; onNew = true) {
      call.request.signal?.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      const exchange = new ClientExchange(call, this.#pool);
      this.#clock.start();
      this.#pool.run(exchange, onNew);
      // Once it is on a connection, its socket keeps the process alive.
      const { isQueued } = exchange;
      if (isQueued) this.#clock.hold();
      try {
        return await exchange.response;
      } catch (error) {
        if (onNew || !exchange.retriable) throw error;
        this.#counts.retries++;
        if ((error as { protocolStatus?: number }).protocolStatus === FCGI_CANT_MPX_CONN) this.#pool.maxShared = 1;
      } finally {
        if (isQueued) this.#clock.release();
      }
    }
  }

  async #collect(body: OutgoingBody, signal: AbortSignal | undefined, startedMs: number): Promise<OutgoingBody> {
    this.#clock.hold();
    try {
      return await this.#collector.collect(body, signal, startedMs);
    } finally {
      this.#clock.release();
    }
  }

  /** Finds out whether requests may share connections; until it is known they do not. */
  #askCapabilities(): void {
    this.#asked = true;
    this.capabilities().then(({ multiplex, maxRequests = MAX_SHARED }) => {
      if (multiplex) this.#pool.maxShared = Math.max(1, Math.min(maxRequests, MAX_SHARED));
    }, () => {});
  }

  #params(request: OutgoingRequest, init: FastCgiRequestInit, role: number): string[] {
    const { variables, maxParamsBytes } = this.#settings;
    const { method, url, body } = request;
    const params = requestParams({ method, url, headers: headerFields(request, body.length) }, {
      ...variables,
      ...init,
      params: { ...filterParams(request.data, init, role), ...variables.params, ...init.params },
    });
    const sent = role === FCGI_AUTHORIZER ? withoutForbidden(params) : params;
    const bytes = sent.reduce((sum, text) => sum + text.length, 0);
    if (bytes <= maxParamsBytes) return sent;
    const message =
      `Cannot send request: its parameters have ${bytes} bytes, more than maxParamsBytes, ${maxParamsBytes}`;
    throw new LimitError("maxParamsBytes", maxParamsBytes, message);
  }
}

/** The variables of the file that a Filter is to filter (§6.4). */
function filterParams(
  data: OutgoingBody,
  { dataLastModified }: FastCgiRequestInit,
  role: number,
): Record<string, string> {
  if (role !== FCGI_FILTER) return {};
  const length = { FCGI_DATA_LENGTH: String(data.length ?? 0) };
  if (dataLastModified === undefined) return length;
  return { ...length, FCGI_DATA_LAST_MOD: String(Math.floor(dataLastModified.getTime() / 1000)) };
}

function withoutForbidden(params: readonly string[]): string[] {
  return params.filter((_, at) => !NOT_FOR_AUTHORIZERS.has(params[at - at % 2]!));
}
