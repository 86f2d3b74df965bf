/** Explanations of errors of addresses. */
import { formatAddress } from "./address.ts";
import type { Addr, ListenOptions } from "./transport.ts";

/** An error of the system, as all three runtimes shape it. */
export interface SocketError extends Error {
  /** The system's name of the error, such as `"EADDRINUSE"`, where there is one. */
  code?: string | undefined;
}

type Hints = Readonly<Record<string, string>>;

const PORT_HINTS: Hints = {
  EADDRINUSE: "another process listens there; stop it, or choose another address",
  EADDRNOTAVAIL: "this machine has no such address",
  // Deno's `node:net` says so of an address.
  EINVAL: "this machine has no such address",
  EACCES: "permission denied; ports below 1024 are for root: choose one above 1023",
  ENOTFOUND: "there is no machine of that name",
};

const FD_HINTS: Hints = {
  EINVAL: "this is no listening socket; give one",
  ENOTSOCK: "this is no listening socket; give one",
};

function pathHints(path: string): Hints {
  const folder = folderOf(path);
  return {
    ENOENT: `the folder ${folder} does not exist; create it first`,
    ENOTDIR: `${folder} is no folder`,
    EACCES: `permission denied; give this user the right to write to the folder ${folder}`,
    EROFS: `the folder ${folder} is on a file system that is read-only`,
  };
}

const CONNECT_HINTS: Hints = {
  ECONNREFUSED: "nothing listens there",
  ENOENT: "nothing is there; is the application running?",
  EAGAIN: "too many connections wait there to be accepted; the application is too busy",
  EACCES: "permission denied; the socket's mode or its folder keeps this user out",
};

/** Writes an address as people do. */
export function addressText(addr: Addr | ListenOptions): string {
  if ("path" in addr && addr.path !== undefined) return formatAddress({ path: addr.path });
  if ("fd" in addr && addr.fd !== undefined) return `descriptor ${addr.fd}`;
  const { hostname = "127.0.0.1", port = 0 } = addr as { hostname?: string; port?: number };
  return formatAddress({ hostname, port });
}

/** The folder of a path. */
function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end) || "/";
}

/** Makes the error of a failed listen, with the system's `code` and the runtime's error as `cause`. */
export function listenError(options: ListenOptions, cause: unknown): SocketError {
  const { path, fd, group, hostname = "" } = options;
  const hints = path !== undefined ? pathHints(path) : fd !== undefined ? FD_HINTS : PORT_HINTS;
  const groups = /\D/.test(String(group ?? "")) ? ",/etc/group" : "";
  const flags = path === undefined
    ? `--allow-net=${addressText(options)}`
    : `--allow-net --allow-read=${folderOf(path)}${groups} --allow-write=${folderOf(path)}`;
  // Deno and Bun give no code to what they cannot look up.
  const otherwise = /^(?=.*[a-z])[^:]+$/i.test(hostname) ? "ENOTFOUND" : undefined;
  return socketError(`Cannot listen on ${addressText(options)}`, hints, flags, cause, otherwise);
}

/** Makes the error of a failed connect, with the system's `code` and the runtime's error as `cause`. */
export function connectError(addr: Addr, cause: unknown): SocketError {
  const flags = addr.transport === "unix"
    ? `--allow-net --allow-read=${addr.path} --allow-write=${addr.path}`
    : `--allow-net=${addressText(addr)}`;
  return socketError(`Cannot connect to ${addressText(addr)}`, CONNECT_HINTS, flags, cause);
}

/** An error of our own that says already what happened and what to do. */
export class ExplainedError extends Error implements SocketError {
  readonly code: string | undefined;

  constructor(message: string, code?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

function socketError(what: string, hints: Hints, flags: string, cause: unknown, otherwise?: string): SocketError {
  const { name, message } = cause as SocketError;
  const isExplained = cause instanceof ExplainedError || name === "NotCapable";
  const code = (cause as SocketError).code ?? (isExplained ? undefined : otherwise);
  const hint = code === undefined || isExplained ? undefined : hints[code];
  const why = name === "NotCapable" ? `Deno needs ${flags}` : hint === undefined ? message : `${hint} (${code})`;
  const error: SocketError = new Error(`${what}: ${why}`, cause instanceof ExplainedError ? {} : { cause });
  if (code !== undefined) error.code = code;
  return error;
}
