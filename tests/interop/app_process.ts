/** Runs the contract handler in a process of its own, on any runtime. */

import { bundle } from "../helpers/bundle.ts";
import { answers, findProgram } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import type { InstalledRuntime } from "../runtimes.ts";
import { childrenOf, stillRunning } from "./processes.ts";
import { freePort } from "./web_server.ts";

/** Where the process listens: as it is told, or on a socket that spawn-fcgi hands over as its fd 0. */
export type AppAddress = { readonly port: number } | { readonly path: string };

/** A process that serves. */
export interface AppProcess {
  readonly addr: AppAddress;
  /** Asks it to shut down, and rejects when it does not end by itself, fails, or leaves a process behind. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const script = decodeURI(new URL("../serve_app.ts", import.meta.url).pathname);

/** Starts `tests/serve_app.ts`, with options as it has them, and waits for its ready line; port 0 is a free one. */
export async function startApp(
  runtime: InstalledRuntime,
  addr: AppAddress,
  options: readonly string[] = [],
): Promise<AppProcess> {
  const args = [..."path" in addr ? ["--path", addr.path] : ["--port", String(addr.port)], ...options];
  const { command, remove } = await commandOf(runtime);
  const { process, stop } = spawn(runtime.name, [...command, ...args], "piped", remove);
  const timer = setTimeout(() => process.kill("SIGKILL"), 20_000);
  const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  for (let piece = await output.read(); !piece.done; piece = await output.read()) {
    printed += piece.value;
    const [, ready] = /^ready (.*)\n/m.exec(printed) ?? [];
    if (ready === undefined) continue;
    clearTimeout(timer);
    // Read on, or a full pipe stops the process.
    (async () => {
      while (!(await output.read()).done);
    })();
    return { addr: JSON.parse(ready), stop, [Symbol.asyncDispose]: stop };
  }
  clearTimeout(timer);
  await stop();
  throw new Error(`Cannot start the application on ${runtime.name}: it ended before it was ready: ${printed}`);
}

/** Lets spawn-fcgi listen, at a path or on a free port, and start `tests/serve_app.ts` without an address. */
export async function spawnApp(runtime: InstalledRuntime, path?: string): Promise<AppProcess> {
  const { command, remove } = await commandOf(runtime);
  // Somebody else may take the free port before spawn-fcgi does.
  for (let attempt = 1;; attempt++) {
    const port = freePort();
    const [addr, where] = path === undefined
      ? [{ port }, ["-a", "127.0.0.1", "-p", String(port)]] as const
      : [{ path }, ["-s", path, "-M", "0666"]] as const;
    const { process, stop } = spawn(runtime.name, ["spawn-fcgi", "-n", ...where, "--", ...command], "null", remove);
    let ended = false;
    process.status.then(() => ended = true);
    await until(async () => ended || await answers(path ?? port), "spawn-fcgi to listen");
    if (!ended) return { addr, stop, [Symbol.asyncDispose]: stop };
    if (attempt === 3) throw new Error(`Cannot start spawn-fcgi: it ended with ${(await process.status).code}`);
  }
}

/** The command line; Node 20 cannot run the sources and gets them in one file of JavaScript. */
async function commandOf(runtime: InstalledRuntime): Promise<{ command: string[]; remove: () => Promise<void> }> {
  const [name, ...options] = runtime.command;
  // spawn-fcgi does not look along the PATH.
  const command = [name.includes("/") ? name : findProgram(name) ?? name, ...options];
  if (runtime.stripsTypes) return { command: [...command, script], remove: () => Promise.resolve() };
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-bundle-" });
  const target = `${folder}/serve_app.mjs`;
  await bundle(script, target);
  return { command: [...command, target], remove: () => Deno.remove(folder, { recursive: true }) };
}

function spawn(
  name: string,
  [command = "", ...args]: string[],
  stdout: "piped" | "null",
  remove: () => Promise<void>,
): { process: Deno.ChildProcess; stop: () => Promise<void> } {
  const process = new Deno.Command(command, { args, stdin: "null", stdout, stderr: "piped" }).spawn();
  const stderr = new Response(process.stderr).text();
  let status: Deno.CommandStatus | undefined;
  const ended = process.status.then((value) => status = value);
  const stop = async (): Promise<void> => {
    const processes = [process.pid, ...childrenOf(process.pid)];
    if (!status) process.kill("SIGTERM");
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      process.kill("SIGKILL");
    }, 15_000);
    const { code, signal } = await ended;
    clearTimeout(timer);
    const log = await stderr;
    await remove();
    if (late) throw new Error(`Cannot stop the application on ${name}: it did not end within 15 s of SIGTERM\n${log}`);
    if (code !== 0) throw new Error(`The application on ${name} ended with ${signal ?? code}\n${log}`);
    const left = await stillRunning(processes);
    for (const pid of left) Deno.kill(pid, "SIGKILL");
    if (left.length > 0) {
      throw new Error(`Cannot stop ${name}: processes ${left.join(", ")} stayed behind and were killed`);
    }
  };
  return { process, stop };
}
