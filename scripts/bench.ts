/**
 * Measures the codec, and our server and client beside others, on every runtime that is installed.
 *
 * ```sh
 * deno task bench [--quick] [--seconds=1.2] [--only="part of a name, as a regular expression"]
 * deno task bench --against=/path/to/another/checkout   # its library and this one's, in turn
 * ```
 *
 * A name is what a line of progress begins with: `hello, 16 kept connections: Node 24`. What counts is the CPU time of a
 * server's processes for a request, at its least in several short runs of several processes; all servers of a row
 * are up at the same time and are loaded in turn. The load generator is C, which gcc builds: without it, or on another system than Linux, only
 * the codec is measured. A wrong response, or a server that fails, fails the benchmark.
 */

import { missingOf } from "../tests/helpers/programs.ts";
import { Contenders, inRow } from "./bench/contenders.ts";
import {
  comparedLoads,
  directLoads,
  freshLoads,
  type Load,
  nginxLoads,
  phpLoads,
  suffixes,
  workersLoads,
} from "./bench/loads.ts";
import { type Cell, type Contender, measure, startServer } from "./bench/measure.ts";
import {
  buildGenerator,
  bundleCommand,
  bundleOther,
  bundlePrograms,
  findPeers,
  findRuntimePrograms,
  output,
  type Peer,
  peersFolder,
  type RuntimePrograms,
} from "./bench/servers.ts";
import { comparison, describe, Figures, tables } from "./bench/tables.ts";
import { caddyCommand } from "./bench/web_servers.ts";
import { option } from "./option.ts";

const unknown = Deno.args.find((arg) => !/^--(quick$|only=|seconds=|against=)/.test(arg));
if (unknown !== undefined) {
  throw new TypeError(`Cannot understand ${unknown}: there are --quick, --seconds=, --only=, --against=`);
}

const isQuick = Deno.args.includes("--quick");
const against = option("against");
const seconds = Number(option("seconds") ?? (isQuick ? 0.6 : 1.2));
/** How often servers are started anew: two processes of one program may differ by half, for all of their lives. */
const starts = against === undefined ? 2 : 3;
const RUNS = 2;
const only = new RegExp(option("only") ?? "", "i");
const folder = await Deno.makeTempDir({ prefix: "webfcgi-bench-" });
const figures = new Figures();
const generator = await buildGenerator(folder);
const contenders = new Contenders(folder);
let failures = 0;

function failed(name: string, error: unknown): void {
  failures++;
  console.log(`FAILED ${name}: ${messages(error)}`);
}

/** A server that fails while it is stopped has mostly failed before, and says why. */
function messages(error: unknown): string {
  if (error instanceof SuppressedError) return `${messages(error.suppressed)}\n${messages(error.error)}`;
  return error instanceof Error ? error.message : String(error);
}

const isWanted = (row: string, column: string): boolean => only.test(`${row}: ${column.replace(/^old /, "")}`);

/** Measures without sockets, each program in turn; of each figure the best counts. */
async function measureCodec(
  programs: readonly (readonly [column: string, command: readonly string[]])[],
): Promise<void> {
  for (let round = 0; round < (against === undefined ? 1 : 3); round++) {
    for (const [column, command] of programs.filter(([column]) => isWanted("codec, hello without a socket", column))) {
      const printed: Record<string, number> = JSON.parse(await output(command));
      const before = figures.codec.get(column) ?? {};
      for (const [row, figure] of Object.entries(printed)) {
        printed[row] = (row.endsWith("µs") ? Math.min : Math.max)(figure, before[row] ?? figure);
      }
      figures.codec.set(column, printed);
    }
  }
  for (const [column] of programs) {
    if (figures.codec.has(column)) console.log(`codec: ${column}: ${JSON.stringify(figures.codec.get(column))}`);
  }
}

/** Measures groups of loads over sockets, if there is a generator to do it with. */
async function measureLoads(groups: readonly (readonly Load[])[], contenders: readonly Contender[]): Promise<void> {
  if (generator === undefined) return;
  const plan = { generator, folder, script: `${peersFolder}/index.php`, runs: RUNS, seconds: seconds / starts / RUNS };
  for (const loads of groups) {
    const measured = new Map<string, Cell>();
    for (let start = 0; start < starts; start++) {
      const some = loads.filter(({ once }) => start === 0 || !once);
      for (const cell of await measure(plan, some, contenders, isWanted, failed)) {
        measured.set(`${cell.row}: ${cell.column}`, figures.put(cell));
      }
    }
    for (const [name, cell] of measured) console.log(`${name}: ${describe(cell)}`);
  }
}

/** Measures the library of another checkout and this one's. */
async function compare(checkout: string, runtimes: readonly RuntimePrograms[]): Promise<void> {
  await bundleOther(folder, checkout);
  const sides = runtimes.flatMap((runtime) => [
    { ...runtime, name: `old ${runtime.name}`, app: "oldapp", codec: "oldcodec" },
    { ...runtime, app: "app", codec: "codec" },
  ]);
  await measureCodec(sides.map(({ name, command, codec }) => [name, command(codec, Math.min(0.3, seconds))]));
  await measureLoads(comparedLoads, sides.map((side) => contenders.ours(side, "FastResponse", side.app)));
  console.log(`\n${comparison(figures, runtimes)}`);
}

/** Measures our servers by themselves, beside others. */
function directContenders(runtimes: readonly RuntimePrograms[], peers: readonly Peer[]): Contender[] {
  return [
    ...runtimes.map((runtime) => contenders.ours(runtime, "FastResponse")),
    ...peers.map((peer) => inRow(contenders.direct(peer), "", (load) => load.peers.includes(peer.name))),
    ...runtimes.map((runtime) => {
      return inRow(contenders.ours(runtime, "Response"), suffixes.response, (load) => load.withResponse);
    }),
  ];
}

/** Measures our servers behind nginx, beside the runtimes' own. */
async function measureBehindNginx(runtimes: readonly RuntimePrograms[], peers: readonly Peer[]): Promise<void> {
  const ours = (runtime: RuntimePrograms, of: "FastResponse" | "Response"): Contender =>
    contenders.behindNginx(runtime, "fastcgi", (addr) => runtime.command("app", "fastcgi", of, addr));
  const http = (runtime: RuntimePrograms, mode: "http" | "bare"): Contender =>
    contenders.behindNginx(runtime, "http", (port) => runtime.command("app", mode, port));
  await measureLoads(nginxLoads, [
    ...runtimes.map((runtime) => ours(runtime, "FastResponse")),
    ...runtimes.map((runtime) => inRow(ours(runtime, "Response"), suffixes.response, (load) => load.withResponse)),
    ...runtimes.map((runtime) => inRow(http(runtime, "http"), suffixes.http)),
    ...runtimes.filter(({ name }) => name.startsWith("Node"))
      .map((runtime) => inRow(http(runtime, "bare"), suffixes.bare, (load) => load.path === "/hello")),
    ...peers.map((peer) => {
      const contender = contenders.behindNginx(peer, "fastcgi", peer.command);
      return inRow(contender, "", (load) => load.peers.includes(peer.name));
    }),
  ]);
}

/** Measures our client before PHP, beside Caddy. */
async function measureBeforePhp(runtimes: readonly RuntimePrograms[], php: Peer): Promise<void> {
  const addr = `${folder}/php.sock`;
  await using _fpm = await startServer(php.command(addr), addr);
  const front = ({ name, command }: RuntimePrograms, keep: "keep" | "close"): Contender =>
    contenders.front(name, (port) => command("app", "front", port, addr, keep, peersFolder));
  await measureLoads(phpLoads, [
    ...runtimes.map((runtime) => front(runtime, "close")),
    ...isMissing("caddy") ? [] : [contenders.front("Caddy", (port) => caddyCommand(folder, port, addr, peersFolder))],
    ...runtimes.map((runtime) => inRow(front(runtime, "keep"), suffixes.keep)),
  ]);
}

function isMissing(program: string): boolean {
  const missing = missingOf(program);
  if (missing !== undefined) console.log(`skipped: ${program} (not installed)`);
  return missing !== undefined;
}

/** Measures everything that is wanted. */
async function measureAll(runtimes: readonly RuntimePrograms[]): Promise<void> {
  const names = runtimes.map(({ name }) => name);
  const isPhpWanted = isAnyWanted(phpLoads, ["", suffixes.keep], [...names, "Caddy"]);
  const isPeerWanted = (name: string): boolean => {
    const loads = [...directLoads, ...nginxLoads, ...freshLoads].flat().filter(({ peers }) => peers.includes(name));
    return isAnyWanted([loads], [""], [name]) || name === "PHP-FPM" && isPhpWanted;
  };
  const node = runtimes.find(({ name }) => name.startsWith("Node"));
  const peers = generator === undefined ? [] : await findPeers(folder, node, isPeerWanted);
  await measureCodec(runtimes.map(({ name, command }) => [name, command("codec", Math.min(0.5, seconds))]));
  const direct = directContenders(runtimes, peers);
  await measureLoads(directLoads, direct);
  if (isAnyWanted(workersLoads, [suffixes.one, suffixes.two], names) && await bundleCommand(folder)) {
    await measureLoads(workersLoads, [
      ...runtimes.map((runtime) => inRow(contenders.workers(runtime, 1), suffixes.one)),
      ...runtimes.map((runtime) => inRow(contenders.workers(runtime, 2), suffixes.two)),
    ]);
  }
  if (!isMissing("nginx")) await measureBehindNginx(runtimes, peers);
  const php = peers.find(({ name }) => name === "PHP-FPM");
  if (php !== undefined && isPhpWanted) await measureBeforePhp(runtimes, php);
  await measureLoads(freshLoads, direct);
  console.log(`\n${tables(figures, runtimes, peers)}`);
}

/** Whether any row that `ends` make of the loads' is wanted. */
function isAnyWanted(groups: typeof phpLoads, ends: readonly string[], columns: readonly string[]): boolean {
  const rows = groups.flat().flatMap(({ row }) => ends.map((end) => row + end));
  return rows.some((row) => columns.some((column) => isWanted(row, column)));
}

try {
  const runtimes = (await findRuntimePrograms(folder)).filter(({ name }) => !isQuick || !/Node 2[026]/.test(name));
  await bundlePrograms(folder);
  if (against !== undefined) await compare(against, runtimes);
  else await measureAll(runtimes);
} finally {
  await Deno.remove(folder, { recursive: true });
}
console.log(`${figures.count} measured, ${failures} failed`);
// A run that measures nothing is no success.
Deno.exitCode = failures === 0 && figures.count > 0 ? 0 : 1;
