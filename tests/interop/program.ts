/** Programs as a user writes and starts them, in a folder of their own. */

import config from "../../deno.json" with { type: "json" };
import { bundle } from "../helpers/bundle.ts";
import { findProgram } from "../helpers/programs.ts";
import type { InstalledRuntime } from "../runtimes.ts";

/** Makes a folder that the web server's user may enter, and removes it when `use` is done. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-docs-" });
  try {
    await Deno.chmod(folder, 0o755);
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes a program that imports this checkout, bundled for a runtime that takes no TypeScript. */
export async function writeProgram(runtime: InstalledRuntime, path: string, source: string): Promise<void> {
  const mod = new URL("../../mod.ts", import.meta.url).href;
  await Deno.writeTextFile(path, source.replace(`"${config.name}"`, JSON.stringify(mod)));
  if (runtime.stripsTypes) return;
  await bundle(path, `${path}.out`);
  await Deno.rename(`${path}.out`, path);
}

/** Runs a command, calls `use` once its output matches, then ends it with SIGTERM. Resolves to how it ended. */
export async function withProcess(
  [command = "", ...args]: readonly string[],
  awaited: RegExp,
  use: (match: RegExpExecArray) => Promise<void>,
): Promise<Deno.CommandStatus> {
  const process = new Deno.Command(findProgram(command) ?? command, {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => process.kill("SIGKILL"), 30_000);
  const stderr = new Response(process.stderr).text();
  const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let printed = "";
    let match: RegExpExecArray | null = null;
    while ((match = awaited.exec(printed)) === null) {
      const { done, value } = await output.read();
      if (done) throw new Error(`${command} ended: ${printed}${await stderr}`);
      printed += value;
    }
    await use(match);
  } catch (error) {
    stderr.then((text) => console.error(`${command} ${args.join(" ")}\n${text}`));
    throw error;
  } finally {
    clearTimeout(timer);
    try {
      process.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await output.cancel();
    await stderr;
  }
  return process.status;
}
