/** The options of a client: what they mean, their defaults, and what is refused. */

import { printable } from "../cgi/field.ts";
import type { CgiVariables } from "../cgi/request_params.ts";
import { checkFunction, checkInteger, checkNames, resolveFlags, resolveNumbers, show } from "../options.ts";
import { isHostname, parseAddress, pathFault } from "../runtime/address.ts";
import type { NetAddr, UnixAddr } from "../runtime/transport.ts";
import { checkVariables, VARIABLE_NAMES } from "./variables.ts";

export type { CgiVariables } from "../cgi/request_params.ts";

/** The request that text on FCGI_STDERR belongs to. */
export interface StderrSource {
  /** The method. */
  readonly method: string;
  /** The absolute URL. */
  readonly url: string;
}

/**
 * Options of a client: where the application is, the variables that it gets with every request, and limits. Where a
 * limit is a number, `Infinity` is none.
 */
export interface ClientOptions extends CgiVariables {
  /** The application's address: `"127.0.0.1:9000"`, `"[::1]:9000"`, `"9000"`, or `"unix:/run/php/php8.2-fpm.sock"`. */
  readonly address?: string;
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
   * Whether connections are kept for further requests (FCGI_KEEP_CONN), which costs half as much. While a connection to
   * it is kept, a worker of PHP-FPM serves no other, so this is off by default; requests of this client that wait for a
   * worker still get their turn.
   *
   * @default {whether `multiplex` is set}
   */
  readonly keepAlive?: boolean;
  /**
   * Whether several requests may share a connection at a time, if the application's answer to FCGI_GET_VALUES promises
   * that it can.
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
   * Requests that wait for a connection, and requests that wait for their own bodies before that; one more of either
   * kind fails at once.
   *
   * @default {1024}
   */
  readonly maxQueuedRequests?: number;
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
  readonly unknownLengthBodies?: "buffer" | "stream";
  /**
   * Greatest size of a body, in bytes, that is collected because its length is not known; a larger one fails. All that
   * are collected at a time may have four times as much.
   *
   * @default {16777216}
   */
  readonly maxBufferedBodyBytes?: number;
  /**
   * How long connecting may take, in milliseconds.
   *
   * @default {10000}
   */
  readonly connectTimeoutMs?: number;
  /**
   * How long a request may wait for a connection, in milliseconds.
   *
   * @default {30000}
   */
  readonly queueTimeoutMs?: number;
  /**
   * How long the response's head may take to come, counted from the last part of the request's body that could be sent,
   * in milliseconds.
   *
   * @default {60000}
   */
  readonly headTimeoutMs?: number;
  /**
   * How long a body may stand still, in milliseconds: a request's, of which 1,024 bytes must come in this time, and a
   * response's, because nothing comes or because nothing is read.
   *
   * @default {60000}
   */
  readonly bodyTimeoutMs?: number;
  /**
   * How long a request may take from `fetch` to the end of its response, in milliseconds.
   *
   * @default {Infinity}
   */
  readonly requestTimeoutMs?: number;
  /**
   * How long a kept connection may be idle, in milliseconds.
   *
   * @default {1000}
   */
  readonly idleTimeoutMs?: number;
  /**
   * Called with what the application writes to FCGI_STDERR, as it comes, and with what this client left out of a
   * response. By default it goes to the console, line by line, without control characters. An error of a request quotes
   * it too.
   */
  readonly onStderr?: (text: string, request: StderrSource) => void;
}

type LimitOption = Extract<keyof ClientOptions, `max${string}` | `${string}TimeoutMs`>;

const LIMITS: { readonly [Name in LimitOption]: readonly [least: number, fallback: number] } = {
  maxConnections: [1, 64],
  maxQueuedRequests: [0, 1024],
  maxHeadBytes: [1, 65_536],
  maxParamsBytes: [1, 262_144],
  maxBufferedBodyBytes: [0, 16_777_216],
  connectTimeoutMs: [1, 10_000],
  queueTimeoutMs: [1, 30_000],
  headTimeoutMs: [1, 60_000],
  bodyTimeoutMs: [1, 60_000],
  requestTimeoutMs: [1, Infinity],
  idleTimeoutMs: [1, 1000],
};

const NAMES: readonly string[] = [
  ...["address", "hostname", "port", "path", "keepAlive", "multiplex", "unknownLengthBodies", "onStderr"],
  ...Object.keys(LIMITS),
  ...VARIABLE_NAMES,
];

/** Names from elsewhere, and the options that they mean here. */
const OTHER_NAMES = {
  host: "hostname",
  socket: "path",
  unix: "path",
  socketPath: "path",
  root: "documentRoot",
  script: "scriptFilename",
  keepConn: "keepAlive",
  maxQueued: "maxQueuedRequests",
  chunkedBodies: "unknownLengthBodies",
  timeout: "headTimeoutMs",
  timeoutMs: "headTimeoutMs",
};

/** {@linkcode ClientOptions} with nothing left out. */
export interface ClientSettings extends Readonly<Record<LimitOption, number>> {
  readonly addr: NetAddr | UnixAddr;
  readonly variables: CgiVariables;
  readonly keepAlive: boolean;
  readonly multiplex: boolean;
  readonly unknownLengthBodies: "buffer" | "stream";
  readonly onStderr: (text: string, request: StderrSource) => void;
}

const WHAT = "Cannot make client";

/** Fills in the defaults. @throws {TypeError|RangeError} If an option is invalid. */
export function resolveClient(options: ClientOptions): ClientSettings {
  checkNames(WHAT, options, NAMES, OTHER_NAMES);
  checkVariables(WHAT, options);
  const { unknownLengthBodies = "buffer", multiplex = false, onStderr } = options;
  if (unknownLengthBodies !== "buffer" && unknownLengthBodies !== "stream") {
    throw new TypeError(`${WHAT}: unknownLengthBodies is ${show(unknownLengthBodies)}; write "buffer" or "stream"`);
  }
  checkFunction(WHAT, "onStderr", onStderr);
  return {
    ...resolveNumbers(WHAT, LIMITS, options),
    ...resolveFlags(WHAT, { keepAlive: multiplex, multiplex: false }, options),
    addr: resolveAddress(options),
    variables: options,
    unknownLengthBodies,
    onStderr: onStderr ?? toConsole,
  };
}

function resolveAddress({ address, hostname, port, path }: ClientOptions): NetAddr | UnixAddr {
  const given = Object.entries({ address, "hostname and port": hostname ?? port, path })
    .filter(([, value]) => value !== undefined).map(([name]) => name);
  if (given.length > 1) throw new TypeError(`${WHAT}: give one of ${given.join(" and ")}, not both`);
  const parsed = address === undefined
    ? path === undefined ? { hostname: hostname ?? "127.0.0.1", port: port ?? 9000 } : { path }
    : parseAddress(address);
  if ("fd" in parsed) {
    throw new TypeError(`${WHAT}: address is ${show(address)}; a client connects to a port or a path`);
  }
  return "path" in parsed ? unixAddr(parsed.path) : netAddr(parsed.hostname, parsed.port);
}

function netAddr(hostname: string, port: number): NetAddr {
  checkInteger(WHAT, "port", port, 1, 65_535);
  if (typeof hostname !== "string" || !isHostname(hostname)) {
    throw new TypeError(`${WHAT}: hostname is ${show(hostname)}; write a name or an IP address, without a port`);
  }
  return { transport: "tcp", hostname, port };
}

function unixAddr(path: string): UnixAddr {
  if (typeof path !== "string") throw new TypeError(`${WHAT}: path is ${show(path)}; write a string`);
  if (path.startsWith("unix:")) throw new TypeError(`${WHAT}: path is ${show(path)}; write it as the address`);
  const fault = pathFault(path);
  if (fault !== undefined) throw new RangeError(`${WHAT}: ${fault}`);
  return { transport: "unix", path };
}

/** Line by line and escaped: an application can neither forge lines nor send escapes to the terminal. */
function toConsole(text: string, { method, url }: StderrSource): void {
  for (const line of text.split("\n")) {
    if (line.trim() !== "") console.error(printable(`webfcgi: ${method} ${url}: ${line.trimEnd()}`));
  }
}
