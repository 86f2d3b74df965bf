/**
 * Sockets by Deno's own API.
 *
 * The runtime owns the buffers that its transports borrow.
 */
import { type DenoConn, DenoTransport } from "./deno_transport.ts";
import { inheritedFd } from "./inherited_fd.ts";
import { addressText, connectError, listenError } from "./socket_error.ts";
import type { Accept, Addr, Listener, ListenOptions, NetAddr, Runtime, Transport, UnixAddr } from "./transport.ts";
import { SpareBuffers } from "./spare_buffers.ts";
import { listenOnPath, type UnixFiles } from "./unix_socket.ts";

type DenoAddr = NetAddr | { readonly transport: "unix"; readonly path: string | null };

interface DenoListener {
  readonly addr: DenoAddr;
  accept(): Promise<DenoConn & { readonly remoteAddr: DenoAddr }>;
  close(): void;
  ref(): void;
  unref(): void;
}

type Where =
  | { readonly hostname: string; readonly port: number; readonly tcpBacklog?: number; readonly signal?: AbortSignal }
  | { readonly transport: "unix"; readonly path: string };

interface DenoApi {
  listen(options: Where): DenoListener;
  connect(options: Where): Promise<DenoConn & { readonly remoteAddr: DenoAddr }>;
  readonly permissions: { querySync(permission: { name: "net"; host: string }): { readonly state: string } };
  lstatSync(path: string): {
    readonly dev: number;
    readonly ino: number | null;
    readonly isSocket: boolean | null;
    readonly mode: number | null;
    readonly uid: number | null;
    readonly gid: number | null;
  };
  mkdirSync(path: string, options: { mode: number }): void;
  chownSync(path: string, uid: number, gid: number): void;
  chmodSync(path: string, mode: number): void;
  renameSync(from: string, to: string): void;
  removeSync(path: string): void;
  readTextFileSync(path: string): string;
  readonly errors: { readonly NotFound: new (message: string) => Error };
}

/** How long accepting rests when the process has no descriptor left. */
const ACCEPT_RETRY_MS = 50;
/** Errors of `accept` that last until something is closed. Any other concerns one connection: a reset is ENOTCONN. */
const SHORTAGES = new Set<unknown>(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

/** Makes the runtime that stands on Deno's own sockets. */
export function denoRuntime(): Runtime {
  const deno = (globalThis as unknown as { readonly Deno: DenoApi }).Deno;
  const buffers = new SpareBuffers();

  async function listen(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { path, fd, handle, reusePort } = options;
    const isOpen = (fd ?? handle) !== undefined;
    if (path !== undefined && !isOpen) {
      return listenOnPath({ ...options, path }, accept, denoFiles(deno), connect, bind);
    }
    // Deno's own `listen` knows no descriptors, and ends the process on `reusePort` without --unstable-net.
    if (!isOpen && !reusePort) return bind(options, accept);
    if (!isOpen) requireNet(deno, options);
    const { nodeRuntime } = await import("./node.ts");
    return nodeRuntime("deno").listen(options, accept);
  }

  async function bind(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { hostname = "127.0.0.1", port = 0, path, backlog } = options;
    const where: Where = path !== undefined
      ? { transport: "unix", path }
      : { hostname, port, ...(backlog === undefined ? {} : { tcpBacklog: backlog }) };
    try {
      return new DenoTransportListener(deno.listen(where), accept, buffers);
    } catch (error) {
      throw listenError(options, error);
    }
  }

  async function connect(addr: NetAddr | UnixAddr, open: Accept, signal?: AbortSignal): Promise<Transport> {
    let conn: Awaited<ReturnType<DenoApi["connect"]>>;
    try {
      conn = await deno.connect(
        addr.transport === "unix"
          ? { transport: "unix", path: addr.path }
          : { hostname: addr.hostname, port: addr.port, ...(signal && { signal }) },
      );
    } catch (error) {
      throw connectError(addr, error);
    }
    // The system's answer for a unix socket is the name it was bound to before it was renamed.
    return DenoTransport.open(conn, addr.transport === "unix" ? addr : plainAddr(conn.remoteAddr), buffers, open);
  }

  return { listen, connect, inheritedFd };
}

class DenoTransportListener implements Listener {
  readonly addr: Addr;
  readonly #listener: DenoListener;
  readonly #accepting: Promise<void>;
  #closed = false;
  #endRest: (() => void) | undefined;

  constructor(listener: DenoListener, accept: Accept, buffers: SpareBuffers) {
    this.#listener = listener;
    this.addr = plainAddr(listener.addr);
    this.#accepting = this.#accept(accept, buffers);
  }

  async #accept(accept: Accept, buffers: SpareBuffers): Promise<void> {
    while (!this.#closed) {
      let conn: Awaited<ReturnType<DenoListener["accept"]>>;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        // The connection waits in the kernel's queue until a descriptor is free.
        if (!this.#closed && SHORTAGES.has((error as { readonly code?: unknown }).code)) await this.#rest();
        continue;
      }
      DenoTransport.open(conn, plainAddr(conn.remoteAddr), buffers, accept);
    }
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ACCEPT_RETRY_MS);
      this.#endRest = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listener.close();
      this.#endRest?.();
    }
    // Deno keeps the socket open, and the kernel takes connections for it, until the `accept` under way has failed.
    return this.#accepting;
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }
}

function plainAddr(addr: DenoAddr): Addr {
  return addr.transport === "unix"
    ? { transport: "unix", path: addr.path ?? "" }
    : { transport: "tcp", hostname: addr.hostname, port: addr.port };
}

/** On Deno, `node:net` without the permission ends the process instead of failing. */
function requireNet(deno: DenoApi, options: ListenOptions): void {
  const host = addressText(options);
  if (deno.permissions.querySync({ name: "net", host }).state === "granted") return;
  throw listenError(options, Object.assign(new Error(`net access to ${host} is not granted`), { name: "NotCapable" }));
}

function denoFiles(deno: DenoApi): UnixFiles {
  return {
    lstat(path) {
      try {
        const { dev, ino, isSocket, mode, uid, gid } = deno.lstatSync(path);
        return { dev, ino, isSocket: isSocket === true, mode: mode ?? 0, uid: uid ?? 0, gid: gid ?? 0 };
      } catch (error) {
        if (error instanceof deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    makeFolder: (path, mode) => deno.mkdirSync(path, { mode }),
    chown: (path, uid, gid) => deno.chownSync(path, uid, gid),
    chmod: (path, mode) => deno.chmodSync(path, mode),
    rename: (from, to) => deno.renameSync(from, to),
    remove: (path) => deno.removeSync(path),
    removeFolder: (path) => deno.removeSync(path),
    readText: (path) => deno.readTextFileSync(path),
  };
}
