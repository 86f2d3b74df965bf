/**
 * Measures the codec, and our server and client beside others, on every runtime that is installed.
 *
 * ```sh
 * deno task bench [--quick] [--seconds=2] [--only="part of a name, as a regular expression"]
 * deno task bench --against=/path/to/another/checkout   # its library and this one's, in turn
 * ```
 *
 * A name is what a line of progress begins with: `hello, 16 kept connections: Node 24`. What counts is the CPU time of a
 * server's processes for a request, at its least in several short runs; all servers of a row are up at the same time
 * and are loaded in turn. The load generator is C, which gcc builds: without it, or on another system than Linux, only
 * the codec is measured. A wrong response, or a server that fails, fails the benchmark.
 */

import { freePort } from "../tests/interop/web_server.ts";
import { comparedLoads, type Load } from "./bench/loads.ts";
import { type Contender, measure, type Plan, startServer } from "./bench/measure.ts";
import {
  buildGenerator,
  bundleOther,
  bundlePrograms,
  findRuntimePrograms,
  output,
  peersFolder,
  type RuntimePrograms,
} from "./bench/servers.ts";
import { comparison, describe, Figures } from "./bench/tables.ts";
import { option } from "./option.ts";

const unknown = Deno.args.find((arg) => !/^--(quick$|only=|seconds=|against=)/.test(arg));
if (unknown !== undefined) {
  throw new TypeError(`Cannot understand ${unknown}: there are --quick, --seconds=, --only=, --against=`);
}

const isQuick = Deno.args.includes("--quick");
const against = option("against");
const seconds = Number(option("seconds") ?? (isQuick ? 0.6 : 2));
const rounds = against !== undefined ? 6 : isQuick ? 3 : 4;
const only = new RegExp(option("only") ?? "", "i");
const folder = await Deno.makeTempDir({ prefix: "webfcgi-bench-" });
const figures = new Figures();
let sockets = 0;
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

/** Our server on a runtime, as the bundled `program` has it. */
function ours(column: string, runtime: RuntimePrograms, program: string, of: "FastResponse" | "Response"): Contender {
  return {
    column,
    protocol: "fastcgi",
    keeps: true,
    start: async (stack, socket) => {
      const addr = socket === "unix" ? `${folder}/${sockets++}.sock` : freePort();
      const server = stack.use(await startServer(runtime.command(program, "fastcgi", of, addr), addr));
      return { addr, processes: [server] };
    },
  };
}

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

async function measureAll(
  plan: Plan,
  groups: readonly (readonly Load[])[],
  contenders: readonly Contender[],
): Promise<void> {
  for (const loads of groups) {
    for (const cell of await measure(plan, loads, contenders, isWanted, failed)) {
      figures.put(cell);
      console.log(`${cell.row}: ${cell.column}: ${describe(cell)}`);
    }
  }
}

try {
  const runtimes = (await findRuntimePrograms(folder)).filter(({ name }) => !isQuick || !/Node 2[026]/.test(name));
  await bundlePrograms(folder);
  const generator = await buildGenerator(folder);
  const plan = {
    generator: generator ?? "",
    folder,
    script: `${peersFolder}/index.php`,
    rounds,
    seconds: seconds / rounds,
  };
  if (against !== undefined && generator !== undefined) {
    await bundleOther(folder, against);
    for (const runtime of runtimes) {
      await measureCodec(
        ["old ", ""].map((of) => [of + runtime.name, runtime.command(`${of.trim()}codec`, Math.min(0.3, seconds))]),
      );
    }
    const contenders = runtimes.flatMap((runtime) =>
      ["old ", ""].map((of) => ours(of + runtime.name, runtime, `${of.trim()}app`, "FastResponse"))
    );
    await measureAll(plan, comparedLoads, contenders);
    console.log(`\n${comparison(figures, runtimes)}`);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
console.log(`${figures.count} measured, ${failures} failed`);
// A run that measures nothing is no success.
Deno.exitCode = failures === 0 && figures.count > 0 ? 0 : 1;
