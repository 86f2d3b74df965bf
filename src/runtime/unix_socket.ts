/**
 * Listening on a path of the file system, which no runtime does well: all leave a stale file in the way, unlink a newer
 * server's socket when they close, and have the socket open to others before its mode is set.
 *
 * Owns the file at the path, from the rename to the unlink; the socket itself belongs to the shim.
 */
import { listenError, type SocketError } from "./socket_error.ts";
import type { Accept, Listener, ListenOptions, Runtime, TransportSink } from "./transport.ts";

/** What is needed of the file system; all synchronous, so that no other code of ours runs in between. */
export interface UnixFiles {
  /** What is at the path, a symbolic link not followed; `undefined`: nothing. */
  lstat(path: string): { readonly dev: number; readonly ino: number | null; readonly isSocket: boolean } | undefined;
  /** Sets a file's mode. */
  chmod(path: string, mode: number): void;
  /** Moves a file, replacing what is there, in one step that nobody sees half of. */
  rename(from: string, to: string): void;
  /** Removes a file. */
  remove(path: string): void;
}

/** `sun_path` is 108 bytes with its NUL; Node 20 and 22 cut a longer path in silence and listen elsewhere. */
const MAX_PATH_BYTES = 107;

/** A peer that connects faster than we accept must not keep a closing listener open: turns of the event loop. */
const MAX_DRAIN_TURNS = 100;
/** Turns without a new connection after which none waits in the kernel's queue: a busy Deno needs more than one. */
const QUIET_TURNS = 4;

const encoder = new TextEncoder();

/**
 * Listens on `options.path` by `bind`, the runtime's own way, on a temporary name that takes the path when it is ready.
 *
 * A path on which another process listens is refused, unless `takeOver`; one that nobody listens on any more is replaced.
 *
 * @throws {RangeError} when the path is longer than 107 bytes of UTF-8.
 */
export async function listenOnPath(
  options: ListenOptions & { readonly path: string },
  accept: Accept,
  files: UnixFiles,
  connect: Runtime["connect"],
  bind: (options: ListenOptions, accept: Accept) => Promise<Listener>,
): Promise<Listener> {
  const { path, mode } = options;
  const length = encoder.encode(path).length;
  if (length === 0 || length > MAX_PATH_BYTES) {
    throw new RangeError(
      `Cannot listen on unix:${path.replace("\0", "@")}: ` +
        `the path has ${length} bytes, and a unix socket's has 1 to ${MAX_PATH_BYTES}; choose a shorter one`,
    );
  }
  // Linux' abstract names have no file.
  if (path.startsWith("\0")) return bind(options, accept);

  try {
    await refuseTaken(path, options.takeOver ?? false, files, connect);
  } catch (error) {
    throw listenError(options, error);
  }

  const temporary = temporaryPath(path);
  let accepted = 0;
  const listener = await bind({ ...options, path: temporary }, (transport) => {
    accepted++;
    return accept(transport);
  }).catch((error) => {
    throw listenError(options, (error as Error).cause ?? error);
  });
  try {
    if (mode !== undefined) files.chmod(temporary, mode);
    const own = files.lstat(temporary);
    files.rename(temporary, path);
    return new PathListener(listener, path, own?.dev, own?.ino, files, () => accepted);
  } catch (error) {
    await listener.close();
    try {
      files.remove(temporary);
    } catch {
      // The runtime has removed it with the listener.
    }
    throw listenError(options, error);
  }
}

class PathListener implements Listener {
  readonly addr: Listener["addr"];
  readonly #listener: Listener;
  readonly #path: string;
  readonly #dev: number | undefined;
  readonly #ino: number | null | undefined;
  readonly #files: UnixFiles;
  readonly #accepted: () => number;
  #closing: Promise<void> | undefined;

  constructor(
    listener: Listener,
    path: string,
    dev: number | undefined,
    ino: number | null | undefined,
    files: UnixFiles,
    accepted: () => number,
  ) {
    this.addr = { transport: "unix", path };
    this.#listener = listener;
    this.#path = path;
    this.#dev = dev;
    this.#ino = ino;
    this.#files = files;
    this.#accepted = accepted;
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      const now = this.#files.lstat(this.#path);
      if (now?.dev === this.#dev && now?.ino === this.#ino) this.#files.remove(this.#path);
    } catch {
      // What cannot be removed stays: a stale socket that the next listener replaces.
    }
    // Who has connected already waits in the kernel's queue, and would be reset by closing: a lost request on restart.
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

/** Rejects when what is at the path must not be replaced. */
async function refuseTaken(
  path: string,
  takeOver: boolean,
  files: UnixFiles,
  connect: Runtime["connect"],
): Promise<void> {
  const found = files.lstat(path);
  if (found === undefined) return;
  if (!found.isSocket) {
    throw coded("EEXIST", "a file that is no socket is there; remove it, or choose another path");
  }
  if (takeOver) return;
  try {
    const probe = await connect({ transport: "unix", path }, () => DEAF);
    probe.close();
  } catch (error) {
    const { code, message } = error as SocketError;
    // ENOENT: it went away meanwhile, as its listener closed.
    if (code === "ECONNREFUSED" || code === "ENOENT") return;
    throw coded(code ?? "EADDRINUSE", `a socket is there that may be in use: ${message}`);
  }
  throw coded("EADDRINUSE", "another process listens there; the option takeOver takes its place");
}

const DEAF: TransportSink = { received() {}, ended() {}, drained() {}, closed() {} };

function coded(code: string, message: string): SocketError {
  const error: SocketError = new Error(message);
  error.code = code;
  return error;
}

/** A name in the same folder (a rename cannot leave the file system) that is not longer than the system allows. */
function temporaryPath(path: string): string {
  const start = path.lastIndexOf("/") + 1;
  const folder = path.slice(0, start);
  const room = Math.max(MAX_PATH_BYTES - encoder.encode(folder).length, 1);
  const random = Math.random().toString(36).slice(2, 10);
  return folder + `${random}.listen`.slice(0, room);
}
