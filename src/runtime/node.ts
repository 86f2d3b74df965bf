/**
 * Sockets by `node:net`: on Node, and on Deno for what its own sockets cannot do.
 *
 * A transport owns its socket, and nothing else; Node owns the queue of what is to be sent. The runtime owns the memory
 * that all sockets read into, one at a time: a read and what is done with it are one turn.
 */
import { connect as netConnect, createServer, type Server, Socket, type SocketConstructorOpts } from "node:net";
import { unixFiles } from "./unix_files.ts";
import { systemClock } from "./clock.ts";
import { peerAddr, UNNAMED } from "./peer_addr.ts";
import { isWholeBuffer, plainBytes } from "./plain_bytes.ts";
import { inheritedFd, requireListening } from "./inherited_fd.ts";
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
import { closeStandardInput, duplicateStandardInput, type ListenHandle } from "./standard_input.ts";
import { listenOnPath } from "./unix_socket.ts";
import { HIGH_WATER_BYTES } from "./write_queue.ts";

/** The most bytes that one read takes. */
const READ_BYTES = 65_536;
/** How long Deno may be without a connection because it was without a descriptor. */
const LISTEN_AGAIN_MS = 500;
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_BYTES } as const;

/** Whose `node:net` it is; for `"other"`, only what is documented is used. */
export type NetHost = "node" | "deno" | "other";

/** Makes the runtime that stands on `node:net`. */
export function nodeRuntime(host: NetHost = "other"): Runtime {
  const readBuffer = host !== "other" ? new Uint8Array(READ_BYTES) : undefined;

  function listen(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { path, fd, handle } = options;
    return path === undefined || (fd ?? handle) !== undefined
      ? bind(options, accept)
      : listenOnPath({ ...options, path }, accept, unixFiles, connect, bind);
  }

  async function bind(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { hostname = "127.0.0.1", port = 0, path, fd, handle, backlog = 511, reusePort } = options;
    const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true });
    let duplicate: ListenHandle | undefined;
    try {
      if (fd !== undefined) requireListening(fd);
      if (fd === 0 && host === "node") duplicate = await duplicateStandardInput();
      const where = fd !== undefined ? { fd } : path !== undefined ? { path } : { host: hostname, port };
      const open = duplicate ?? handle;
      await new Promise<void>((resolve, reject) => {
        // Stays on for life: when a later `accept` fails (no descriptors left), Node goes on by itself.
        server.on("error", reject);
        server.on("listening", resolve);
        if (open !== undefined) server.listen(open, backlog);
        else server.listen({ ...where, backlog, ...(reusePort ? { reusePort } : {}) });
      });
    } catch (error) {
      throw listenError(options, error);
    }
    if (duplicate !== undefined) closeStandardInput();
    const listener = new NodeListener(server, options);
    if (host === "deno") listener.keepAccepting(backlog);
    const remoteAddr = listener.addr.transport === "tcp" ? undefined : UNNAMED;
    server.on("connection", (socket) => NodeTransport.open(socket, readBuffer, remoteAddr, accept));
    return listener;
  }

  const connect: Runtime["connect"] = (addr, open, signal) => connectSocket(addr, open, signal, readBuffer);
  return { listen, connect, inheritedFd };
}

function connectSocket(
  addr: NetAddr | UnixAddr,
  open: Accept,
  signal: AbortSignal | undefined,
  readBuffer: Uint8Array | undefined,
): Promise<Transport> {
  const where = addr.transport === "unix" ? { path: addr.path } : { host: addr.hostname, port: addr.port };
  const socket = netConnect({ ...where, ...SOCKET_OPTIONS });
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(connectError(addr, error));
    const abort = (): void => void socket.destroy(signal?.reason);
    socket.once("error", failed);
    signal?.addEventListener("abort", abort);
    socket.once("connect", () => {
      socket.off("error", failed);
      signal?.removeEventListener("abort", abort);
      socket.pause();
      resolve(NodeTransport.open(socket, readBuffer, addr.transport === "unix" ? addr : undefined, open));
    });
  });
}

class NodeListener implements Listener {
  readonly addr: Addr;
  readonly #server: Server;
  #stopClock: (() => void) | undefined;

  constructor(server: Server, { path, fd }: ListenOptions) {
    this.#server = server;
    const address = server.address();
    // An inherited unix socket has no name for Node.
    if (path !== undefined) this.addr = { transport: "unix", path };
    else if (address === null || typeof address === "string") this.addr = { transport: "fd", fd: fd ?? -1 };
    else this.addr = { transport: "tcp", hostname: address.address, port: address.port };
  }

  /** Deno accepts no more, and reports nothing, once it had no descriptor for a connection; unless it listens again. */
  keepAccepting(backlog: number): void {
    const server = this.#server as unknown as { readonly _handle?: { listen?(backlog: number): unknown } | null };
    this.#stopClock = systemClock.every(LISTEN_AGAIN_MS, () => void server._handle?.listen?.(backlog));
  }

  close(): Promise<void> {
    this.#stopClock?.();
    // Its callback would wait for the open connections too.
    this.#server.close();
    return Promise.resolve();
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

class NodeTransport implements Transport {
  readonly remoteAddr: Addr;
  readonly #socket: Socket;
  #sink!: TransportSink;
  #shut = false;

  private constructor(paused: Socket, readBuffer: Uint8Array | undefined, remoteAddr: Addr | undefined) {
    const received = (chunk: Uint8Array, lent: boolean): void => {
      if (!this.#socket.destroyed) this.#sink.received(chunk, lent);
    };
    this.#socket = readBuffer && readInto(readBuffer, paused, received) || readChunks(paused, received);
    this.remoteAddr = remoteAddr ?? peerAddr(this.#socket);
  }

  static open(
    paused: Socket,
    readBuffer: Uint8Array | undefined,
    remoteAddr: Addr | undefined,
    accept: Accept,
  ): NodeTransport {
    const transport = new NodeTransport(paused, readBuffer, remoteAddr);
    transport.#listen(accept(transport));
    return transport;
  }

  #listen(sink: TransportSink): void {
    const socket = this.#socket;
    this.#sink = sink;
    let failure: Error | undefined;
    socket.on("end", () => {
      if (!socket.destroyed) sink.ended();
    });
    socket.on("drain", () => {
      if (!socket.destroyed) sink.drained();
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("close", () => sink.closed(failure));
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (this.#shut || socket.destroyed) return true;
    if (pieces.length === 1) return socket.write(pieces[0] as Uint8Array);
    let more = true;
    socket.cork();
    for (const piece of pieces) more = socket.write(piece);
    socket.uncork();
    return more;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  shutdown(): boolean {
    const socket = this.#socket;
    if (this.#shut || socket.destroyed) return true;
    this.#shut = true;
    const sent = socket.writableLength === 0;
    if (!sent) socket.once("finish", () => !socket.destroyed && this.#sink.drained());
    socket.end();
    return sent;
  }

  close(): void {
    this.#shut = true;
    this.#socket.destroy();
  }

  reset(): void {
    this.#shut = true;
    // On a unix socket Node takes a reset for an error of ours.
    if (this.remoteAddr.transport === "tcp") this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}

/**
 * Moves a connection to a Socket that reads into `buffer`: memory for each chunk costs a tenth of a small request. Node
 * takes `onread` only for sockets that are made, not for those that it accepts. Returns nothing where Node's internals
 * are not as expected.
 */
function readInto(
  buffer: Uint8Array,
  paused: Socket,
  received: (chunk: Uint8Array, lent: boolean) => void,
): Socket | undefined {
  const owner = paused as unknown as { _handle?: { readonly useUserBuffer?: unknown } | null };
  const handle = owner._handle;
  if (typeof handle?.useUserBuffer !== "function") return undefined;
  owner._handle = null;
  const onread = {
    buffer,
    callback: (length: number): boolean => {
      received(buffer.subarray(0, length), true);
      return true;
    },
  };
  return new Socket({ ...SOCKET_OPTIONS, handle, onread } as unknown as SocketConstructorOpts);
}

/** Reads chunks, each in memory allocated for it. */
function readChunks(paused: Socket, received: (chunk: Uint8Array, lent: boolean) => void): Socket {
  paused.on("data", (chunk) => received(plainBytes(chunk), !isWholeBuffer(chunk)));
  return paused.resume();
}
