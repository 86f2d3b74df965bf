/** The options of a client: what they mean, their defaults, and what is refused. */

import type { Site } from "../cgi/request_params.ts";
import type { NetAddr, UnixAddr } from "../runtime/transport.ts";
import type { ScriptRules } from "../bridge/script_path.ts";

export type { Site } from "../cgi/request_params.ts";
export type { ScriptRules } from "../bridge/script_path.ts";

/** The request that a line on FCGI_STDERR belongs to. */
export interface RequestLine {
  /** The method. */
  readonly method: string;
  /** The absolute URL. */
  readonly url: string;
}

/** Options of a client: where the application is, what it is told of the site, and the limits of buffers and waits. */
export interface ClientOptions extends Site, Partial<ScriptRules> {
  /**
   * IP address or name of the application's machine.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string;
  /**
   * TCP port.
   *
   * @default {9000}
   */
  readonly port?: number;
  /** Path of the application's unix socket, at most 107 bytes. */
  readonly path?: string;
  /**
   * Whether connections are kept for further requests (FCGI_KEEP_CONN), which costs half as much. A worker of PHP-FPM
   * serves no one else while a connection to it is kept, so it is off unless asked for; requests of this client that wait
   * for a worker still get their turn.
   *
   * @default {false}
   */
  readonly keepConn?: boolean;
  /**
   * Whether several requests may share a connection at a time, if the application's answer to FCGI_GET_VALUES promises
   * that it can. Connections are then kept.
   *
   * @default {false}
   */
  readonly multiplex?: boolean;
  /**
   * Connections open at a time; further requests wait.
   *
   * @default {64}
   */
  readonly maxConnections?: number;
  /**
   * Requests that wait for a connection; one more fails at once.
   *
   * @default {1024}
   */
  readonly maxQueued?: number;
  /**
   * Greatest size of a response's head, in bytes.
   *
   * @default {65536}
   */
  readonly maxHeadBytes?: number;
  /**
   * Greatest size of a request's parameters, in bytes; a larger request fails before anything is sent.
   *
   * @default {262144}
   */
  readonly maxParamsBytes?: number;
  /**
   * What is done with a request body whose length is not known: `"buffer"` collects it first, because PHP-FPM reads
   * nothing without CONTENT_LENGTH; `"stream"` sends it as it comes, to applications that read to the end of STDIN.
   *
   * @default {"buffer"}
   */
  readonly chunkedBodies?: "buffer" | "stream";
  /**
   * Greatest size of a body, in bytes, that is collected because its length is not known; a larger one fails.
   *
   * @default {1048576}
   */
  readonly maxBufferedBodyBytes?: number;
  /**
   * How long connecting may take, in milliseconds. 0: for ever.
   *
   * @default {10000}
   */
  readonly connectTimeoutMs?: number;
  /**
   * How long a request may wait for a connection, in milliseconds. 0: for ever.
   *
   * @default {30000}
   */
  readonly queueTimeoutMs?: number;
  /**
   * How long the response's head may take to come, counted from the last part of the request's body that could be sent,
   * in milliseconds. 0: for ever.
   *
   * @default {60000}
   */
  readonly headTimeoutMs?: number;
  /**
   * How long a response body may stand still, because nothing comes or because nothing is read, in milliseconds. 0: for
   * ever.
   *
   * @default {60000}
   */
  readonly bodyTimeoutMs?: number;
  /**
   * How long a request may take from `fetch` to the end of its response, in milliseconds. 0: for ever.
   *
   * @default {0}
   */
  readonly requestTimeoutMs?: number;
  /**
   * How long a kept connection may be idle, in milliseconds. 0: for ever.
   *
   * @default {1000}
   */
  readonly idleTimeoutMs?: number;
  /**
   * Told of what the application writes to FCGI_STDERR, as it comes. Without it, it goes to the console. An error of a
   * request carries it too.
   */
  readonly onStderr?: (text: string, request: RequestLine) => void;
}

/** {@linkcode ClientOptions} with nothing left out. */
export interface ClientSettings {
  readonly addr: NetAddr | UnixAddr;
  readonly site: Site;
  readonly scripts: ScriptRules;
  readonly keepConn: boolean;
  readonly multiplex: boolean;
  readonly maxConnections: number;
  readonly maxQueued: number;
  readonly maxHeadBytes: number;
  readonly maxParamsBytes: number;
  readonly chunkedBodies: "buffer" | "stream";
  readonly maxBufferedBodyBytes: number;
  readonly connectTimeoutMs: number;
  readonly queueTimeoutMs: number;
  readonly headTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly onStderr: (text: string, request: RequestLine) => void;
}

/** Bytes of the path that a unix socket's address holds; Node 20 cuts a longer one in silence. */
const MAX_UNIX_PATH = 107;

/** Fills in the defaults. @throws {TypeError|RangeError} If an option cannot be. */
export function resolveClient(options: ClientOptions): ClientSettings {
  const { chunkedBodies = "buffer", multiplex = false } = options;
  if (chunkedBodies !== "buffer" && chunkedBodies !== "stream") {
    throw new TypeError(
      `Cannot make client: chunkedBodies is ${JSON.stringify(chunkedBodies)}, not "buffer" or "stream"`,
    );
  }
  const { index = "index.php", frontController = "/index.php", scriptExtensions = [".php"], isFile } = options;
  return {
    addr: address(options),
    site: options,
    scripts: { index, frontController, scriptExtensions, isFile },
    keepConn: options.keepConn ?? multiplex,
    multiplex,
    chunkedBodies,
    maxConnections: atLeast("maxConnections", options.maxConnections, 1, 64),
    maxQueued: atLeast("maxQueued", options.maxQueued, 0, 1024),
    maxHeadBytes: atLeast("maxHeadBytes", options.maxHeadBytes, 1, 65_536),
    maxParamsBytes: atLeast("maxParamsBytes", options.maxParamsBytes, 1, 262_144),
    maxBufferedBodyBytes: atLeast("maxBufferedBodyBytes", options.maxBufferedBodyBytes, 0, 1_048_576),
    connectTimeoutMs: atLeast("connectTimeoutMs", options.connectTimeoutMs, 0, 10_000),
    queueTimeoutMs: atLeast("queueTimeoutMs", options.queueTimeoutMs, 0, 30_000),
    headTimeoutMs: atLeast("headTimeoutMs", options.headTimeoutMs, 0, 60_000),
    bodyTimeoutMs: atLeast("bodyTimeoutMs", options.bodyTimeoutMs, 0, 60_000),
    requestTimeoutMs: atLeast("requestTimeoutMs", options.requestTimeoutMs, 0, 0),
    idleTimeoutMs: atLeast("idleTimeoutMs", options.idleTimeoutMs, 0, 1000),
    onStderr: options.onStderr ?? toConsole,
  };
}

/**
 * Reads an address as people write it: `fcgi://host:port` or `fcgi+unix:/path.sock`.
 *
 * @throws {TypeError} If it is neither.
 */
export function parseAddress(text: string): { hostname: string; port: number } | { path: string } {
  const [, path] = /^fcgi\+unix:(?:\/\/(?=\/))?(\/[^]+)$/.exec(text) ?? [];
  if (path !== undefined) return { path };
  const [, ipv6, name, port = "9000"] =
    /^fcgi:\/\/(?:\[([\dA-Fa-f:.]+)\]|([^\s:/?#@[\]]+))(?::(\d{1,5}))?\/?$/.exec(text) ??
      [];
  const hostname = ipv6 ?? name;
  if (hostname === undefined) {
    throw new TypeError(
      `Cannot read address: ${JSON.stringify(text)} is neither fcgi://host:port nor fcgi+unix:/path.sock`,
    );
  }
  return { hostname, port: Number(port) };
}

function address({ hostname, port, path }: ClientOptions): NetAddr | UnixAddr {
  if (path === undefined) {
    if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
      throw new RangeError(`Cannot make client: port is ${port}, not 1 to 65535`);
    }
    return { transport: "tcp", hostname: hostname ?? "127.0.0.1", port: port ?? 9000 };
  }
  if (hostname !== undefined || port !== undefined) {
    throw new TypeError("Cannot make client: give one of port and path, not both");
  }
  const bytes = new TextEncoder().encode(path).length;
  if (bytes === 0 || bytes > MAX_UNIX_PATH) {
    throw new RangeError(`Cannot make client: path has ${bytes} bytes, not 1 to ${MAX_UNIX_PATH}`);
  }
  return { transport: "unix", path };
}

function atLeast(name: string, value: number | undefined, least: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (!(value >= least)) throw new RangeError(`Cannot make client: ${name} is ${value}, less than ${least}`);
  return value;
}

function toConsole(text: string, { method, url }: RequestLine): void {
  console.error(`webfcgi: ${method} ${url}: ${text.trimEnd()}`);
}
