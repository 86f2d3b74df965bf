/**
 * Sockets by Bun's own API.
 *
 * A transport owns its socket and the queue of what Bun has not taken (`write` takes a part; `end` drops what does not
 * fit). The runtime owns the memory in which writes are gathered: a write is done with it when it returns.
 */
import { unixFiles } from "./unix_files.ts";
import { inheritedFd, requireListening } from "./inherited_fd.ts";
import { peerAddr, UNNAMED } from "./peer_addr.ts";
import { isWholeBuffer } from "./plain_bytes.ts";
import { QueuedOutput, type QueuedSocket } from "./queued_output.ts";
import { connectError, listenError } from "./socket_error.ts";
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
import { listenOnPath } from "./unix_socket.ts";
import type { WriteQueue } from "./write_queue.ts";

interface BunSocket {
  data: BunTransport;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  write(bytes: Uint8Array): number;
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;
}

interface BunListener {
  /** Fills in the address of a TCP socket; leaves the object of a unix socket empty. */
  getsockname(into: { address?: string; port?: number }): void;
  stop(): void;
  ref(): void;
  unref(): void;
}

interface Handlers {
  /** What chunks are. */
  readonly binaryType: "uint8array";
  open(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  error(socket: BunSocket, error: Error): void;
  close(socket: BunSocket, error?: Error): void;
}

type Where =
  | { readonly hostname: string; readonly port: number; readonly reusePort?: boolean }
  | { readonly unix: string }
  | { readonly fd: number };

type SocketOptions = Where & { readonly allowHalfOpen: true; readonly socket: Handlers };

interface BunApi {
  listen(options: SocketOptions): BunListener;
  connect(options: SocketOptions): Promise<BunSocket>;
}

/** What one system call gathers at most. */
const GATHER_BYTES = 262_144;

/**
 * Makes the runtime that stands on Bun's own sockets.
 *
 * When the process has no descriptor left, Bun tries to accept again and again, at full speed, until one is free.
 */
export function bunRuntime(): Runtime {
  const bun = (globalThis as unknown as { readonly Bun: BunApi }).Bun;
  const scratch = new Scratch();

  function listen(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { path, fd } = options;
    return path === undefined || fd !== undefined
      ? bind(options, accept)
      : listenOnPath({ ...options, path }, accept, unixFiles, connect, bind);
  }

  async function bind(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { hostname = "127.0.0.1", port = 0, path, fd, reusePort = false } = options;
    const where: Where = fd !== undefined
      ? { fd }
      : path !== undefined
      ? { unix: path }
      : { hostname, port, reusePort };
    let addr: Addr | undefined;
    const handlers = socketHandlers((socket) => {
      BunTransport.open(socket, addr?.transport === "tcp" ? peerAddr(socket) : UNNAMED, scratch, accept);
    });
    try {
      if (fd !== undefined) requireListening(fd);
      const listener = bun.listen({ ...where, allowHalfOpen: true, socket: handlers });
      addr = listenAddr(listener, options);
      return new BunTransportListener(listener, addr);
    } catch (error) {
      throw listenError(options, error);
    }
  }

  async function connect(addr: NetAddr | UnixAddr, open: Accept): Promise<Transport> {
    const where: Where = addr.transport === "unix" ? { unix: addr.path } : { hostname: addr.hostname, port: addr.port };
    const handlers = socketHandlers((socket) => {
      BunTransport.open(socket, addr.transport === "unix" ? addr : peerAddr(socket), scratch, open);
    });
    try {
      return (await bun.connect({ ...where, allowHalfOpen: true, socket: handlers })).data;
    } catch (error) {
      throw connectError(addr, error);
    }
  }

  return { listen, connect, inheritedFd };
}

class BunTransportListener implements Listener {
  readonly addr: Addr;
  readonly #listener: BunListener;

  constructor(listener: BunListener, addr: Addr) {
    this.#listener = listener;
    this.addr = addr;
  }

  close(): Promise<void> {
    this.#listener.stop();
    return Promise.resolve();
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }
}

class BunTransport implements Transport, QueuedSocket {
  readonly remoteAddr: Addr;
  readonly #socket: BunSocket;
  readonly #scratch: Scratch;
  readonly #output = new QueuedOutput(this);
  #sink!: TransportSink;
  #peerEnded = false;
  #gone = false;
  #error: Error | undefined;

  private constructor(socket: BunSocket, remoteAddr: Addr, scratch: Scratch) {
    this.#socket = socket;
    this.#scratch = scratch;
    this.remoteAddr = remoteAddr;
  }

  static open(socket: BunSocket, remoteAddr: Addr, scratch: Scratch, accept: Accept): void {
    const transport = new BunTransport(socket, remoteAddr, scratch);
    socket.data = transport;
    transport.#sink = accept(transport);
  }

  onData(chunk: Uint8Array): void {
    if (!this.#gone) this.#sink.received(chunk, !isWholeBuffer(chunk));
  }

  onEnd(): void {
    if (this.#gone) return;
    this.#peerEnded = true;
    this.#sink.ended();
  }

  onError(error: Error): void {
    this.#error ??= error;
  }

  onClose(error = this.#error): void {
    // Bun does not report the peer's end when ours came first.
    const ended = this.#output.ended && !this.#peerEnded && error === undefined;
    this.#close();
    // Bun calls this from inside our own calls too.
    queueMicrotask(() => {
      if (ended) this.#sink.ended();
      this.#sink.closed(error);
    });
  }

  /** Called without need too, after `pause` and `resume`. */
  onDrain(): void {
    if (this.#gone) return;
    const { queue } = this.#output;
    this.send(queue);
    if (queue.bytes === 0) this.#output.sent();
  }

  write(pieces: readonly Uint8Array[]): boolean {
    return this.#output.write(pieces);
  }

  shutdown(): boolean {
    return this.#output.shutdown();
  }

  /** Sends until the socket takes no more; Bun calls `drain` when it does again. */
  send(queue: WriteQueue): void {
    while (queue.bytes > 0) {
      const bytes = queue.peek(queue.gatherBytes === 0 ? NOTHING : this.#scratch.of(queue.gatherBytes));
      const taken = this.#socket.write(bytes);
      // -1: the socket is gone, `close` follows.
      if (taken > 0) queue.sent(taken);
      if (taken < bytes.length) return;
    }
  }

  sendFin(): void {
    this.#socket.shutdown();
  }

  drained(): void {
    this.#sink.drained();
  }

  pause(): void {
    if (!this.#gone) this.#socket.pause();
  }

  resume(): void {
    if (!this.#gone) this.#socket.resume();
  }

  close(): void {
    if (this.#gone) return;
    this.#close();
    this.#socket.end();
  }

  reset(): void {
    if (this.#gone) return;
    this.#close();
    this.#socket.terminate();
  }

  #close(): void {
    this.#gone = true;
    this.#output.close();
  }

  ref(): void {
    if (!this.#gone) this.#socket.ref();
  }

  unref(): void {
    if (!this.#gone) this.#socket.unref();
  }
}

const NOTHING = new Uint8Array(0);

/** Memory for one gathered write, made when first needed. */
class Scratch {
  #memory: Uint8Array = NOTHING;

  of(bytes: number): Uint8Array {
    const size = Math.min(Math.max(bytes, 4096), GATHER_BYTES);
    if (this.#memory.length < size) this.#memory = new Uint8Array(size <= 4096 ? 4096 : GATHER_BYTES);
    return this.#memory;
  }
}

function socketHandlers(open: (socket: BunSocket) => void): Handlers {
  return {
    binaryType: "uint8array",
    open,
    data: (socket, chunk) => socket.data.onData(chunk),
    drain: (socket) => socket.data.onDrain(),
    end: (socket) => socket.data.onEnd(),
    error: (socket, error) => socket.data.onError(error),
    close: (socket, error) => socket.data.onClose(error),
  };
}

function listenAddr(listener: BunListener, { path, fd }: ListenOptions): Addr {
  if (path !== undefined) return { transport: "unix", path };
  const { address, port } = socketName(listener);
  // An inherited unix socket has no name for Bun.
  return address === undefined
    ? { transport: "fd", fd: fd ?? -1 }
    : { transport: "tcp", hostname: address, port: port ?? 0 };
}

function socketName(listener: BunListener): { address?: string; port?: number } {
  const name = {};
  listener.getsockname(name);
  return name;
}
