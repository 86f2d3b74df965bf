/** A server under load: a process that is started, waited for and ended. */

import { answers, findProgram } from "../../tests/helpers/programs.ts";
import { sleep } from "../../tests/helpers/waiting.ts";

/** Where a server listens: the path of a unix socket, or a port of 127.0.0.1. */
export type Address = string | number;

/** A server that takes connections. */
export interface ServerProcess extends AsyncDisposable {
  readonly addr: Address;
  readonly pid: number;
}

const START_MS = 15_000;
const STOP_MS = 5000;

/** Starts a command, whose program may lie where an ordinary user's PATH does not look. */
export async function startServer([program = "", ...args]: readonly string[], addr: Address): Promise<ServerProcess> {
  const path = program.includes("/") ? program : findProgram(program) ?? program;
  const process = new Deno.Command(path, {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let ended: Deno.CommandStatus | undefined;
  process.status.then((status) => ended = status);
  let log = "";
  const read = (async () => {
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) log = (log + text).slice(-2000);
  })();
  const stop = async (): Promise<void> => {
    const crashed = ended;
    if (crashed === undefined) process.kill("SIGTERM");
    const timer = setTimeout(() => process.kill("SIGKILL"), STOP_MS);
    await process.status;
    clearTimeout(timer);
    await read;
    if (typeof addr === "string") await Deno.remove(addr).catch(() => {});
    if (crashed !== undefined) throw new Error(`${program} ended with ${crashed.signal ?? crashed.code}: ${log}`);
  };
  for (const deadline = Date.now() + START_MS; !(await answers(addr));) {
    if (ended !== undefined || Date.now() > deadline) {
      await stop();
      throw new Error(`${program} does not take connections: ${log}`);
    }
    await sleep(20);
  }
  return { addr, pid: process.pid, [Symbol.asyncDispose]: stop };
}
