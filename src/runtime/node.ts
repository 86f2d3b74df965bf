/**
 * Sockets by `node:net`: on Node, and on Deno for what its own sockets cannot do.
 *
 * A transport owns its socket, and nothing else; Node owns the queue of what is to be sent. The runtime owns the memory
 * that all sockets read into, one at a time: a read and what is done with it are one turn.
 */
import { connect as netConnect, createServer, type Server, Socket, type SocketConstructorOpts } from "node:net";
import { unixFiles } from "./unix_files.ts";
import { plainBytes } from "./plain_bytes.ts";
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
import { listenOnPath } from "./unix_socket.ts";
import { HIGH_WATER_BYTES } from "./write_queue.ts";

/** What one read takes at most. */
const READ_BYTES = 65_536;
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_BYTES } as const;

/** Makes the runtime that stands on `node:net`; `onNode`: on Node's own, of which some internals are known. */
export function nodeRuntime(onNode = false): Runtime {
  const readBuffer = onNode ? new Uint8Array(READ_BYTES) : undefined;

  function listen(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { path, fd, handle } = options;
    return path === undefined || (fd ?? handle) !== undefined
      ? bind(options, accept)
      : listenOnPath({ ...options, path }, accept, unixFiles, connect, bind);
  }

  function bind(options: ListenOptions, accept: Accept): Promise<Listener> {
    const { hostname = "0.0.0.0", port = 0, path, fd, handle, backlog, reusePort } = options;
    const { promise, resolve, reject } = settleLater<Listener>();
    const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true });
    // Stays on for life: what `accept` fails of later (no descriptors left) is no reason to stop; Node goes on by itself.
    server.on("error", (error) => reject(listenError(options, error)));
    server.on("listening", () => {
      const listener = new NodeListener(server, options);
      const remoteAddr = listener.addr.transport === "tcp" ? undefined : UNNAMED;
      server.on("connection", (socket) => NodeTransport.open(socket, readBuffer, remoteAddr, accept));
      resolve(listener);
    });
    const where = fd !== undefined ? { fd } : path !== undefined ? { path } : { host: hostname, port };
    try {
      if (fd !== undefined) requireListening(fd);
      if (handle !== undefined) server.listen(handle, backlog);
      else server.listen({ ...where, backlog, ...(reusePort ? { reusePort } : {}) });
    } catch (error) {
      reject(listenError(options, error));
    }
    return promise;
  }

  function connect(addr: NetAddr | UnixAddr, open: Accept, signal?: AbortSignal): Promise<Transport> {
    const { promise, resolve, reject } = settleLater<Transport>();
    const where = addr.transport === "unix" ? { path: addr.path } : { host: addr.hostname, port: addr.port };
    const socket = netConnect({ ...where, ...SOCKET_OPTIONS });
    const failed = (error: Error): void => reject(connectError(addr, error));
    const giveUp = (): void => void socket.destroy(signal?.reason);
    socket.once("error", failed);
    signal?.addEventListener("abort", giveUp);
    socket.once("connect", () => {
      socket.off("error", failed);
      signal?.removeEventListener("abort", giveUp);
      socket.pause();
      resolve(NodeTransport.open(socket, readBuffer, addr.transport === "unix" ? addr : undefined, open));
    });
    return promise;
  }

  return { listen, connect, inheritedFd };
}

class NodeListener implements Listener {
  readonly addr: Addr;
  readonly #server: Server;

  constructor(server: Server, { path, fd }: ListenOptions) {
    this.#server = server;
    const address = server.address();
    // An inherited unix socket has no name for Node.
    if (path !== undefined) this.addr = { transport: "unix", path };
    else if (address === null || typeof address === "string") this.addr = { transport: "fd", fd: fd ?? -1 };
    else this.addr = { transport: "tcp", hostname: address.address, port: address.port };
  }

  close(): Promise<void> {
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
    this.remoteAddr = remoteAddr ?? netAddr(this.#socket);
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
 * takes `onread` only for sockets that are made, not for those that it accepts. Gives back nothing where Node's insides
 * are not as they are known.
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

/** Reads chunks that have memory of their own. */
function readChunks(paused: Socket, received: (chunk: Uint8Array, lent: boolean) => void): Socket {
  paused.on("data", (chunk) => received(plainBytes(chunk), false));
  return paused.resume();
}

const UNNAMED: UnixAddr = { transport: "unix", path: "" };

/** A peer that has gone already has no address: `""` is in no list of allowed ones. */
function netAddr(socket: Socket): NetAddr {
  return { transport: "tcp", hostname: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function settleLater<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
