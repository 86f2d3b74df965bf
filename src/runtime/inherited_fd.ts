/** What the process was started with: the listening socket that a web server or a supervisor has opened for it. */

import { mayReadVariable, readVariable } from "./environment.ts";
import { ExplainedError } from "./socket_error.ts";

interface Files {
  fstatSync(fd: number): { isSocket(): boolean; readonly ino: number };
  writeSync(fd: number, bytes: Uint8Array): number;
  readFileSync(path: string, encoding: "latin1"): string;
}

interface Process {
  readonly pid: number;
  getBuiltinModule?(name: "node:fs"): Files;
}

interface Deno {
  readonly version?: { readonly deno?: unknown };
  readonly stdin: { isTerminal(): boolean };
  readonly permissions: {
    querySync(permission: { name: "read"; path: string }): { readonly state: string };
  };
  statSync(path: string): { readonly isSocket: boolean | null; readonly ino: number | null };
}

/** systemd passes sockets from descriptor 3 on (sd_listen_fds(3)). */
const SYSTEMD_FD = 3;
/** Deno's `fstat` knows these descriptors, and of the others only what it has opened itself. */
const STDIO_FDS = 3;

/**
 * The descriptor of the listening socket that the process was started with: 0 (FastCGI 1.0 §2.2), else systemd's.
 *
 * Never asks for a permission. Listening may still fail in one case: on Deno without the permission to read `/proc`, a
 * connected socket on descriptor 0 cannot be told from a listening one.
 */
export function inheritedFd(): number | undefined {
  // The usual case of a person at a terminal, told apart before `node:fs` is loaded: that doubles Deno's start-up time.
  if (!runtime().deno?.stdin.isTerminal() && descriptorFault(0) === undefined) return 0;
  return systemdFd();
}

/** The first descriptor that systemd's `LISTEN_FDS` offers to this process, if `LISTEN_PID` says that it is meant. */
export function systemdFd(): number | undefined {
  const isOffered = Number(readVariable("LISTEN_FDS")) >= 1 &&
    Number(readVariable("LISTEN_PID")) === runtime().process.pid;
  return isOffered ? SYSTEMD_FD : undefined;
}

/** Whether systemd could offer a socket that `inheritedFd` cannot see: Deno may not read the variables. */
export function mayMissSystemd(): boolean {
  return ["LISTEN_FDS", "LISTEN_PID"].some((it) => !mayReadVariable(it)) && !runtime().deno?.stdin.isTerminal();
}

/** Whether a socket on descriptor 0 could be connected for all that `inheritedFd` sees: Deno may not read `/proc`. */
export function mayBeConnected(): boolean {
  const { deno } = runtime();
  const isHidden = ([path]: typeof TABLES[number]): boolean =>
    deno?.permissions.querySync({ name: "read", path }).state !== "granted";
  return deno !== undefined && TABLES.some(isHidden);
}

/**
 * What keeps a descriptor from being listened on, if anything: Deno can end the process that tries it with one of its
 * own. Nothing is found on Deno without the permission to read `/proc`, except for descriptors 0 to 2.
 */
export function descriptorFault(fd: number): string | undefined {
  const { process, deno } = runtime();
  const files = process.getBuiltinModule?.("node:fs");
  if (files === undefined) return undefined;
  let stat: { readonly isSocket: boolean; readonly ino: number };
  try {
    if (deno === undefined || fd < STDIO_FDS) {
      const found = files.fstatSync(fd);
      stat = { isSocket: found.isSocket(), ino: found.ino };
    } else {
      const path = `/proc/self/fd/${fd}`;
      if (deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
      const found = deno.statSync(path);
      stat = { isSocket: found.isSocket === true, ino: found.ino ?? 0 };
    }
  } catch (error) {
    const { code } = error as { readonly code?: string };
    return code === "EBADF" || code === "ENOENT" ? "no such descriptor is open" : undefined;
  }
  if (!stat.isSocket) return "the descriptor is no socket";
  const listens = deno === undefined ? refusesWrite(fd, files) : isInKernelTable(stat.ino, files, deno);
  return listens ? undefined : "the socket is connected and cannot listen";
}

/** @throws {Error} If it is known that the descriptor cannot be listened on. */
export function requireListening(fd: number): void {
  const fault = descriptorFault(fd);
  if (fault !== undefined) throw new ExplainedError(`${fault}; give that of a listening socket`);
}

/**
 * Node's parents give their children a connected socket for a pipe, so that being a socket says little. Writing nothing
 * tells: a connected socket takes it, a listening one is "not connected" (unix) or "broken" (TCP).
 */
function refusesWrite(fd: number, files: Files): boolean {
  try {
    files.writeSync(fd, new Uint8Array(0));
    return false;
  } catch (error) {
    const { code } = error as { readonly code?: string };
    return code === "ENOTCONN" || code === "EPIPE";
  }
}

/** Deno never makes the system call of an empty write, and a failed `listen` closes the descriptor there. */
function isInKernelTable(inode: number, files: Files, deno: Deno): boolean {
  // proc(5): in `unix`, the flags have __SO_ACCEPTCON; in `tcp`, the state is TCP_LISTEN.
  for (const [path, column, listening, inodeColumn] of TABLES) {
    if (deno.permissions.querySync({ name: "read", path }).state !== "granted") return true;
    let table: string;
    try {
      table = files.readFileSync(path, "latin1");
    } catch {
      // No /proc, or Deno keeps it from us in spite of the permission: listening will tell.
      return true;
    }
    for (const line of table.split("\n")) {
      const columns = line.trim().split(/\s+/);
      if (columns[inodeColumn] === String(inode)) return columns[column] === listening;
    }
  }
  return false;
}

const TABLES = [
  ["/proc/net/unix", 3, "00010000", 6],
  ["/proc/net/tcp", 3, "0A", 9],
  ["/proc/net/tcp6", 3, "0A", 9],
] as const;

function runtime(): { readonly process: Process; readonly deno: Deno | undefined } {
  const { process, Deno } = globalThis as unknown as { readonly process: Process; readonly Deno?: Deno };
  return { process, deno: typeof Deno?.version?.deno === "string" ? Deno : undefined };
}
