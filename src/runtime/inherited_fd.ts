/** What the process was started with: the listening socket that a web server or a supervisor has opened for it. */

interface Files {
  fstatSync(fd: number): { isSocket(): boolean; readonly ino: number };
  writeSync(fd: number, bytes: Uint8Array): number;
  readFileSync(path: string, encoding: "latin1"): string;
}

interface Process {
  readonly pid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(name: "node:fs"): Files;
}

interface Deno {
  readonly version?: { readonly deno?: unknown };
  readonly stdin: { isTerminal(): boolean };
  readonly permissions: {
    querySync(
      permission: { name: "env"; variable: string } | { name: "read"; path: string },
    ): { readonly state: string };
  };
}

/** systemd passes sockets from descriptor 3 on (sd_listen_fds(3)). */
const SYSTEMD_FD = 3;

/**
 * The descriptor of the listening socket that the process was started with: 0 (FastCGI 1.0 §2.2), else 3 if systemd's
 * `LISTEN_FDS` and `LISTEN_PID` say so.
 *
 * Never asks for a permission. Listening may still fail in one case: on Deno without the permission to read `/proc`, a
 * connected socket on descriptor 0 cannot be told from a listening one.
 */
export function inheritedFd(): number | undefined {
  const { process, Deno } = globalThis as unknown as { readonly process: Process; readonly Deno?: Deno };
  const deno = typeof Deno?.version?.deno === "string" ? Deno : undefined;
  // The usual case of a person at a terminal, told apart before `node:fs` is loaded: that doubles Deno's start-up time.
  if (!deno?.stdin.isTerminal() && isListening(0, process, deno)) return 0;

  const env = (variable: string): string | undefined =>
    deno !== undefined && deno.permissions.querySync({ name: "env", variable }).state !== "granted"
      ? undefined
      : process.env[variable];
  return Number(env("LISTEN_FDS")) >= 1 && Number(env("LISTEN_PID")) === process.pid ? SYSTEMD_FD : undefined;
}

function isListening(fd: number, process: Process, deno: Deno | undefined): boolean {
  const files = process.getBuiltinModule?.("node:fs");
  try {
    const stat = files?.fstatSync(fd);
    if (files === undefined || !stat?.isSocket()) return false;
    return deno === undefined ? refusesWrite(fd, files) : isInKernelTable(stat.ino, files, deno);
  } catch {
    return false;
  }
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

/** Deno never makes the system call of an empty write, and a failed `listen` on descriptor 0 closes it there. */
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
