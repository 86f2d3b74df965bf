/** A web server in the foreground, as a child process with a folder of its own. */

import { answers, isFile } from "../helpers/programs.ts";
import { sleep } from "../helpers/waiting.ts";
import { childrenOf, stillRunning } from "./processes.ts";

/** A web server that answers. */
export interface WebServer {
  /** The port of 127.0.0.1 that it listens on. */
  readonly port: number;
  /** What it has written to its error log so far. */
  errorLog(): Promise<string>;
  /** Ends it and its workers and removes its folder. Rejects when a process stays behind. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where it runs. */
export interface Place {
  /** Its folder, which holds `error.log`. */
  readonly run: string;
  readonly port: number;
  /** A file that it writes once the port is its own: until then, somebody else may answer there. */
  readonly pidFile?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program and waits until it answers. */
export async function startForeground(
  name: string,
  [program = "", ...args]: readonly string[],
  { run, port, pidFile, env = {} }: Place,
): Promise<WebServer> {
  const process = new Deno.Command(program, { args, env, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
  const stderr = new Response(process.stderr).text();
  let exited = false;
  const status = process.status.finally(() => exited = true);

  const errorLog = (): Promise<string> => Deno.readTextFile(`${run}/error.log`).catch(() => "");
  const stop = async (): Promise<void> => {
    const processes = [process.pid, ...childrenOf(process.pid)];
    if (!exited) process.kill("SIGTERM");
    const timer = setTimeout(() => process.kill("SIGKILL"), 10_000);
    await status;
    clearTimeout(timer);
    await stderr;
    await Deno.remove(run, { recursive: true });
    // A CGI program that has answered may still be on its way out.
    const left = await stillRunning(processes);
    for (const pid of left) Deno.kill(pid, "SIGKILL");
    if (left.length > 0) {
      throw new Error(`Cannot stop ${name}: processes ${left.join(", ")} stayed behind and were killed`);
    }
  };

  const isUp = async (): Promise<boolean> => (pidFile === undefined || isFile(pidFile)) && await answers(port);
  const deadline = Date.now() + 10_000;
  while (!await isUp() || exited) {
    if (!exited && Date.now() < deadline) {
      await sleep(20);
      continue;
    }
    const log = await errorLog();
    await stop();
    throw new Error(`Cannot start ${name}: ${exited ? "it ended" : "it does not answer"}\n${await stderr}${log}`);
  }
  return { port, errorLog, stop, [Symbol.asyncDispose]: stop };
}
