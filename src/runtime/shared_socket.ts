/**
 * A listening socket that a parent owns and its workers accept from.
 *
 * The parent accepts nothing: on Node and Deno it binds and leaves it to the workers to listen, by a part of `node:net`
 * that is not documented; on Bun it keeps a duplicate of the descriptor and stops its listener.
 */

import { lookup } from "node:dns/promises";
import { closeSync, renameSync } from "node:fs";
import net from "node:net";
import process from "node:process";
import { getSystemErrorName } from "node:util";
import { detectRuntime } from "./detect.ts";
import { requireListening } from "./inherited_fd.ts";
import { ExplainedError, listenError } from "./socket_error.ts";
import { closeStandardInput, duplicateStandardInput } from "./standard_input.ts";
import type { Addr, Listener, ListenOptions } from "./transport.ts";
import { unixFiles } from "./unix_files.ts";
import { listenOnPath } from "./unix_socket.ts";

/** A socket that is handed to workers. */
export interface SharedSocket {
  /** Where it listens. */
  readonly addr: Addr;
  /** Who may connect to its unix socket, for people. */
  readonly access: string | undefined;
  /** What is handed over: an object of `node:net`, or on Bun a descriptor. */
  readonly kept: KeptSocket;
  /** Gives it up, and removes its file; workers that have it go on. May be called again. */
  close(): Promise<void>;
}

/** What the parent has of a socket. */
export type KeptSocket = { readonly handle: object } | { readonly fd: number };

/** Node's TCP and Pipe, and Deno's. */
interface NativeHandle {
  getsockname?(into: { address?: string; port?: number }): number;
  close(): void;
}

type CreateHandle = (
  address: string | null,
  port: number | null,
  family: number | null,
  fd?: number,
) => NativeHandle | number;

interface BunApi {
  readonly version?: unknown;
  listen(options: object): { readonly fd: number; getsockname(into: object): void; stop(): void };
}

interface Ffi {
  dlopen(
    name: string,
    symbols: object,
  ): { readonly symbols: { fcntl(fd: number, command: number, arg: number): number } };
}

const REMEDY = "let systemd open the socket (a .socket unit), or serve without workers";
/** fcntl(2): F_DUPFD_CLOEXEC, here and on macOS. */
const DUPLICATE = { linux: 1030, darwin: 67 } as const;
const LIBC_NAMES = ["libc.so.6", "libc.so", "libSystem.dylib"];

/**
 * Opens a socket for workers.
 *
 * @throws {Error} As {@linkcode Runtime.listen} does, and if this runtime has no way to share sockets.
 */
export async function openSharedSocket(options: ListenOptions): Promise<SharedSocket> {
  let kept: KeptSocket | undefined;
  const bind = async (where: ListenOptions): Promise<Listener> => {
    if (where.fd !== undefined) requireListening(where.fd);
    const bun = runningBun();
    const bound = bun === undefined ? await bindHandle(where) : listenOnBun(where, bun);
    kept = bound.kept;
    return { addr: bound.addr, close: once(bound.close), ref() {}, unref() {} };
  };
  const { path } = options;
  let listener: Listener;
  if (path === undefined) {
    listener = await bind(options).catch((error) => Promise.reject(listenError(options, error)));
  } else {
    const { connect } = await detectRuntime();
    listener = await listenOnPath({ ...options, path }, neverAccept, unixFiles, connect, bind);
  }
  return { addr: listener.addr, access: listener.access, kept: kept!, close: () => listener.close() };
}

interface Bound {
  readonly kept: KeptSocket;
  readonly addr: Addr;
  close(): void;
}

async function bindHandle(options: ListenOptions): Promise<Bound> {
  const { hostname = "0.0.0.0", port = 0, path, fd } = options;
  const create = (net as unknown as { readonly _createServerHandle?: CreateHandle })._createServerHandle;
  if (typeof create !== "function") {
    throw new ExplainedError(`this version of the runtime has no way to share a socket with workers; ${REMEDY}`);
  }
  const isAddress = path === undefined && fd === undefined;
  const ip = !isAddress || net.isIP(hostname) > 0 ? hostname : (await lookup(hostname)).address;
  const handle = fd !== undefined
    ? await inheritedHandle(fd, create)
    : path !== undefined
    ? create(path, -1, -1)
    : create(ip, port, net.isIPv6(ip) ? 6 : 4);
  if (typeof handle === "number") throw isAddress ? await reasonOf(options) : systemError(handle);
  const kept = { handle };
  const close = (): void => handle.close();
  const name: { address?: string; port?: number } = {};
  // The port is taken, which is not said before somebody listens.
  const isBound = handle.getsockname === undefined || handle.getsockname(name) === 0 && name.port! > 0;
  if (isAddress && !isBound) {
    close();
    throw await reasonOf(options);
  }
  if (path !== undefined) return { kept, close, addr: { transport: "unix", path } };
  return {
    kept,
    close,
    addr: name.port === undefined
      ? { transport: "fd", fd: fd! }
      : { transport: "tcp", hostname: name.address!, port: name.port },
  };
}

async function inheritedHandle(fd: number, create: CreateHandle): Promise<NativeHandle | number> {
  const duplicate = fd === 0 ? await duplicateStandardInput() : undefined;
  if (duplicate === undefined) return create(null, null, null, fd);
  closeStandardInput();
  return duplicate;
}

/** Why an address cannot be listened on: what the runtime says when it tries. */
async function reasonOf(options: ListenOptions): Promise<Error> {
  try {
    const listener = await (await detectRuntime()).listen(options, neverAccept);
    await listener.close();
  } catch (error) {
    return (error as Error).cause as Error ?? error;
  }
  return new ExplainedError(`the address was in use, and is no more; try again`);
}

function systemError(number: number): Error {
  const code = getSystemErrorName(number);
  return Object.assign(new Error(code), { code });
}

function listenOnBun({ hostname = "0.0.0.0", port = 0, path, fd }: ListenOptions, bun: BunApi): Bound {
  const close = (): void => {};
  // Descriptors from 3 on are given to children as they are; 0 would be changed for all who share it.
  if (fd !== undefined && fd > 2) return { kept: { fd }, addr: { transport: "fd", fd }, close };
  const duplicate = findDuplicate();
  if (fd !== undefined) return { kept: { fd: duplicate(fd) }, addr: { transport: "fd", fd }, close };
  const where = path === undefined ? { hostname, port } : { unix: path };
  const listener = bun.listen({ ...where, socket: { data() {} } });
  const kept = { fd: duplicate(listener.fd) };
  const name: { address?: string; port?: number } = {};
  if (path === undefined) listener.getsockname(name);
  // What `stop` unlinks must not be the socket's file.
  const aside = `${path}-`;
  if (path !== undefined) renameSync(path, aside);
  listener.stop();
  if (path !== undefined) renameSync(aside, path);
  return {
    kept,
    close: () => closeSync(kept.fd),
    addr: path === undefined
      ? { transport: "tcp", hostname: name.address!, port: name.port! }
      : { transport: "unix", path },
  };
}

function runningBun(): BunApi | undefined {
  const { Bun } = globalThis as { readonly Bun?: BunApi };
  return typeof Bun?.version === "string" ? Bun : undefined;
}

function once(close: () => void): () => Promise<void> {
  let isClosed = false;
  return async () => {
    if (!isClosed) close();
    isClosed = true;
  };
}

function neverAccept(): never {
  throw new Error("Cannot accept: the socket is the workers'");
}

/** A function that duplicates a descriptor, from Bun's way to call C. */
function findDuplicate(): (fd: number) => number {
  const builtins = process as { getBuiltinModule?(name: string): unknown };
  const ffi = builtins.getBuiltinModule?.("bun:ffi") as Ffi | undefined;
  const command = DUPLICATE[process.platform as keyof typeof DUPLICATE] ?? DUPLICATE.linux;
  for (const name of LIBC_NAMES) {
    try {
      const { fcntl } = ffi!.dlopen(name, { fcntl: { args: ["i32", "i32", "i32"], returns: "i32" } }).symbols;
      return (fd) => fcntl(fd, command, 3);
    } catch {
      // Each system has its own name for it.
    }
  }
  throw new ExplainedError(`this version of Bun has no way to keep a socket for workers; ${REMEDY}`);
}
