/**
 * Worker processes of the runtime that this one runs on, and what goes between them and their parent.
 *
 * A worker gets no descriptor by the number of its standard input, and on Deno none by number at all: the runtimes then
 * take O_NONBLOCK off the socket, for all who share it, and a worker that loses the race for a connection hangs in
 * accept(2) with all its requests. Node and Deno send the socket over the channel instead; Bun gives it as a further
 * descriptor.
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { ListenOptions } from "./transport.ts";
import { readVariable } from "./environment.ts";
import type { SharedSocket } from "./shared_socket.ts";

/** In a worker, its parent's number. */
const PARENT = "WEBFCGI_WORKER_OF";
/** A child's descriptors 0 to 2, and the channel. */
const FIRST_FD = 4;
/** What says to one process which sockets or orders are its own. */
const NOT_FOR_WORKERS = [
  "LISTEN_FDS",
  "LISTEN_PID",
  "LISTEN_FDNAMES",
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
];

/** A worker, as its parent sees it. */
export interface WorkerProcess {
  /** `undefined` if it could not be started. */
  readonly pid: number | undefined;
  /** Sends it a message; dropped if it has gone. */
  send(message: object): void;
  /**
   * Hands it a socket that it was started for, by its place among them, with a message.
   *
   * Nothing else may be under way to the worker: Deno loses a socket whose message is read along with another one.
   */
  handSocket(at: number, message: object): void;
  /** Ends it at once. */
  kill(): void;
}

/** What a parent hears of a worker. */
export interface WorkerEvents {
  /** A message; nothing is known of what is in it. */
  onMessage(message: unknown): void;
  /** It has ended, or could not be started; `how` for people. Called once. */
  onEnd(exitCode: number | undefined, how: string): void;
}

/** Starts a worker that may be handed `sockets`. */
export function startWorker(
  [program = "", ...args]: readonly string[],
  sockets: readonly SharedSocket[],
  { onMessage, onEnd }: WorkerEvents,
): WorkerProcess {
  const fds = sockets.flatMap(({ kept }) => "fd" in kept ? [kept.fd] : []);
  const env: NodeJS.ProcessEnv = { ...process.env, [PARENT]: String(process.pid) };
  for (const name of NOT_FOR_WORKERS) delete env[name];
  let child: ChildProcess;
  try {
    child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc", ...fds], env });
  } catch (error) {
    // Of some failures the runtimes tell by an event, of others so.
    queueMicrotask(() => onEnd(undefined, (error as Error).message));
    return { pid: undefined, send() {}, handSocket() {}, kill() {} };
  }
  let ended = false;
  const end = (exitCode: number | undefined, how: string): void => {
    if (!ended) onEnd(exitCode, how);
    ended = true;
  };
  child.on("message", onMessage);
  child.on("error", (error) => child.pid === undefined && end(undefined, error.message));
  child.on("exit", (code, signal) => end(code ?? undefined, signal ?? `exit code ${code}`));
  return {
    pid: child.pid,
    send: (message) => send(child, message),
    handSocket(at, message): void {
      const { addr, kept } = sockets[at]!;
      if ("fd" in kept) send(child, { ...message, socket: { addr, fd: FIRST_FD + at } });
      else send(child, { ...message, socket: { addr } }, kept.handle);
    },
    kill: () => void child.kill("SIGKILL"),
  };
}

/** The child may have gone, or go meanwhile: its end is heard of anyway. */
function send(child: ChildProcess, message: object, handle?: object): void {
  if (child.connected) child.send(message, handle as never, { keepOpen: true }, () => {});
}

/** The parent, as a worker sees it. */
export interface ParentProcess {
  /** Sends it a message; dropped if it has gone. */
  send(message: object): void;
  /** Calls with each message, and with the socket if one comes with it. */
  onMessage(listener: (message: Readonly<Record<string, unknown>>, socket: ListenOptions | undefined) => void): void;
  /** Calls when the parent has gone. */
  onGone(listener: () => void): void;
}

/** The parent that started this process as a worker, if one did. Its own children are none of that one. */
export function findParent(): ParentProcess | undefined {
  if (Number(readVariable(PARENT)) !== process.ppid || process.send === undefined) return undefined;
  delete process.env[PARENT];
  return {
    send: (message) => void (process.connected && process.send!(message, undefined, undefined, () => {})),
    onMessage: (listener) =>
      void process.on("message", (message, handle) => {
        const { socket } = message as { readonly socket?: HandedSocket };
        listener(message as Record<string, unknown>, socket && whereOf(socket, handle as object | undefined));
      }),
    onGone: (listener) => void process.once("disconnect", listener),
  };
}

interface HandedSocket {
  readonly addr: SharedSocket["addr"];
  readonly fd?: number;
}

function whereOf({ addr, fd }: HandedSocket, handle: object | undefined): ListenOptions {
  return { ...fd === undefined ? { handle } : { fd }, ...addr.transport === "unix" ? { path: addr.path } : {} };
}
