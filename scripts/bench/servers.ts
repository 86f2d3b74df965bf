/** The servers under test: ours and the runtimes' own, on every runtime, and the FastCGI servers of others. */

import { phpFpmCommand } from "../../tests/client/php_fpm.ts";
import { bundle } from "../../tests/helpers/bundle.ts";
import { outputOf } from "../../tests/helpers/output_of.ts";
import { findPhpFpm, findProgram } from "../../tests/helpers/programs.ts";
import { findRuntimes, runningDeno } from "../../tests/runtimes.ts";
import { root } from "../list_files.ts";
import type { Address } from "./measure.ts";

/** Someone else's FastCGI server. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Whether it keeps connections when it is asked to. */
  readonly keeps: boolean;
  /** The command that starts it. */
  command(addr: Address): readonly string[];
}

/** A runtime, with what runs on it. */
export interface RuntimePrograms {
  readonly name: string;
  readonly version: string;
  /** The command that runs a bundled module with arguments. */
  command(module: string, ...args: readonly (string | Address)[]): readonly string[];
}

const PHP_WORKERS = 16;
const NODE_FASTCGI = "node-fastcgi@2.0.0";
const folderOf = (path: string): string => decodeURI(new URL(path, root).pathname);
/** The sources of the peers; also a document root for PHP. */
export const peersFolder: string = folderOf("scripts/bench/peers");

/** Finds the runtimes. They run JavaScript from `folder`, because Node 20 cannot run TypeScript. */
export async function findRuntimePrograms(folder: string): Promise<RuntimePrograms[]> {
  const found = (await findRuntimes()).map(({ name, version, command }): RuntimePrograms => ({
    name: name.replace(/^node/, "Node ").replace("deno", "Deno").replace("bun", "Bun"),
    version: version.replace(/^v/, ""),
    command: (module, ...args) => [...command, `${folder}/${module}.mjs`, ...args.map(String)],
  }));
  const order = ["Node 26", "Node 24", "Node 22", "Node 20", "Deno", "Bun"];
  return found.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

/** Bundles `app` and `codec`. */
export async function bundlePrograms(folder: string): Promise<void> {
  for (const module of ["app", "codec"]) {
    await bundle(folderOf(`scripts/bench/${module}.ts`), `${folder}/${module}.mjs`);
  }
}

/** Bundles the command, and an application for it to serve; false after a printed skip. */
export async function bundleCommand(folder: string): Promise<boolean> {
  try {
    await bundle(folderOf("src/cli/main.ts"), `${folder}/cli.mjs`);
    await bundle(folderOf("scripts/bench/handler.ts"), `${folder}/handler.mjs`);
    const app = `import { makeHandler } from "./handler.mjs";\nexport default { fetch: makeHandler(Response) };\n`;
    await Deno.writeTextFile(`${folder}/served.mjs`, app);
    const help = await output([...runningDeno().command, `${folder}/cli.mjs`, "serve", "--help"]);
    if (help.includes("--workers")) return true;
  } catch {
    // There is no such command.
  }
  console.log("skipped: workers (webfcgi serve has no --workers)");
  return false;
}

/** Bundles `oldapp`, which is `app` with another checkout's library, and `oldcodec`, the other checkout's own. */
export async function bundleOther(folder: string, checkout: string): Promise<void> {
  const library = `file://${await Deno.realPath(checkout)}`;
  const imports = {
    "@webfcgi/webfcgi": `${library}/mod.ts`,
    "@webfcgi/webfcgi/client": `${library}/src/client.ts`,
    "@webfcgi/webfcgi/codec": `${library}/src/codec.ts`,
  };
  const map = `${folder}/imports.json`;
  await Deno.writeTextFile(map, JSON.stringify({ imports }));
  await bundle(folderOf("scripts/bench/app.ts"), `${folder}/oldapp.mjs`, `--import-map=${map}`);
  await bundle(`${library}/scripts/bench/codec.ts`, `${folder}/oldcodec.mjs`);
}

/** Builds the load generator; undefined after a printed skip. */
export async function buildGenerator(folder: string): Promise<string | undefined> {
  const generator = `${folder}/load`;
  try {
    if (Deno.build.os !== "linux") throw new Error("it needs Linux");
    await output(["gcc", "-O2", "-o", generator, folderOf("scripts/bench/load.c")]);
    return generator;
  } catch (error) {
    console.log(`skipped: everything over sockets (${(error as Error).message})`);
    return undefined;
  }
}

/** Finds the peers that are wanted, and builds them in `folder`; one that is not installed is a printed skip. */
export async function findPeers(
  folder: string,
  node: RuntimePrograms | undefined,
  wanted: (name: string) => boolean,
): Promise<Peer[]> {
  const found: Peer[] = [];
  for (const [name, find] of Object.entries({ libfcgi, Go: go, "PHP-FPM": phpFpm, "node-fastcgi": nodeFastCgi })) {
    try {
      if (wanted(name)) found.push(await find(folder, node));
    } catch (error) {
      console.log(`skipped: ${name} (${(error as Error).message.split("\n")[0]})`);
    }
  }
  return found;
}

async function libfcgi(folder: string): Promise<Peer> {
  const program = `${folder}/libfcgi`;
  const packaged = await output(["dpkg-query", "-W", "-f", "${Version}", "libfcgi-dev"]).catch(() => "");
  await output(["gcc", "-O2", "-o", program, `${peersFolder}/libfcgi.c`, "-lfcgi", "-lpthread"]);
  return {
    name: "libfcgi",
    version: packaged.replace(/-.*/, ""),
    keeps: true,
    command: (addr) => [program, typeof addr === "string" ? addr : `:${addr}`, "16"],
  };
}

async function go(folder: string): Promise<Peer> {
  const program = `${folder}/fcgi`;
  const env = { GOCACHE: folderOf(".cache/go") };
  await output(["go", "build", "-o", program, `${peersFolder}/fcgi.go`], env);
  const version = /go([\d.]+)/.exec(await output(["go", "version"]))?.[1] ?? "";
  return { name: "Go", version, keeps: true, command: (addr) => [program, String(addr)] };
}

async function phpFpm(folder: string): Promise<Peer> {
  const program = findPhpFpm() ?? "php-fpm";
  const version = /PHP ([\d.]+)/.exec(await output([program, "-v"]))?.[1] ?? "";
  const config = {
    folder,
    workers: PHP_WORKERS,
    maxRequests: 0,
    backlog: 1024,
    // Uploads are read by the script, as they are by the other servers' handlers.
    settings: { enable_post_data_reading: "off", "opcache.enable": "1" },
  };
  const listenOn = (addr: Address): string => typeof addr === "string" ? addr : `127.0.0.1:${addr}`;
  const command = (addr: Address): string[] => phpFpmCommand(program, { ...config, listen: listenOn(addr) });
  return { name: "PHP-FPM", version, keeps: true, command };
}

async function nodeFastCgi(_folder: string, node: RuntimePrograms | undefined): Promise<Peer> {
  if (node === undefined) throw new Error("Node is not installed");
  const folder = folderOf(".cache/node-fastcgi");
  await Deno.mkdir(folder, { recursive: true });
  const options = ["--prefix", folder, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
  await output(["npm", "install", ...options, NODE_FASTCGI]);
  const [program = ""] = node.command("app");
  return {
    name: "node-fastcgi",
    version: NODE_FASTCGI.replace(/.*@/, ""),
    keeps: false,
    command: (addr) => [program, `${peersFolder}/node_fastcgi.cjs`, folder, String(addr)],
  };
}

/** What a command prints; rejects if it fails, or is not installed. */
export function output([program = "", ...args]: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const path = program.includes("/") ? program : findProgram(program);
  if (path === undefined) return Promise.reject(new Error(`${program} is not installed`));
  return outputOf([path, ...args], { env });
}
