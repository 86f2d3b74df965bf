/** Builds applications by other FastCGI libraries and runs them, each in a folder of its own that goes when it is stopped. */

import { outputOf } from "../helpers/output_of.ts";
import { answers, findProgram, isFile, isLeftOut, missingOf } from "../helpers/programs.ts";
import { sleep } from "../helpers/waiting.ts";

/** The libraries that there are applications of. */
export type PeerKind = "Go" | "libfcgi";

/** An application that listens. */
export interface Peer {
  /** Its unix socket. */
  readonly path: string;
  /** The text of a file that it has written beside its socket; `""` as long as there is none. */
  written(ending: string): string;
  [Symbol.asyncDispose](): Promise<void>;
}

function source(name: string): string {
  return decodeURI(new URL(`peers/${name}`, import.meta.url).pathname);
}

/** Whether the tests of a library are to be left out: something to build its application with is not installed. */
export function isPeerMissing(kind: PeerKind): boolean {
  const headers = ["/usr/include/fcgiapp.h", "/usr/local/include/fcgiapp.h"];
  const missing = kind === "Go"
    ? missingOf("go")
    : missingOf("gcc") ?? (headers.some(isFile) ? undefined : "libfcgi's header files");
  return isLeftOut(`the tests against ${kind}`, missing);
}

/** Builds an application and starts it, and waits until it listens. */
export async function startPeer(kind: PeerKind): Promise<Peer> {
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-peer-" });
  const program = `${folder}/app`;
  const path = `${folder}/app.sock`;
  try {
    const [compiler, ...args] = kind === "Go"
      ? ["go", "build", "-o", program, source("go_app.go")]
      : ["gcc", "-O1", "-Wall", "-o", program, source("libfcgi_app.c"), "-lfcgi"];
    // Go keeps what it has built in the home folder, and does nothing without one.
    const env: Record<string, string> = Deno.env.has("HOME") ? {} : { GOCACHE: `${folder}/cache` };
    await outputOf([findProgram(compiler!)!, ...args], { cwd: folder, env });
    const process = new Deno.Command(program, { args: [path], stdin: "null", stdout: "null", stderr: "null" }).spawn();
    let ended = false;
    const status = process.status.finally(() => ended = true);
    const stop = async (): Promise<void> => {
      if (!ended) process.kill("SIGKILL");
      await status;
      await Deno.remove(folder, { recursive: true });
    };
    for (const deadline = Date.now() + 10_000; !await answers(path);) {
      if (!ended && Date.now() < deadline) {
        await sleep(10);
        continue;
      }
      await stop();
      throw new Error(`Cannot start ${kind}'s application: it ${ended ? "ended" : "does not listen"}`);
    }
    const written = (ending: string): string => {
      try {
        return Deno.readTextFileSync(path + ending);
      } catch {
        return "";
      }
    };
    return { path, written, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    throw error;
  }
}
