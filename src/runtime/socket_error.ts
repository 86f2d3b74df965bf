/** Sentences for people about addresses that cannot be used. */
import type { Addr, ListenOptions } from "./transport.ts";

/** An error of the system, as all three runtimes shape it. */
export interface SocketError extends Error {
  /** The system's name of the error, such as `"EADDRINUSE"`, where there is one. */
  code?: string;
}

const LISTEN_HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there; stop it, or choose another address",
  EADDRNOTAVAIL: "this machine has no such address",
  // Node says so of a folder that does not exist too.
  EACCES: "permission denied; choose a port above 1023 or a folder that exists and that this user may write to",
  ENOENT: "the folder does not exist; create it first",
  EINVAL: "this is no address or descriptor that can listen",
  ENOTSOCK: "the descriptor is no socket",
};

const CONNECT_HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOENT: "nothing is there; is the application running?",
  EAGAIN: "too many connections wait there to be accepted; the application is too busy",
  EACCES: "permission denied; the socket's mode or its folder keeps this user out",
};

/** Writes an address as people do. */
export function addressText(addr: Addr | ListenOptions): string {
  if ("path" in addr && addr.path !== undefined) return `unix:${addr.path.replace("\0", "@")}`;
  if ("fd" in addr && addr.fd !== undefined) return `descriptor ${addr.fd}`;
  const { hostname = "0.0.0.0", port = 0 } = addr as { hostname?: string; port?: number };
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Makes the error of a failed listen, with the system's `code` and the runtime's error as `cause`. */
export function listenError(options: ListenOptions, cause: unknown): SocketError {
  return socketError(`Cannot listen on ${addressText(options)}`, LISTEN_HINTS, cause);
}

/** Makes the error of a failed connect, with the system's `code` and the runtime's error as `cause`. */
export function connectError(addr: Addr, cause: unknown): SocketError {
  return socketError(`Cannot connect to ${addressText(addr)}`, CONNECT_HINTS, cause);
}

function socketError(what: string, hints: Readonly<Record<string, string>>, cause: unknown): SocketError {
  const { code, message } = cause as SocketError;
  const hint = code === undefined ? undefined : hints[code];
  const error: SocketError = new Error(`${what}: ${hint === undefined ? message : `${hint} (${code})`}`, { cause });
  if (code !== undefined) error.code = code;
  return error;
}
