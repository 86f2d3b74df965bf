/**
 * Listening on a path of the file system, which no runtime does well: all leave a stale file in the way, unlink a newer
 * server's socket when they close, and leave the socket open to others until its mode is set.
 *
 * Owns the file at the path, from the rename to the unlink; the socket itself belongs to the shim.
 */
import { MAX_PATH_BYTES, pathFault } from "./address.ts";
import { addressText, ExplainedError, listenError, type SocketError } from "./socket_error.ts";
import type { Accept, Listener, ListenOptions, Runtime, TransportSink } from "./transport.ts";
import { findGroup, ownership, type UserFiles } from "./user_names.ts";

/** What `lstat` finds. */
export interface UnixStat {
  /** The file system. */
  readonly dev: number;
  /** The file in it. */
  readonly ino: number | null;
  /** Whether it is a socket. */
  readonly isSocket: boolean;
  /** Permissions, with or without the bits of the file's kind. */
  readonly mode: number;
  /** The owner's number. */
  readonly uid: number;
  /** The group's number. */
  readonly gid: number;
}

/** What is needed of the file system; all synchronous, so that no other code of ours runs in between. */
export interface UnixFiles extends UserFiles {
  /** What is at the path, a symbolic link not followed; `undefined`: nothing. */
  lstat(path: string): UnixStat | undefined;
  /** Makes a folder of a mode, from which the system takes the process's umask. */
  makeFolder(path: string, mode: number): void;
  /** Sets a file's owner and group. */
  chown(path: string, uid: number, gid: number): void;
  /** Sets a file's mode. */
  chmod(path: string, mode: number): void;
  /** Moves a file, replacing what is there, in one atomic step. */
  rename(from: string, to: string): void;
  /** Removes a file. */
  remove(path: string): void;
  /** Removes an empty folder. */
  removeFolder(path: string): void;
}

/** A peer that connects faster than we accept must not keep a closing listener open: turns of the event loop. */
const MAX_DRAIN_TURNS = 100;
/** Turns without a new connection after which none waits in the kernel's queue: a busy Deno needs more than one. */
const QUIET_TURNS = 4;
/** Names tried for a folder; where the path is long, they have few letters. */
const MAX_NAMES = 100;

type PathOptions = ListenOptions & { readonly path: string };

/**
 * Listens on `options.path` by `bind`, the runtime's own way, inside a folder that only this user can enter; the socket
 * takes the path when its group and mode are set, so that at no time more may connect than they allow.
 *
 * A path on which another process listens is refused, unless `takeOver`; a stale one is replaced.
 *
 * @throws {RangeError} when the path is longer than a unix socket's can be.
 */
export async function listenOnPath(
  options: PathOptions,
  accept: Accept,
  files: UnixFiles,
  connect: Runtime["connect"],
  bind: (options: ListenOptions, accept: Accept) => Promise<Listener>,
): Promise<Listener> {
  const { path } = options;
  const fault = pathFault(path);
  if (fault !== undefined) throw new RangeError(`Cannot listen on ${addressText(options)}: ${fault}`);
  // Linux' abstract names have no file.
  if (path.startsWith("\0")) return bind(options, accept);

  let folder: string | undefined;
  try {
    await refuseTaken(path, options.takeOver ?? false, files, connect);
    const gid = options.group === undefined ? undefined : findGroup(options.group, files);
    folder = makePrivateFolder(path, files);
    return await bindIn(folder, gid, options, accept, files, bind);
  } catch (error) {
    throw error instanceof RangeError ? error : listenError(options, error);
  } finally {
    if (folder !== undefined) files.removeFolder(folder);
  }
}

async function bindIn(
  folder: string,
  gid: number | undefined,
  options: PathOptions,
  accept: Accept,
  files: UnixFiles,
  bind: (options: ListenOptions, accept: Accept) => Promise<Listener>,
): Promise<Listener> {
  const { path, mode } = options;
  const temporary = `${folder}/s`;
  let accepted = 0;
  const listener = await bind({ ...options, path: temporary }, (transport) => {
    accepted++;
    return accept(transport);
  }).catch((error) => {
    throw (error as Error).cause ?? error;
  });
  try {
    if (gid !== undefined) setGroup(temporary, gid, options, files);
    if (mode !== undefined) files.chmod(temporary, mode);
    const own = files.lstat(temporary)!;
    files.rename(temporary, path);
    return new PathListener(listener, path, own, files, () => accepted);
  } catch (error) {
    await listener.close();
    try {
      files.remove(temporary);
    } catch {
      // The runtime has removed it with the listener.
    }
    throw error;
  }
}

class PathListener implements Listener {
  readonly addr: Listener["addr"];
  readonly access: string;
  readonly #listener: Listener;
  readonly #path: string;
  readonly #own: UnixStat;
  readonly #files: UnixFiles;
  readonly #accepted: () => number;
  #closing: Promise<void> | undefined;

  constructor(listener: Listener, path: string, own: UnixStat, files: UnixFiles, accepted: () => number) {
    this.addr = { transport: "unix", path };
    this.access = ownership(own, files);
    this.#listener = listener;
    this.#path = path;
    this.#own = own;
    this.#files = files;
    this.#accepted = accepted;
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      const now = this.#files.lstat(this.#path);
      if (now?.dev === this.#own.dev && now.ino === this.#own.ino) this.#files.remove(this.#path);
    } catch {
      // If this fails it stays: a stale socket that the next listener replaces.
    }
    // Closing would reset the peers in the kernel's queue: their requests would be lost at a restart.
    let accepted = this.#accepted();
    for (let turn = 0, quiet = 0; turn < MAX_DRAIN_TURNS && quiet < QUIET_TURNS; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      quiet = this.#accepted() === accepted ? quiet + 1 : 0;
      accepted = this.#accepted();
    }
    await this.#listener.close();
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }
}

/** Throws when what is at the path must not be replaced. */
async function refuseTaken(
  path: string,
  takeOver: boolean,
  files: UnixFiles,
  connect: Runtime["connect"],
): Promise<void> {
  const found = files.lstat(path);
  if (found === undefined) return;
  if (!found.isSocket) {
    throw new ExplainedError("a file that is no socket is there; remove it, or choose another path", "EEXIST");
  }
  if (takeOver) return;
  try {
    const probe = await connect({ transport: "unix", path }, () => DEAF);
    probe.close();
  } catch (error) {
    const { code, message } = error as SocketError;
    // ENOENT: it went away meanwhile, as its listener closed.
    if (code === "ECONNREFUSED" || code === "ENOENT") return;
    throw new ExplainedError(`a socket is there that may be in use: ${message}`, code);
  }
  const remedy = "stop it, or take its place with the option takeOver";
  throw new ExplainedError(`another process listens there; ${remedy} (EADDRINUSE)`, "EADDRINUSE");
}

const DEAF: TransportSink = { received() {}, ended() {}, drained() {}, closed() {} };

/**
 * Makes a folder that only this user can enter, next to the path: a rename cannot leave the file system.
 *
 * In a folder with the set-group-ID bit, it and the socket in it get the folder's group, as the socket should.
 */
function makePrivateFolder(path: string, files: UnixFiles): string {
  const parent = path.slice(0, path.lastIndexOf("/") + 1);
  const room = MAX_PATH_BYTES - new TextEncoder().encode(parent).length - "/s".length;
  if (room < 1) {
    throw new RangeError(`Cannot listen on unix:${path}: the folder's path is too long; choose a shorter one`);
  }
  for (let tries = 0;; tries++) {
    const letters = Math.random().toString(36).slice(2, 10).padEnd(8, "0");
    const folder = parent + (room > letters.length ? `.${letters}` : letters.slice(0, room));
    try {
      files.makeFolder(folder, 0o700);
    } catch (error) {
      if ((error as SocketError).code !== "EEXIST" || tries === MAX_NAMES) throw error;
      continue;
    }
    const mode = files.lstat(folder)?.mode ?? 0;
    // A umask that keeps out the user itself.
    if ((mode & 0o700) !== 0o700) files.chmod(folder, mode & 0o7000 | 0o700);
    return folder;
  }
}

function setGroup(path: string, gid: number, { group }: ListenOptions, files: UnixFiles): void {
  try {
    files.chown(path, files.lstat(path)!.uid, gid);
  } catch (error) {
    if ((error as SocketError).code !== "EPERM") throw error;
    const remedy = "make this user a member of the group, or run as root";
    throw new ExplainedError(`the socket may not be given to group ${group}; ${remedy} (EPERM)`, "EPERM");
  }
}
