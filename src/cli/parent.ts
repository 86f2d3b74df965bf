/**
 * A process that starts another one to serve, hands signals on, and clears up after it.
 *
 * Needed where the process that was started cannot serve itself: on Deno, because only a process that is started with
 * the entry goes by the entry's deno.json and package.json; with `--user`, because only root may remove the files that
 * root has made. The parent loads nothing of the user's and accepts no connection.
 *
 * | message | from | meaning |
 * |---|---|---|
 * | `{ files }` | child | it listens, and these files are its own |
 * | `"drain"` | parent | end gracefully |
 * | `{ end: exitCode }` | parent | end now |
 *
 * When the channel between them closes, the other one has gone: the child then drains.
 */

import { spawn } from "node:child_process";
import process from "node:process";
import { readVariable } from "../runtime/environment.ts";
import { errorLine } from "./console.ts";
import { EXIT, Failure, messageOf } from "./failure.ts";
import { type OwnFile, removeFiles } from "./left_behind.ts";
import { exitCodeOf, makeStop, onSignals, type Stop } from "./signals.ts";

/** In a child, the parent's number. */
const PARENT = "WEBFCGI_PARENT";
/** How long a child may take to end at once, in milliseconds; then it is killed. */
const END_TIMEOUT_MS = 2000;

interface FromParent {
  readonly drain?: true;
  readonly end?: number;
}

/** Runs a command line as a child until it ends; resolves with its exit code. `fds`: descriptors that it is to have. */
export async function runChild(command: readonly string[], fds: readonly number[]): Promise<number> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: [...stdioOf(fds), "ipc"],
    env: { ...withoutSystemd(process.env), [PARENT]: String(process.pid) },
  });
  let files: readonly OwnFile[] | undefined;
  // The first word counts: with --user it is said before the application is there, which must not name root's files.
  child.on("message", (message) => files ??= (Object(message) as { files?: readonly OwnFile[] }).files);
  const send = (message: FromParent): void => void (child.connected && child.send(message));
  onSignals(() => send({ drain: true }), (exitCode) => {
    send({ end: exitCode });
    setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
  });
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", (error) => reject(new Failure(EXIT.failed, `Cannot start ${program}: ${messageOf(error)}`)));
      child.once("exit", (code, signal) => {
        if (signal !== null) errorLine(`the application was ended by ${signal}`);
        resolve(code ?? exitCodeOf(signal ?? "SIGKILL"));
      });
    });
  } finally {
    removeFiles(files ?? []);
  }
}

/** The parent of this process, if it is a child of one. */
export interface Parent {
  readonly pid: number;
  /** Says that this process listens, and which files are its own. */
  ready(files: readonly OwnFile[]): void;
  /** What the parent says; the signals of others drain. */
  readonly stop: Stop;
}

/** The parent of this process, if it is a child of one. */
export function findParent(): Parent | undefined {
  const pid = Number(readVariable(PARENT));
  if (pid !== process.ppid || process.send === undefined) return undefined;
  delete process.env[PARENT];
  return {
    pid,
    ready: (files) => void process.send!({ files }),
    stop: makeStop((drain, end) => {
      // The group of a terminal, or of a service, gets signals as the parent does; the parent counts them.
      onSignals(drain, () => {});
      process.on("message", (message) => {
        const { drain: isDrain, end: exitCode } = message as FromParent;
        if (isDrain) drain();
        if (exitCode !== undefined) end(exitCode);
      });
      process.once("disconnect", drain);
    }),
  };
}

function stdioOf(fds: readonly number[]): ("inherit" | "ignore" | number)[] {
  const length = Math.max(3, ...fds.map((fd) => fd + 1));
  return Array.from({ length }, (_, fd) => fd < 3 ? "inherit" : fds.includes(fd) ? fd : "ignore");
}

/** LISTEN_PID names the parent: the child is told its descriptors by its command line. */
function withoutSystemd(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { LISTEN_FDS: _fds, LISTEN_PID: _pid, LISTEN_FDNAMES: _names, ...rest } = env;
  return rest;
}
