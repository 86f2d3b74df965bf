/**
 * Measures the codec, and our server and client beside others, on every runtime that is installed.
 *
 * ```sh
 * deno task bench [--quick] [--seconds=2] [--only="part of a name, as a regular expression"]
 * ```
 *
 * A name is what a line of progress begins with: `hello, 16 kept connections: Node 24`. Every server runs alone, in a
 * process of its own, warmed up; what counts is the CPU time of its processes, so that the load generator may be as slow
 * as it likes. CPU time and memory are read from Linux's `/proc`: other systems leave them out. Compare figures of one
 * run only. A wrong response, or a server that fails, fails the benchmark.
 */

import { missingOf } from "../tests/helpers/programs.ts";
import { freePort } from "../tests/interop/web_server.ts";
import { runningDeno } from "../tests/runtimes.ts";
import type { Job, Result } from "./bench/dialogue.ts";
import { directLoads, httpLoad, type Load, phpLoad, responseRow, rows } from "./bench/loads.ts";
import { type Address, type ServerProcess, startServer } from "./bench/server_process.ts";
import { type BenchServer, findPeers, findRuntimePrograms, output, peersFolder } from "./bench/servers.ts";
import { describe, Figures, tables } from "./bench/tables.ts";
import { option } from "./option.ts";
import { caddyCommand, nginxCommand } from "./bench/web_servers.ts";

const unknown = Deno.args.find((arg) => !/^--(quick$|only=|seconds=)/.test(arg));
if (unknown !== undefined) throw new TypeError(`Cannot understand ${unknown}: there are --quick, --seconds=, --only=`);

const isQuick = Deno.args.includes("--quick");
const seconds = Number(option("seconds") ?? (isQuick ? 0.6 : 2));
const only = new RegExp(option("only") ?? "", "i");
const generator = decodeURI(new URL("bench/load.ts", import.meta.url).pathname);
const folder = await Deno.makeTempDir({ prefix: "webfcgi-bench-" });
const figures = new Figures();
let sockets = 0;
let failed = 0;

/** Has a load generator load what listens at `addr`, and accounts for `processes`. */
async function run(
  row: string,
  column: string,
  load: Load,
  addr: Address,
  processes: readonly ServerProcess[],
): Promise<string> {
  const job: Job = {
    ...load,
    addr,
    pids: processes.map(({ pid }) => pid),
    script: `${peersFolder}/index.php`,
    warmUpSeconds: 2 * seconds,
    seconds,
  };
  const result: Result = JSON.parse(await output([...runningDeno().command, generator, JSON.stringify(job)]));
  figures.put(row, column, result);
  return describe(result);
}

/** Measures one cell of the tables, if it is wanted; what fails is told and counted. */
async function measure(row: string, column: string, load: () => Promise<string>): Promise<void> {
  const name = `${row}: ${column}`;
  if (!only.test(name)) return;
  try {
    console.log(`${name}: ${await load()}`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${messages(error)}`);
  }
}

/** A server that fails while it is stopped has mostly failed before, and says why. */
function messages(error: unknown): string {
  if (error instanceof SuppressedError) return `${messages(error.suppressed)}\n${messages(error.error)}`;
  return error instanceof Error ? error.message : String(error);
}

/** Measures a server that speaks FastCGI, without a web server. */
function measureDirect(row: string, load: Load & { socket: "unix" | "tcp" }, server: BenchServer): Promise<void> {
  return measure(row, server.name, async () => {
    const addr = load.socket === "tcp" ? freePort() : `${folder}/${sockets++}.sock`;
    await using process = await startServer(server.command(addr), addr);
    return await run(row, server.name, { ...load, keep: load.keep && server.keeps }, addr, [process]);
  });
}

/** Measures a server behind nginx. */
function measureBehindNginx(row: string, protocol: "fastcgi" | "http", server: BenchServer): Promise<void> {
  return measure(row, server.name, async () => {
    const addr = freePort();
    await using process = await startServer(server.command(addr), addr);
    const port = freePort();
    await using nginx = await startServer(nginxCommand(folder, port, protocol, addr), port);
    return await run(row, server.name, httpLoad, port, [process, nginx]);
  });
}

/** Measures an HTTP server that passes requests on to PHP-FPM. */
function measureBeforePhp(
  row: string,
  column: string,
  php: BenchServer,
  command: (port: number, addr: Address) => readonly string[],
): Promise<void> {
  return measure(row, column, async () => {
    const addr = `${folder}/${sockets++}.sock`;
    await using fpm = await startServer(php.command(addr), addr);
    const port = freePort();
    await using front = await startServer(command(port, addr), port);
    return await run(row, column, phpLoad, port, [front, fpm]);
  });
}

try {
  const runtimes = (await findRuntimePrograms(folder)).filter(({ name }) => !isQuick || !/Node 2[026]/.test(name));
  const isPeerWanted = (name: string): boolean =>
    Object.values(rows).some((row) => only.test(`${row}: ${name}`)) || name === "PHP-FPM" && only.test(rows.client);
  const peers = await findPeers(folder, runtimes.find(({ name }) => name.startsWith("Node")), isPeerWanted);
  const has = { nginx: missingOf("nginx") === undefined, caddy: missingOf("caddy") === undefined };
  for (const [name, isThere] of Object.entries(has)) if (!isThere) console.log(`skipped: ${name} (not installed)`);

  for (const { name, command } of runtimes) {
    await measure("codec", name, async () => {
      const printed = await output(command("codec", Math.min(0.5, seconds)));
      figures.codec.set(name, JSON.parse(printed));
      return printed.trim();
    });
  }

  const ours = (of: "FastResponse" | "Response"): BenchServer[] =>
    runtimes.map(({ name, version, command }) => {
      return { name, version, keeps: true, command: (addr) => command("app", "fastcgi", of, addr) };
    });
  const measureLoads = async (socket: "unix" | "tcp"): Promise<void> => {
    for (const load of directLoads.filter((load) => load.socket === socket)) {
      for (const server of ours("FastResponse")) await measureDirect(load.row, load, server);
      for (const server of load.oursOnly ? [] : peers) {
        if (server.keeps || load.row !== rows.kept && load.row !== rows.one) {
          await measureDirect(load.row, load, server);
        }
      }
      for (const server of load.withResponse ? ours("Response") : []) {
        await measureDirect(responseRow(load.row), load, server);
      }
    }
  };
  await measureLoads("unix");

  if (has.nginx) {
    for (const server of [...ours("FastResponse"), ...peers.filter(({ name }) => name === "Go")]) {
      await measureBehindNginx(rows.nginx, "fastcgi", server);
    }
    for (const server of ours("Response")) await measureBehindNginx(responseRow(rows.nginx), "fastcgi", server);
    for (const runtime of runtimes) {
      const own = { ...runtime, keeps: true };
      await measureBehindNginx(rows.proxy, "http", { ...own, command: (port) => runtime.command("app", "http", port) });
      if (!runtime.name.startsWith("Node")) continue;
      await measureBehindNginx(rows.bare, "http", { ...own, command: (port) => runtime.command("app", "bare", port) });
    }
  }

  const php = peers.find(({ name }) => name === "PHP-FPM");
  if (php !== undefined) {
    for (const [row, keep] of [[rows.client, "close"], [rows.clientKept, "keep"]] as const) {
      for (const { name, command } of runtimes) {
        await measureBeforePhp(row, name, php, (port, addr) => command("app", "front", port, addr, keep, peersFolder));
      }
    }
    if (has.caddy) {
      await measureBeforePhp(rows.client, "Caddy", php, (port, addr) => caddyCommand(folder, port, addr, peersFolder));
    }
  }

  // Last: for a minute after, the system has thousands of closed connections to see off, in whatever process is running.
  await measureLoads("tcp");
  console.log(`\n${tables(figures, runtimes, peers)}`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
console.log(`${figures.count} measured, ${failed} failed`);
// A run that measures nothing is no success.
Deno.exitCode = failed === 0 && figures.count > 0 ? 0 : 1;
