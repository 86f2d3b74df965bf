/** The options of a server: what they mean, their defaults, and what is refused. */

import { checkFunction, checkNames, resolveFlags, resolveNumbers, show } from "../options.ts";
import type { Addr } from "../runtime/transport.ts";
import type { ErrorHandler } from "./handler.ts";
import { PeerList } from "./peer_list.ts";
import type { FinishHandler } from "./response_watch.ts";

/** How requests are served, whatever they come over. Where a limit is a number, `Infinity` is none. */
export interface ConnectionOptions {
  /** Where the application is mounted, as in `"/app"`, for web servers that report it wrongly; `""` for the root. */
  mount?: string;
  /**
   * Cuts the mount off the path of `request.url`, so that an application routes as it would at the root. A Location
   * that leads into the application, be it a path or a URL of its own origin, gets the mount again unless it has it.
   *
   * @default {false}
   */
  stripMount?: boolean;
  /**
   * Which Request handlers get: `"lazy"`, one that makes its parts when they are read, or `"native"`, the runtime's
   * own.
   * `fetch(request)` and `new Request(request)` work with a lazy one only where `serve` patches these globals.
   *
   * @default `"lazy"`; `"native"` where `patchGlobals` is false, and in `serveConnection`
   */
  request?: "lazy" | "native";
  /**
   * Requests served at a time; one more is answered 503 with Retry-After.
   *
   * @default {1024}
   */
  maxRequests?: number;
  /**
   * Greatest size of a request's parameters, in bytes; a larger request is answered 431.
   *
   * @default {262144}
   */
  maxParamsBytes?: number;
  /**
   * Greatest size of a request's body, in bytes; a larger one is answered 413.
   *
   * @default {Infinity}
   */
  maxBodyBytes?: number;
  /**
   * How long the parameters of a request may take to come, and the first request on a new connection, in milliseconds;
   * then the connection is closed. No time passes while unread bodies keep the connection from being read.
   *
   * @default {30000}
   */
  headTimeoutMs?: number;
  /**
   * How long a kept connection may be idle, in milliseconds. Such a connection is the web server's to close: one that
   * the application closes first can make a 502.
   *
   * @default {Infinity}
   */
  idleTimeoutMs?: number;
  /**
   * How long the next 1,024 bytes of a body, or its end, may take to come, in milliseconds; then reading it fails,
   * which is a 408 unless the handler says otherwise. No time passes while what has come waits to be read. Applications
   * that converse in single bytes want `Infinity`.
   *
   * @default {60000}
   */
  bodyTimeoutMs?: number;
  /**
   * How long a web server may take for the next 256 KiB of what is sent, in milliseconds; then the connection is
   * closed.
   *
   * @default {120000}
   */
  writeTimeoutMs?: number;
  /**
   * How long a request may take, in milliseconds; then it is aborted.
   *
   * @default {Infinity}
   */
  requestTimeoutMs?: number;
  /** Makes a response of an error. Without it the error is written to the console, and a plain 500 is sent. */
  onError?: ErrorHandler;
  /**
   * Called once for each request, when nothing more of it will be sent; refused ones too. For logs, metrics and traces.
   * What it throws is written to the console, and the request has ended already.
   */
  onFinish?: FinishHandler;
}

/** Options of {@linkcode serve}: where to listen, and how to serve. */
export interface ServeOptions extends ConnectionOptions {
  /**
   * Where to listen, as text: `"9000"`, `"127.0.0.1:9000"`, `"[::1]:9000"`, `"unix:/run/app.sock"` or `"fd:0"`. Give
   * this, or `hostname` and `port`, or `path`, or `fd`.
   */
  address?: string;
  /**
   * IP address or name to listen on.
   *
   * The default is the loopback address on purpose: an application believes what any FastCGI peer claims about the
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
  /** Group of the unix socket, by name or number: the web server's, unless both run as the same user. */
  group?: string | number;
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
   * The web servers that may connect, by IP address or range (`"10.0.0.7"`, `"10.0.0.0/8"`, `"fd00::/8"`); the
   * connections of others are closed at once. The addresses in the environment variable FCGI_WEB_SERVER_ADDRS (§3.2)
   * restrict further.
   *
   * @default Every peer that reaches the address
   */
  allowedPeers?: readonly string[];
  /**
   * Connections served at a time; the ones beyond wait, unread, until another ends, or are closed after
   * `headTimeoutMs`.
   *
   * @default {1024}
   */
  maxConnections?: number;
  /**
   * How long a graceful shutdown may take, in milliseconds; then what still runs is aborted. 0: at once.
   *
   * @default {10000}
   */
  shutdownTimeoutMs?: number;
  /** Shuts the server down gracefully when it is aborted. */
  signal?: AbortSignal;
  /**
   * Shuts the server down gracefully at SIGTERM, which systemd and Docker send, and at SIGINT (Ctrl+C). A second signal does
   * what it does by default: it ends the process.
   *
   * @default {false}
   */
  signals?: boolean;
  /**
   * Makes `fetch(request)`, `new Request(request)` and the like work with a lazy request, by wrapping these globals
   * until the last server that asked for it has finished.
   *
   * @default {true}
   */
  patchGlobals?: boolean;
  /**
   * Makes `new Response(…)` in the whole process make responses that are sent as fast as {@linkcode FastResponse}: for
   * frameworks that make responses themselves, as Hono's `c.text()` does.
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
   * await using server = serve({ port: 0, quiet: true, fastResponse: true, fetch: app.fetch });
   * await server.ready;
   * assert(new Response("Hello") instanceof Response);
   * ```
   */
  fastResponse?: boolean;
  /**
   * Called once the server listens, in place of a line on the console.
   *
   * @default A line on the console, unless `quiet`
   */
  onListen?: (addr: Addr) => void;
  /**
   * Writes no line to the console when the server listens.
   *
   * @default {false}
   */
  quiet?: boolean;
}

/** Options of {@linkcode serve} that name a TCP address. */
export type NetServeOptions = ServeOptions & ({ port: number } | { hostname: string });

/** Options of {@linkcode serve} that name a unix socket. */
export type UnixServeOptions = ServeOptions & { path: string };

/** How requests are served: the least value of each option, and its default unless that is Infinity. */
const CONNECTION_NUMBERS = {
  maxRequests: [1, 1024],
  maxParamsBytes: [1, 262_144],
  maxBodyBytes: [0],
  headTimeoutMs: [1, 30_000],
  bodyTimeoutMs: [1, 60_000],
  writeTimeoutMs: [1, 120_000],
  requestTimeoutMs: [1],
  idleTimeoutMs: [1],
} as const;

/** The same for the server. */
const SERVER_NUMBERS = {
  maxConnections: [1, 1024],
  shutdownTimeoutMs: [0, 10_000],
} as const;

const CONNECTION_FLAGS = { stripMount: false } as const;
const SERVER_FLAGS = { patchGlobals: true, fastResponse: false, quiet: false, signals: false } as const;

const HANDLERS = ["fetch", "authorizer", "filter"] as const;
const CONNECTION_NAMES = [
  ...Object.keys({ ...CONNECTION_NUMBERS, ...CONNECTION_FLAGS }),
  ...HANDLERS,
  "mount",
  "request",
  "onError",
  "onFinish",
];
const SERVER_NAMES = [
  ...CONNECTION_NAMES,
  ...Object.keys({ ...SERVER_NUMBERS, ...SERVER_FLAGS }),
  ...["address", "hostname", "port", "path", "mode", "group", "takeOver", "fd", "backlog", "reusePort"],
  ...["allowedPeers", "signal", "onListen"],
];

/** Names from elsewhere, and the options that they mean here. */
const OTHER_NAMES = {
  host: "hostname",
  listen: "address",
  socket: "path",
  unix: "path",
  socketPath: "path",
  umask: "mode",
  permissions: "mode",
  handler: "fetch",
  error: "onError",
  silent: "quiet",
  timeout: "requestTimeoutMs",
  maxHeaderSize: "maxParamsBytes",
  maxRequestBodySize: "maxBodyBytes",
  nativeRequest: 'request: "native"',
  overrideGlobalObjects: "patchGlobals",
  allowedHosts: "allowedPeers",
  basePath: "mount",
} as const;

type Numbers = typeof CONNECTION_NUMBERS & typeof SERVER_NUMBERS;
type Flags = typeof CONNECTION_FLAGS & typeof SERVER_FLAGS;

/** A server's options, with the defaults filled in. */
export type Settings =
  & { readonly [Name in keyof Numbers]: number }
  & { readonly [Name in keyof Flags]: boolean }
  & {
    readonly mount: string | undefined;
    readonly request: "lazy" | "native";
    readonly onError: ErrorHandler | undefined;
    readonly onFinish: FinishHandler | undefined;
    readonly allowedPeers: PeerList | undefined;
    /** Answers FCGI_GET_VALUES for names that FastCGI does not define. */
    readonly extraValue?: (name: string) => string | undefined;
  };

/** Fills in the defaults of `serve`. @throws {TypeError|RangeError} If an option is invalid. */
export function resolveSettings(options: ServeOptions): Settings {
  checkNames("Cannot serve", options, SERVER_NAMES, OTHER_NAMES);
  const { allowedPeers, onListen, signal } = options;
  checkFunction("Cannot serve", "onListen", onListen);
  if (signal !== undefined && typeof signal?.aborted !== "boolean") {
    throw new TypeError(`Cannot serve: signal is ${show(signal)}; write an AbortSignal`);
  }
  return fillIn(options, allowedPeers === undefined ? undefined : PeerList.parse("allowedPeers", allowedPeers));
}

/** Fills in the defaults of `serveConnection`. @throws {TypeError|RangeError} If an option is invalid. */
export function resolveConnectionSettings(options: ConnectionOptions): Settings {
  checkNames("Cannot serve connection", options, CONNECTION_NAMES, OTHER_NAMES);
  return fillIn({ ...options, patchGlobals: false }, undefined);
}

function fillIn(options: ServeOptions, allowedPeers: PeerList | undefined): Settings {
  const flags = resolveFlags("Cannot serve", { ...CONNECTION_FLAGS, ...SERVER_FLAGS }, options);
  const { mount, onError, onFinish, request = flags.patchGlobals ? "lazy" : "native" } = options;
  checkMount(mount);
  if (request !== "lazy" && request !== "native") {
    throw new TypeError(`Cannot serve: request is ${show(request)}; write "lazy" or "native"`);
  }
  checkFunction("Cannot serve", "onError", onError);
  checkFunction("Cannot serve", "onFinish", onFinish);
  return {
    mount,
    request,
    onError,
    onFinish,
    allowedPeers,
    ...resolveNumbers("Cannot serve", { ...CONNECTION_NUMBERS, ...SERVER_NUMBERS }, options),
    ...flags,
  };
}

function checkMount(mount: unknown): void {
  if (mount === undefined || mount === "") return;
  if (typeof mount !== "string" || !mount.startsWith("/") || mount.endsWith("/")) {
    throw new TypeError(`Cannot serve: mount is ${show(mount)}; write "" or a path like "/app"`);
  }
}
