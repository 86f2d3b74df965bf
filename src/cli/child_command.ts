/** Whether another process has to serve, and how it is started. */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { requireListening, systemdFd } from "../runtime/inherited_fd.ts";
import { EXIT, Failure, messageOf } from "./failure.ts";
import { parseAddress } from "../runtime/address.ts";

interface Deno {
  readonly version?: { readonly deno?: unknown };
  readonly permissions: { querySync(permission: { name: string }): { readonly state: string } };
}

/** A command line, and the descriptors that it needs. */
export interface ChildCommand {
  readonly command: readonly string[];
  readonly fds: readonly number[];
}

const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi"];
const CONFIGS = ["deno.json", "deno.jsonc", "package.json"];

/**
 * The command line of a child that serves in place of this process; `undefined`: this process can.
 *
 * `args` are those of `serve`, `listen` the addresses among them, `becomesUser` says whether root is given up.
 */
export function childCommand(
  entry: string,
  args: readonly string[],
  listen: readonly string[],
  becomesUser: boolean,
): ChildCommand | undefined {
  const isDeno = runningDeno() !== undefined;
  const needsConfig = isDeno && !hasConfigOf(entry);
  if (!needsConfig && !becomesUser) return undefined;
  const systemd = listen.length === 0 ? systemdFd() : undefined;
  const given = listen.map((text) => parseAddress(text)).flatMap((address) => "fd" in address ? [address.fd] : []);
  const fds = systemd === undefined ? given : [systemd];
  fds.forEach(checkListening);
  const more = systemd === undefined ? args : [`--listen=fd:${systemd}`, ...args];
  return { command: serveCommandLine(entry, more), fds };
}

/** The command line of a process that serves an entry; `args` are those of `serve`. */
export function serveCommandLine(entry: string, args: readonly string[]): string[] {
  return [process.execPath, ...(runningDeno() === undefined ? nodeArgs() : denoArgs(entry)), ...args];
}

/** Whether this process has every permission, as those that it starts have. */
export function hasAllPermissions(): boolean {
  const deno = runningDeno();
  return PERMISSIONS.every((name) => (deno?.permissions.querySync({ name }).state ?? "granted") === "granted");
}

/** @throws {Failure} If a descriptor is known to be no listening socket. */
function checkListening(fd: number): void {
  try {
    requireListening(fd);
  } catch (error) {
    throw new Failure(EXIT.listen, `Cannot listen on descriptor ${fd}: ${messageOf(error)}`);
  }
}

/** What is preloaded takes over before the entry is run as a program, and loads it as it is loaded everywhere. */
function denoArgs(entry: string): string[] {
  const main = import.meta.url.replace(/child_command(?=\.\w+$)/, "main");
  const preload = `import process from "node:process";
    const { main } = await import(${JSON.stringify(main)});
    process.exit(await main(["serve", ...process.argv.slice(2)]));`;
  return ["run", "--quiet", "--allow-all", `--preload=data:text/javascript,${encodeURIComponent(preload)}`, entry];
}

function nodeArgs(): string[] {
  return [...process.execArgv, process.argv[1]!, "serve"];
}

/**
 * Whether this process goes by the entry's own deno.json or package.json, as far as it may find out. Without all
 * permissions it starts no other one: that would have more than it.
 */
function hasConfigOf(entry: string): boolean {
  if (!hasAllPermissions()) return true;
  const own = import.meta.url.startsWith("file:") ? dirname(fileURLToPath(import.meta.url)) : process.cwd();
  return findConfig(dirname(entry)) === findConfig(own);
}

function findConfig(folder: string): string | undefined {
  for (let at = folder;; at = dirname(at)) {
    const found = CONFIGS.map((name) => join(at, name)).find((path) => existsSync(path));
    if (found !== undefined || at === dirname(at)) return found;
  }
}

function runningDeno(): Deno | undefined {
  const { Deno } = globalThis as { readonly Deno?: Deno };
  return typeof Deno?.version?.deno === "string" ? Deno : undefined;
}
