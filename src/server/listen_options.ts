/** Where to listen, by the options of `serve`. */

import { checkInteger, resolveFlags, show } from "../options.ts";
import { type Address, isHostname, parseAddress, pathFault } from "../runtime/address.ts";
import type { ListenOptions } from "../runtime/transport.ts";
import type { ServeOptions } from "./server_options.ts";

const WHAT = "Cannot serve";
const MAX_INT = 2 ** 31 - 1;

type Kind = "port" | "path" | "abstract name" | "fd";

/** Options that apply to some kinds of addresses only, and to which in words. */
const ONLY_FOR: Readonly<Record<string, readonly [words: string, ...kinds: Kind[]]>> = {
  mode: ["a unix socket with a path", "path"],
  group: ["a unix socket with a path", "path"],
  takeOver: ["a unix socket with a path", "path"],
  reusePort: ["a port", "port"],
  backlog: ["a port or a unix socket", "port", "path", "abstract name"],
};

/** Where a server listens. */
export interface Place {
  /** The address and how to listen on it. */
  readonly where: ListenOptions;
  /** Whether the options name the address; otherwise an inherited socket comes first. */
  readonly named: boolean;
  /** Whether another process keeps the socket, which has said of it what is to be said. */
  readonly handed?: boolean;
}

/**
 * Where to listen.
 *
 * @throws {TypeError|RangeError} If an option is invalid, or they name several addresses.
 */
export function resolvePlace(options: ServeOptions): Place {
  const { mode = 0o660, group, backlog = 511 } = options;
  const named = namedAddress(options);
  const address = named ?? { hostname: "127.0.0.1", port: 9000 };
  checkKind(options, address);
  const { takeOver, reusePort } = resolveFlags(WHAT, { takeOver: false, reusePort: false }, options);
  checkInteger(WHAT, "backlog", backlog, 1, MAX_INT);
  checkMode(mode);
  checkGroup(group);
  const where = "fd" in address
    ? address
    : "path" in address
    ? { ...address, mode, group, takeOver, backlog }
    : { ...address, backlog, reusePort };
  return { where, named: named !== undefined };
}

function namedAddress({ address, hostname, port, path, fd }: ServeOptions): Address | undefined {
  const given = Object.entries({ address, "hostname and port": hostname ?? port, path, fd })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (given.length > 1) {
    throw new TypeError(`${WHAT}: several addresses are given, by ${given.join(" and by ")}; give one`);
  }
  if (address !== undefined) return parseAddress(address);
  if (path !== undefined) return { path: checkPath(path) };
  if (fd !== undefined) {
    checkInteger(WHAT, "fd", fd, 0, MAX_INT);
    return { fd };
  }
  if (given.length === 0) return undefined;
  if (port !== undefined) checkInteger(WHAT, "port", port, 0, 65_535);
  if (hostname !== undefined && !(typeof hostname === "string" && isHostname(hostname))) {
    const form = 'write an IP address or a name, such as "127.0.0.1" or "::1"; with a port, as address';
    throw new TypeError(`${WHAT}: hostname is ${show(hostname)}; ${form}`);
  }
  return { hostname: hostname ?? "127.0.0.1", port: port ?? 9000 };
}

function checkPath(path: string): string {
  if (typeof path !== "string") {
    throw new TypeError(`${WHAT}: path is ${show(path)}; write a string, such as "/run/app.sock"`);
  }
  if (path.startsWith("unix:")) {
    const meant = show(path.replace(/^unix:(\/\/(?=\/))?/, ""));
    throw new TypeError(`${WHAT}: path is ${show(path)}; write path: ${meant}, or address: ${show(path)}`);
  }
  const fault = pathFault(path);
  if (fault !== undefined) throw new RangeError(`${WHAT}: path is ${show(path)}; ${fault}`);
  return path;
}

function checkKind(options: ServeOptions, address: Address): void {
  const kind: Kind = "port" in address
    ? "port"
    : "fd" in address
    ? "fd"
    : address.path.startsWith("\0")
    ? "abstract name"
    : "path";
  for (const [name, [words, ...kinds]] of Object.entries(ONLY_FOR)) {
    const value = options[name as keyof ServeOptions];
    if (value === undefined || value === false || kinds.includes(kind)) continue;
    throw new TypeError(`${WHAT}: ${name} is an option of ${words}, and none is given; leave it out`);
  }
}

function checkMode(mode: number): void {
  if (typeof mode === "string" && /^(?:0o?)?[0-7]{3}$/.test(mode)) {
    throw new TypeError(`${WHAT}: mode is ${show(mode)}; write 0o${(mode as string).slice(-3)}, a number`);
  }
  checkInteger(WHAT, "mode", mode, 0, MAX_INT);
  if (mode <= 0o777) return;
  // 660 is 0o1224.
  const meant = /^[0-7]{3}$/.test(String(mode)) ? `0o${mode}` : "a mode of 0o777 at most";
  throw new RangeError(`${WHAT}: mode is ${mode}, which is 0o${mode.toString(8)}; write ${meant}`);
}

function checkGroup(group: string | number | undefined): void {
  if (typeof group === "number") return checkInteger(WHAT, "group", group, 0, 2 ** 32 - 2);
  if (group === undefined || typeof group === "string" && /^[^\s:,]+$/.test(group)) return;
  throw new TypeError(`${WHAT}: group is ${show(group)}; write the name or the number of a group`);
}
