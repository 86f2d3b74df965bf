/** The options of a server: what they mean, their defaults, and what is refused. */

import type { Addr } from "../runtime/transport.ts";
import type { ErrorHandler } from "./handler.ts";

/** How requests are served, whatever they come over. */
export interface ConnectionOptions {
  /** Where the application is mounted, as in `"/app"`, for web servers that do not tell rightly. */
  mount?: string;
  /**
   * Cuts the mount off the path of `request.url`, so that an application routes as it would at the root.
   *
   * @default {false}
   */
  stripMount?: boolean;
  /**
   * Whether several requests may be under way on a connection at a time. Only HAProxy makes use of it.
   *
   * @default {true}
   */
  multiplex?: boolean;
  /**
   * Requests served at a time; one more is answered 503 with Retry-After.
   *
   * @default {1024}
   */
  maxRequests?: number;
  /**
   * Requests served at a time on one connection; one more is answered 503 with Retry-After.
   *
   * @default {256}
   */
  maxRequestsPerConnection?: number;
  /**
   * Requests on one connection whose parameters have not come whole; one more is refused with FCGI_OVERLOADED.
   *
   * @default {128}
   */
  maxUnfinishedRequests?: number;
  /**
   * Greatest size of a request's parameters, in bytes; a larger request is answered 431.
   *
   * @default {262144}
   */
  maxParamsBytes?: number;
  /**
   * Greatest number of a request's parameters; a request with more is answered 431.
   *
   * @default {1024}
   */
  maxParams?: number;
  /**
   * Greatest size of a request's body, in bytes; a larger one is answered 413.
   *
   * @default {Infinity}
   */
  maxBodyBytes?: number;
  /**
   * Bytes of bodies that wait on one connection until handlers read them; above it nothing more is read. While only one
   * request is under way it is never more than 65,536.
   *
   * @default {1048576}
   */
  maxUnreadBytes?: number;
  /**
   * How long the parameters of a request may take to come, and the first request on a new connection, in milliseconds;
   * then the connection is closed. No time passes while unread bodies keep the connection from being read. 0: for ever.
   *
   * @default {30000}
   */
  headTimeoutMs?: number;
  /**
   * How long a kept connection may be idle, in milliseconds. 0: for ever, because it is the web server's to close: one
   * that the application closes first can make a 502.
   *
   * @default {0}
   */
  idleTimeoutMs?: number;
  /**
   * How long the next 1,024 bytes of a body, or its end, may take to come, in milliseconds; then reading it fails, which
   * is a 408 unless the handler says otherwise. No time passes while what has come waits to be read. 0: for ever, for
   * applications that converse in single bytes.
   *
   * @default {60000}
   */
  bodyTimeoutMs?: number;
  /**
   * How long a web server may take for the next 256 KiB of what is sent, in milliseconds; then the connection is closed.
   * 0: for ever.
   *
   * @default {120000}
   */
  writeTimeoutMs?: number;
  /**
   * How long what a web server still sends after our last word is read and dropped, in milliseconds, so that the
   * response is not lost to a reset.
   *
   * @default {2000}
   */
  drainTimeoutMs?: number;
  /**
   * How long a request may take, in milliseconds; then it is aborted. 0: for ever.
   *
   * @default {0}
   */
  requestTimeoutMs?: number;
  /**
   * How long a graceful shutdown may take, in milliseconds; then what still runs is aborted.
   *
   * @default {10000}
   */
  shutdownTimeoutMs?: number;
  /**
   * Gives handlers the runtime's own Request instead of one that makes its parts when they are read, and leaves the
   * globals `Request`, `Response` and `fetch` as they are.
   *
   * @default {false}
   */
  nativeRequest?: boolean;
  /**
   * Has the global `Response` make responses that are sent as fast as {@linkcode FastResponse}, from now on and in the
   * whole process: for frameworks that make responses themselves, as Hono's `c.text()` does.
   *
   * It stays what it was in every other way, and what the runtime's own functions take is still theirs.
   *
   * @default {false}
   *
   * @example
   * ```ts
   * import { serve } from "@webfcgi/webfcgi";
   * import { assert } from "@std/assert";
   * import { Hono } from "hono";
   *
   * const app = new Hono().get("/", (context) => context.text("Hello"));
   * await using server = serve({ port: 0, onListen: () => {}, fastResponse: true, fetch: app.fetch });
   * await server.ready;
   * assert(new Response("Hello") instanceof Response);
   * ```
   */
  fastResponse?: boolean;
  /** Makes a response of an error. Without it the error is written to the console, and a plain 500 is sent. */
  onError?: ErrorHandler;
}

/** Options of {@linkcode serve}: where to listen, and how to serve. */
export interface ServeOptions extends ConnectionOptions {
  /**
   * IP address or name to listen on.
   *
   * The default is the loopback address on purpose: what speaks FastCGI to an application is trusted to tell it the
   * client's address and user.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * TCP port; 0 for a free one.
   *
   * @default {9000}
   */
  port?: number;
  /** Path of a unix socket to listen on, at most 107 bytes. */
  path?: string;
  /**
   * Mode of the unix socket.
   *
   * @default {0o660}
   */
  mode?: number;
  /**
   * Takes the path over from a process that still listens there, for a restart without a gap: the old one goes on with
   * the connections that it has.
   *
   * @default {false}
   */
  takeOver?: boolean;
  /** File descriptor of a listening socket that the process was started with: 0 by FastCGI's own convention (§2.2). */
  fd?: number;
  /**
   * Length of the kernel's queue of connections not accepted yet. Bun always has 512.
   *
   * @default {511}
   */
  backlog?: number;
  /**
   * Whether several processes may listen on the port, the kernel sharing out connections. Not on Node 20.
   *
   * @default {false}
   */
  reusePort?: boolean;
  /**
   * Connections served at a time; the ones beyond wait, unread, until another ends, or are closed after `headTimeoutMs`.
   *
   * @default {1024}
   */
  maxConnections?: number;
  /** Shuts the server down gracefully when it is aborted. */
  signal?: AbortSignal;
  /** Called once the server listens. Without it a line is written to the console. */
  onListen?: (addr: Addr) => void;
}

/** {@linkcode ConnectionOptions} with nothing left out. */
export interface Settings {
  readonly mount: string | undefined;
  readonly stripMount: boolean;
  readonly multiplex: boolean;
  readonly maxConnections: number;
  readonly maxRequests: number;
  readonly maxRequestsPerConnection: number;
  readonly maxUnfinishedRequests: number;
  readonly maxParamsBytes: number;
  readonly maxParams: number;
  readonly maxBodyBytes: number;
  readonly maxUnreadBytes: number;
  readonly headTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly nativeRequest: boolean;
  readonly onError: ErrorHandler | undefined;
}

/** Fills in the defaults. @throws {TypeError|RangeError} If an option cannot be. */
export function resolveSettings(options: ServeOptions): Settings {
  const { mount, onError } = options;
  if (mount !== undefined && mount !== "" && (!mount.startsWith("/") || mount.endsWith("/"))) {
    throw new TypeError(`Cannot serve: mount is ${JSON.stringify(mount)}, not "" or a path like "/app"`);
  }
  return {
    mount,
    onError,
    stripMount: options.stripMount ?? false,
    multiplex: options.multiplex ?? true,
    maxConnections: atLeast("maxConnections", options.maxConnections, 1, 1024),
    maxRequests: atLeast("maxRequests", options.maxRequests, 1, 1024),
    maxRequestsPerConnection: atLeast("maxRequestsPerConnection", options.maxRequestsPerConnection, 1, 256),
    maxUnfinishedRequests: atLeast("maxUnfinishedRequests", options.maxUnfinishedRequests, 1, 128),
    maxParamsBytes: atLeast("maxParamsBytes", options.maxParamsBytes, 1, 262_144),
    maxParams: atLeast("maxParams", options.maxParams, 1, 1024),
    maxBodyBytes: atLeast("maxBodyBytes", options.maxBodyBytes, 0, Infinity),
    maxUnreadBytes: atLeast("maxUnreadBytes", options.maxUnreadBytes, 1, 1_048_576),
    bodyTimeoutMs: atLeast("bodyTimeoutMs", options.bodyTimeoutMs, 0, 60_000) || Infinity,
    writeTimeoutMs: atLeast("writeTimeoutMs", options.writeTimeoutMs, 0, 120_000) || Infinity,
    drainTimeoutMs: atLeast("drainTimeoutMs", options.drainTimeoutMs, 0, 2000),
    headTimeoutMs: atLeast("headTimeoutMs", options.headTimeoutMs, 0, 30_000) || Infinity,
    idleTimeoutMs: atLeast("idleTimeoutMs", options.idleTimeoutMs, 0, 0) || Infinity,
    requestTimeoutMs: atLeast("requestTimeoutMs", options.requestTimeoutMs, 0, 0) || Infinity,
    shutdownTimeoutMs: atLeast("shutdownTimeoutMs", options.shutdownTimeoutMs, 0, 10_000),
    nativeRequest: options.nativeRequest ?? false,
  };
}

function atLeast(name: string, value: number | undefined, least: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (!(value >= least)) throw new RangeError(`Cannot serve: ${name} is ${value}, less than ${least}`);
  return value;
}
