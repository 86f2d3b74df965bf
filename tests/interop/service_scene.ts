/** What the tests of services are written with: an application in a folder, and processes that are started and ended. */

import { createClient } from "../../src/client.ts";
import { findProgram } from "../helpers/programs.ts";
import { bounded, until } from "../helpers/waiting.ts";
import { findRuntime, type InstalledRuntime, runningDeno } from "../runtimes.ts";
import { assertEquals, assertMatch } from "../std/assert.ts";
import { childrenOf, isRunning } from "./processes.ts";
import { withFolder, writeProgram } from "./program.ts";

/** The command's sources. */
export const MAIN: string = decodeURI(new URL("../../src/cli/main.ts", import.meta.url).pathname);
export const deno: InstalledRuntime = runningDeno();
/** The Node of the services. */
export const node: InstalledRuntime | undefined = await findRuntime("node24");
const isRoot = Deno.uid() === 0;

/** A service's folder, with an application of both kinds, and what stands for the paths of the documentation. */
export interface Scene {
  readonly folder: string;
  /** Puts this machine's paths in the place of the documentation's. */
  placed(text: string): string;
}

/** The path of a runtime's program. */
export function programOf({ command: [program] }: InstalledRuntime): string {
  return findProgram(program) ?? program;
}

/** Makes a folder with an application, and looks afterwards that no process has stayed behind. */
export async function withService(use: (scene: Scene) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.chmod(folder, 0o777);
    const handler = `(request) => new Response("pid " + process.pid, {
      status: request.url.endsWith("/health") && existsSync(${JSON.stringify(`${folder}/sick`)}) ? 503 : 200,
    })`;
    const imports = 'import process from "node:process";\nimport { existsSync } from "node:fs";\n';
    await Deno.writeTextFile(`${folder}/server.js`, `${imports}export default { fetch: ${handler} };\n`);
    await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
    const source = `${imports}import { serve } from "@webfcgi/webfcgi";\nserve({ signals: true }, ${handler});\n`;
    await writeProgram({ ...deno, stripsTypes: false }, `${folder}/app.mjs`, source);
    const placed = (text: string): string =>
      text.replaceAll("/usr/bin/node", node === undefined ? "node" : programOf(node))
        .replaceAll("/usr/bin/deno", Deno.execPath())
        .replaceAll("/srv/app/node_modules/.bin/webfcgi", MAIN)
        .replaceAll(/\/(?:srv\/app|run\/lighttpd|run\/app|run|var\/log)(?=[/,\s]|$)/gm, folder)
        .replaceAll("www-data", groupName());
    await use({ folder, placed });
  });
  assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
}

/** A group that this user may give files to; root may choose any, but spawn-fcgi refuses root's own. */
function groupName(): string {
  const gid = isRoot ? 65_534 : Deno.gid();
  const groups = Deno.readTextFileSync("/etc/group");
  return new RegExp(`^([^:]+):[^:]*:${gid}:`, "m").exec(groups)?.[1] ?? String(gid);
}

/** A process that a test has started. */
export interface Started extends AsyncDisposable {
  readonly pid: number;
  /** What it has written to standard error. */
  said(): string;
  /** Ends it with SIGTERM; gives back its exit code. */
  end(): Promise<number>;
}

/** Starts a process. */
export function start([program = "", ...args]: readonly string[], env: Record<string, string> = {}): Started {
  const process = new Deno.Command(program, {
    args,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const read = (async () => {
    for await (const piece of process.stderr.pipeThrough(new TextDecoderStream())) said += piece;
  })();
  let code: number | undefined;
  const end = async (): Promise<number> => {
    if (code === undefined && isRunning(process.pid)) process.kill("SIGTERM");
    code = (await bounded(process.status, `${program} to end: ${said}`, 20_000)).code;
    await read;
    return code;
  };
  return { pid: process.pid, said: () => said, end, [Symbol.asyncDispose]: async () => void await end() };
}

/** Asks until there is an answer, which is the number of the process that gives it. */
export async function ask(address: string): Promise<number> {
  let answer = "";
  await until(async () => {
    const client = createClient(address);
    try {
      answer = await (await client.fetch("http://localhost/")).text();
    } catch {
      // It does not listen yet.
    } finally {
      await client.close();
    }
    return answer !== "";
  }, `${address} to answer`);
  assertMatch(answer, /^pid \d+$/);
  return Number(answer.slice(4));
}
