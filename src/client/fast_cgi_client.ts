/**
 * The client: requests in, responses out.
 *
 * Owns the pool, and what the application has told of itself. Makes the parameters of a request and sends it once more
 * where that is safe; knows nothing of sockets.
 */

import { requestParams, type Site } from "../cgi/request_params.ts";
import { LimitError, RequestAbortedError } from "../errors.ts";
import { FCGI_AUTHORIZER, FCGI_CANT_MPX_CONN, FCGI_FILTER, FCGI_RESPONDER } from "../protocol/constants.ts";
import { type ApplicationCapabilities, askCapabilities } from "./capabilities.ts";
import { ClientExchange } from "./client_exchange.ts";
import type { ClientSettings } from "./client_options.ts";
import { type Connect, ConnectionPool } from "./connection_pool.ts";
import { type FastCgiRequestInit, type OutgoingRequest, readRequest } from "./outgoing_request.ts";
import { findScript } from "../bridge/script_path.ts";

/** What a client has done and is doing. */
export interface ClientStats {
  /** Connections open now. */
  readonly connections: number;
  /** Connections open now that wait for a request. */
  readonly idleConnections: number;
  /** Requests under way now. */
  readonly activeRequests: number;
  /** Requests that wait for a connection now. */
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
 * import { allow, serve } from "@webfcgi/webfcgi";
 * import { authorizerVariables, createClient } from "@webfcgi/webfcgi/client";
 * import { assertEquals } from "@std/assert";
 *
 * const server = serve({
 *   port: 0,
 *   quiet: true,
 *   fetch: () => new Response("Hello"),
 *   authorizer: () => allow({ REMOTE_USER: "anna" }),
 * });
 * await server.ready;
 * const { port } = server.addr;
 *
 * await using client = createClient({ port, keepConn: true });
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
   * A safe request (GET, HEAD, OPTIONS) is sent once more if a kept connection turns out to be closed before anything
   * has come back.
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
  readonly #pool: ConnectionPool;
  readonly #closing = new AbortController();
  /** FCGI_GET_VALUES has been asked, to know whether requests may share a connection. */
  #asked = false;
  #requests = 0;
  #retries = 0;

  constructor(settings: ClientSettings, connect: Connect) {
    this.#settings = settings;
    this.#connect = connect;
    this.#pool = new ConnectionPool(settings, connect);
  }

  async fetch(input: string | URL | Request, init: FastCgiRequestInit = {}): Promise<Response> {
    this.#checkOpen("fetch");
    const startedMs = performance.now();
    this.#requests++;
    const role = ROLES[init.role ?? "responder"];
    if (role === undefined) throw new TypeError(`Cannot fetch: role is ${JSON.stringify(init.role)}`);
    const request = await readRequest(input, init, this.#settings);
    const params = await this.#params(request, init, role);
    if (this.#settings.multiplex && !this.#asked) this.#ask();
    for (let fresh = false;; fresh = true) {
      request.signal?.throwIfAborted();
      const { onEnd } = init;
      const parts = { settings: this.#settings, request, params, role, onEnd, startedMs };
      const exchange = new ClientExchange(parts, this.#pool);
      this.#pool.run(exchange, fresh);
      try {
        return await exchange.response;
      } catch (error) {
        if (fresh || !exchange.retriable) throw error;
        this.#retries++;
        if ((error as { protocolStatus?: number }).protocolStatus === FCGI_CANT_MPX_CONN) this.#pool.maxShared = 1;
      }
    }
  }

  async capabilities(): Promise<ApplicationCapabilities> {
    this.#checkOpen("ask for capabilities");
    return askCapabilities(this.#connect, this.#settings.headTimeoutMs, this.#closing.signal);
  }

  close(): Promise<void> {
    const { signal } = this.#closing;
    if (!signal.aborted) this.#closing.abort(new RequestAbortedError("The client was closed"));
    return this.#pool.close(signal.reason);
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
      queuedRequests: queued,
      requests: this.#requests,
      retries: this.#retries,
    };
  }

  #checkOpen(what: string): void {
    if (this.#closing.signal.aborted) throw new TypeError(`Cannot ${what}: the client is closed`);
  }

  /** Finds out whether requests may share connections; until it is known they do not. */
  #ask(): void {
    this.#asked = true;
    this.capabilities().then(({ multiplex, maxRequests = MAX_SHARED }) => {
      if (multiplex) this.#pool.maxShared = Math.max(1, Math.min(maxRequests, MAX_SHARED));
    }, () => {});
  }

  async #params(request: OutgoingRequest, init: FastCgiRequestInit, role: number): Promise<string[]> {
    const { site: ofClient, scripts, maxParamsBytes } = this.#settings;
    const { method, headers } = request;
    const url = new URL(request.url);
    const documentRoot = init.documentRoot ?? ofClient.documentRoot;
    const extra: Record<string, string> = {};
    let site: Site = { ...ofClient, ...init };
    const scriptFilename = init.scriptFilename ?? ofClient.scriptFilename;
    if (documentRoot !== undefined && scriptFilename === undefined) {
      const script = await findScript(url.pathname, documentRoot, scripts);
      if (script === undefined) throw new TypeError(`Cannot fetch: no script answers ${JSON.stringify(url.pathname)}`);
      if (script.pathInfo !== "") extra.PATH_TRANSLATED = withoutSlash(documentRoot) + script.pathInfo;
      site = { ...site, ...script };
    } else if (scriptFilename !== undefined) {
      const below = documentRoot !== undefined && scriptFilename.startsWith(withoutSlash(documentRoot) + "/");
      const scriptName = below ? scriptFilename.slice(withoutSlash(documentRoot).length) : "";
      site = { scriptName, pathInfo: "", ...site };
    }
    if (role === FCGI_FILTER) {
      extra.FCGI_DATA_LENGTH = String(request.data.length ?? 0);
      const { dataLastModified } = init;
      if (dataLastModified !== undefined) {
        extra.FCGI_DATA_LAST_MOD = String(Math.floor(dataLastModified.getTime() / 1000));
      }
    }
    const params = requestParams(
      { method, url, headers },
      { ...site, params: { ...extra, ...ofClient.params, ...init.params } },
    );
    const sent = role === FCGI_AUTHORIZER ? withoutForbidden(params) : params;
    const bytes = sent.reduce((sum, text) => sum + text.length, 0);
    if (bytes <= maxParamsBytes) return sent;
    const message =
      `Cannot send request: its parameters have ${bytes} bytes, more than maxParamsBytes, ${maxParamsBytes}`;
    throw new LimitError("maxParamsBytes", maxParamsBytes, message);
  }
}

function withoutSlash(folder: string): string {
  return folder.replace(/\/+$/, "");
}

function withoutForbidden(params: readonly string[]): string[] {
  return params.filter((_, at) => !NOT_FOR_AUTHORIZERS.has(params[at - at % 2]!));
}
