/**
 * Sockets by Deno's own API, `read` and `write` only: its `readable` and `writable` streams cost 3.7 times as much.
 *
 * A transport owns its connection, its read buffer and its queue. The runtime owns the larger buffers, lent to one
 * transport at a time: to read into while much comes, and to gather writes in.
 */
import { inheritedFd } from "./inherited_fd.ts";
import { addressText, connectError, listenError } from "./socket_error.ts";
import type {
  Accept,
  Addr,
  Listener,
  ListenOptions,
  NetAddr,
  Runtime,
  Transport,
  TransportSink,
  UnixAddr,
} from "./transport.ts";
import { listenOnPath, type UnixFiles } from "./unix_socket.ts";
import { HIGH_WATER_BYTES, WriteQueue } from "./write_queue.ts";

type DenoAddr = NetAddr | { readonly transport: "unix"; readonly path: string | null };

interface DenoConn {
  readonly remoteAddr: DenoAddr;
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  ref(): void;
  unref(): void;
  setNoDelay?(noDelay: boolean): void;
}

interface DenoListener {
  readonly addr: DenoAddr;
  accept(): Promise<DenoConn>;
  close(): void;
  ref(): void;
  unref(): void;
}

type Where =
  | { readonly hostname: string; readonly port: number; readonly tcpBacklog?: number; readonly signal?: AbortSignal }
  | { readonly transport: "unix"; readonly path: string };

interface DenoApi {
  listen(options: Where): DenoListener;
  connect(options: Where): Promise<DenoConn>;
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

/** An idle connection waits with a buffer of this size: 2,000 of them cost 8 MB. */
const MIN_READ_BYTES = 4096;
/** What one `read` takes at most. */
const MAX_READ_BYTES = 65_536;
/** What one `write` gathers at most. */
const GATHER_BYTES = 262_144;
/** How many buffers of a size are kept for later; more are made when more transports need them. */
const MAX_SPARE_BUFFERS = 8;
/** How long accepting rests when the process has no descriptor left. */
const ACCEPT_RETRY_MS = 50;

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
    return nodeRuntime().listen(options, accept);
  }

  async function bind(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { hostname = "0.0.0.0", port = 0, path, backlog } = options;
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
    let conn: DenoConn;
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
      let conn: DenoConn;
      try {
        conn = await this.#listener.accept();
      } catch {
        // EMFILE and its like: the connection waits in the kernel's queue until a descriptor is free.
        if (!this.#closed) await this.#rest();
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

class DenoTransport implements Transport {
  readonly remoteAddr: Addr;
  readonly #conn: DenoConn;
  readonly #buffers: SpareBuffers;
  readonly #queue = new WriteQueue();
  #sink!: TransportSink;
  #paused = false;
  #goOn: (() => void) | undefined;
  #peerEnded = false;
  #writing = false;
  #scratch: Uint8Array = NOTHING;
  #wantsDrained = false;
  #shut: "no" | "when sent" | "done" = "no";
  #gone = false;

  private constructor(conn: DenoConn, remoteAddr: Addr, buffers: SpareBuffers) {
    this.#conn = conn;
    this.#buffers = buffers;
    this.remoteAddr = remoteAddr;
  }

  static open(conn: DenoConn, remoteAddr: Addr, buffers: SpareBuffers, accept: Accept): DenoTransport {
    const transport = new DenoTransport(conn, remoteAddr, buffers);
    try {
      conn.setNoDelay?.(true);
    } catch {
      // The peer has gone already: reading will tell.
    }
    transport.#sink = accept(transport);
    transport.#read();
    return transport;
  }

  async #read(): Promise<void> {
    let buffer: Uint8Array = new Uint8Array(MIN_READ_BYTES);
    try {
      while (!this.#gone) {
        if (this.#paused) await new Promise<void>((resolve) => this.#goOn = resolve);
        if (this.#gone) return;
        const length = await this.#conn.read(buffer);
        if (this.#gone) return;
        if (length === null) return this.#readEnd();
        this.#sink.received(buffer.subarray(0, length), true);
        const size = nextReadBytes(buffer.length, length);
        if (size === buffer.length) continue;
        this.#buffers.giveBack(buffer);
        buffer = this.#buffers.take(size);
      }
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#buffers.giveBack(buffer);
    }
  }

  #readEnd(): void {
    this.#peerEnded = true;
    this.#sink.ended();
    if (this.#shut === "done") this.#fail();
  }

  write(pieces: readonly Uint8Array[]): boolean {
    if (this.#gone || this.#shut !== "no") return true;
    for (const piece of pieces) this.#queue.push(piece);
    if (!this.#writing) this.#send();
    const below = this.#queue.bytes <= HIGH_WATER_BYTES;
    if (!below) this.#wantsDrained = true;
    return below;
  }

  /** Sends the front of the queue; `then` instead of `await` saves the hot path two turns of the microtask queue. */
  #send(): void {
    const queue = this.#queue;
    if (queue.bytes === 0) return this.#sendEnd();
    this.#writing = true;
    const gather = queue.gatherBytes;
    if (gather > this.#scratch.length) this.#takeScratch(gather);
    this.#conn.write(queue.peek(this.#scratch)).then(this.#sent, this.#failed);
  }

  readonly #sent = (bytes: number): void => {
    if (this.#gone) return this.#returnScratch();
    this.#queue.sent(bytes);
    this.#send();
  };

  readonly #failed = (error: Error): void => {
    this.#returnScratch();
    this.#fail(error);
  };

  #sendEnd(): void {
    this.#writing = false;
    this.#returnScratch();
    if (this.#shut === "when sent") this.#sendFin();
    if (this.#wantsDrained && !this.#gone) {
      this.#wantsDrained = false;
      this.#sink.drained();
    }
  }

  /** Memory to gather `bytes` bytes in: of its own if they are few, else from the runtime's buffers. */
  #takeScratch(bytes: number): void {
    this.#returnScratch();
    this.#scratch = bytes <= MIN_READ_BYTES ? new Uint8Array(bytes) : this.#buffers.take(GATHER_BYTES);
  }

  #returnScratch(): void {
    this.#buffers.giveBack(this.#scratch);
    this.#scratch = NOTHING;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#goOn?.();
    this.#goOn = undefined;
  }

  shutdown(): boolean {
    if (this.#gone || this.#shut !== "no") return true;
    this.#shut = "when sent";
    if (!this.#writing) this.#sendFin();
    else this.#wantsDrained = true;
    return !this.#wantsDrained;
  }

  #sendFin(): void {
    this.#shut = "done";
    // When the peer has ended too, nothing can come or go any more: closing sends the FIN.
    if (this.#peerEnded) this.#fail();
    else this.#conn.closeWrite().catch(this.#failed);
  }

  close(): void {
    this.#fail();
  }

  // Deno has no way to send an RST: its `close` sends a FIN first, even when input is left unread.
  reset(): void {
    this.#fail();
  }

  #fail(error?: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#queue.clear();
    // A write under way still reads from the scratch memory: it is given back when that has ended.
    if (!this.#writing) this.#returnScratch();
    this.#conn.close();
    this.#goOn?.();
    queueMicrotask(() => this.#sink.closed(error));
  }

  ref(): void {
    this.#conn.ref();
  }

  unref(): void {
    this.#conn.unref();
  }
}

const NOTHING = new Uint8Array(0);

/** Larger memory, made once and lent again: on V8 a new piece costs as much as what is done with it. */
class SpareBuffers {
  readonly #spare = new Map<number, Uint8Array[]>();

  take(size: number): Uint8Array {
    return this.#spare.get(size)?.pop() ?? new Uint8Array(size);
  }

  giveBack(buffer: Uint8Array): void {
    if (buffer.length <= MIN_READ_BYTES) return;
    const spare = this.#spare.get(buffer.length);
    if (spare === undefined) this.#spare.set(buffer.length, [buffer]);
    else if (spare.length < MAX_SPARE_BUFFERS) spare.push(buffer);
  }
}

/** A full buffer calls for a larger one; a nearly empty one for a smaller, so that an idle connection holds little. */
function nextReadBytes(size: number, length: number): number {
  if (length === size) return Math.min(size * 4, MAX_READ_BYTES);
  return length <= size / 16 ? Math.max(size / 4, MIN_READ_BYTES) : size;
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
