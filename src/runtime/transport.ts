/**
 * What the rest of the library knows of sockets: a listener, a transport, and the sink of what happens on it.
 *
 * A shim (`deno.ts`, `bun.ts`, `node.ts`, `streams_transport.ts`) implements these and knows no FastCGI.
 */

/** The address of a TCP socket, as Deno spells it. */
export interface NetAddr {
  /** The kind of address. */
  readonly transport: "tcp";
  /** An IP address, IPv6 without brackets. */
  readonly hostname: string;
  /** The port, 1 to 65535. */
  readonly port: number;
}

/** The address of a unix socket, as Deno spells it. */
export interface UnixAddr {
  /** The kind of address. */
  readonly transport: "unix";
  /** The path in the file system; `""` for the unnamed socket of a peer. */
  readonly path: string;
}

/** An inherited listening socket whose name the runtime does not tell. */
export interface FdAddr {
  /** The kind of address. */
  readonly transport: "fd";
  /** The file descriptor. */
  readonly fd: number;
}

/** Where a server listens, or a peer comes from. */
export type Addr = NetAddr | UnixAddr | FdAddr;

/** Where to listen: exactly one of `port` (with `hostname`), `path`, `fd` and `handle`; with these two, `path` may name it. */
export interface ListenOptions {
  /** IP address or name to bind. @default `"127.0.0.1"`, as a FastCGI peer is trusted */
  readonly hostname?: string | undefined;
  /** TCP port; 0 lets the system choose a free one. */
  readonly port?: number | undefined;
  /** Path of a unix socket, at most 107 bytes of UTF-8. */
  readonly path?: string | undefined;
  /** File mode of the unix socket, set before anyone can connect. */
  readonly mode?: number | undefined;
  /** Group of the unix socket, by name or number, set before anyone can connect. */
  readonly group?: string | number | undefined;
  /** Whether to take the path over from another process that listens there. */
  readonly takeOver?: boolean | undefined;
  /** File descriptor of an inherited listening socket. */
  readonly fd?: number | undefined;
  /** A bound socket of `node:net` that another process has sent; its path, if it has one, is that process's to keep. */
  readonly handle?: object | undefined;
  /** Length of the kernel's queue of connections not accepted yet (Bun: always 512). */
  readonly backlog?: number | undefined;
  /** Whether several processes may listen on the port, the kernel sharing out connections (Node 20: never). */
  readonly reusePort?: boolean | undefined;
}

/**
 * Takes what happens on a {@linkcode Transport}. No method may throw.
 *
 * None is called from inside a call of the transport's methods, and after `close` or `reset` none but `closed`.
 */
export interface TransportSink {
  /**
   * Bytes arrived, at least one, in a Uint8Array that is no Buffer. If `lent`, the memory is someone else's as soon as the
   * call returns: what is to last must be copied. If not, they are all of their buffer, and the sink owns it.
   */
  received(chunk: Uint8Array, lent: boolean): void;
  /**
   * The peer has ended its side (FIN); called at most once. Our side can still write. A peer that has closed altogether
   * looks the same until a write to it fails (over a unix socket, Bun calls `closed` at once).
   */
  ended(): void;
  /** The write queue has drained; writing may continue (Node's `drain`). */
  drained(): void;
  /**
   * The socket is gone, for whatever reason: it failed, we closed it, or both sides have ended. Called exactly once, and
   * last. After a reset or failure, with an `error`.
   */
  closed(error?: Error): void;
}

/** A connected stream socket, or anything like one. */
export interface Transport {
  /** Where the peer comes from. */
  readonly remoteAddr: Addr;
  /**
   * Queues `pieces` to be sent in order, in as few system calls as the runtime can.
   *
   * The memory belongs to the transport from now on and must never be changed by the caller again. Returns `false` when
   * the queue is above the transport's high-water mark (64 KiB): wait for `drained` before writing more. A write after
   * `shutdown` or after the socket is gone is dropped and returns `true`; `closed` reports it.
   */
  write(pieces: readonly Uint8Array[]): boolean;
  /**
   * Stops reading soon; at most one chunk already under way still arrives. While paused, the peer's end is not seen, nor
   * on Deno and Node its reset: whoever pauses for long must bound the wait.
   */
  pause(): void;
  /** Resumes reading. */
  resume(): void;
  /**
   * Ends our side (FIN) once the queue has gone out; reading goes on. When the peer has ended too, closes.
   *
   * Returns `false` if the queue has not gone out yet: `drained` tells when it has.
   */
  shutdown(): boolean;
  /** Closes both sides at once. What is still queued is lost. */
  close(): void;
  /**
   * As `close`, with a reset (RST) over TCP on Node and Bun. Deno's own sockets have none: the peer sees an end, and a
   * unix socket knows none: the peer sees an end, or a reset if it sent what we have not read.
   */
  reset(): void;
  /** Lets this socket keep the process alive (the default). */
  ref(): void;
  /** Lets the process exit in spite of this socket. */
  unref(): void;
}

/** Called with each new connection; gives back who listens to it. Reading starts after it has returned. Must not throw. */
export type Accept = (transport: Transport) => TransportSink;

/** A listening socket. */
export interface Listener {
  /** Where it listens, with the port that the system chose. */
  readonly addr: Addr;
  /** Who may connect to its unix socket, for people. */
  readonly access?: string;
  /**
   * Stops accepting, and removes the unix socket's file if it is still this listener's. Who has connected to a unix
   * socket before that is still accepted. Settles when no new connection can come; open ones live on. May be called again.
   */
  close(): Promise<void>;
  /** Resolves when no more connections will come, of one that knows. */
  readonly done?: Promise<void>;
  /** Lets this listener keep the process alive (the default). */
  ref(): void;
  /** Lets the process exit in spite of this listener. */
  unref(): void;
}

/** What the library needs of a runtime. */
export interface Runtime {
  /**
   * Listens; rejects with an error that has the system's `code`, its message naming the address and what to do.
   *
   * @throws {RangeError} when `path` is longer than a unix socket's can be.
   */
  listen(options: ListenOptions, accept: Accept): Promise<Listener>;
  /**
   * Connects to a listening socket. `open` is called once connected and gives back who listens. `signal` gives it up
   * while it is under way; on Bun, which has no means for it, it goes on.
   */
  connect(addr: NetAddr | UnixAddr, open: Accept, signal?: AbortSignal): Promise<Transport>;
  /**
   * The file descriptor of a listening socket that the process was started with: 0 (FastCGI §2.2) or systemd's 3.
   *
   * Where Deno may not read `/proc`, 0 may be a connected socket; then `listen` rejects, and nothing was inherited.
   */
  inheritedFd(): number | undefined;
}
