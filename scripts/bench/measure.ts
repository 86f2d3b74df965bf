/** Loads servers in turn, so that whatever disturbs the machine disturbs all of them. */

import { answers, findProgram } from "../../tests/helpers/programs.ts";
import { sleep } from "../../tests/helpers/waiting.ts";
import { outputOf } from "../../tests/helpers/output_of.ts";
import { childrenOf } from "../../tests/interop/processes.ts";
import type { Load } from "./loads.ts";
import { encodeFastCgi, encodeHttp, gather } from "./requests.ts";

/** Where a server listens: the path of a unix socket, or a port of 127.0.0.1. */
export type Address = string | number;

/** A server under load. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
}

/** A server, alone or with another in front of it. */
export interface Contender {
  /** The column of its figures. */
  readonly column: string;
  readonly protocol: "fastcgi" | "http";
  readonly keeps: boolean;
  /** The row of its figures. @default the load's own */
  row?(load: Load): string;
  /** Whether it takes part in a load. @default it does */
  takes?(load: Load): boolean;
  /** Starts its processes, which `stack` ends. CPU time is counted for each of them. */
  start(stack: AsyncDisposableStack, socket: "unix" | "tcp"): Promise<{ addr: Address; processes: ServerProcess[] }>;
}

/** What the load generator prints of a run. Times in microseconds. */
export interface Run {
  readonly requests: number;
  readonly seconds: number;
  /** CPU time of the load generator for each request. */
  readonly own: number;
  /** CPU time for each request, of each process with its descendants. */
  readonly cpu: readonly number[];
  /** What memory each open connection took, where that was asked for. */
  readonly idleBytes: number;
}

/** All runs of a row and column. */
export interface Cell {
  readonly row: string;
  readonly column: string;
  readonly runs: readonly Run[];
  /** How far the memory of the first process went above what it was before, at most. */
  readonly peakBytes: number;
}

/** What all runs share. */
export interface Plan {
  readonly generator: string;
  readonly folder: string;
  readonly script: string;
  /** Runs of each cell. */
  readonly runs: number;
  /** Of one run. */
  readonly seconds: number;
}

const START_MS = 15_000;
const STOP_MS = 5000;
const WARM_UP_SECONDS = 4;

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
  return { pid: process.pid, [Symbol.asyncDispose]: stop };
}

/** Starts the contenders, and measures every cell that is wanted. A cell that fails is reported and left out. */
export async function measure(
  plan: Plan,
  loads: readonly Load[],
  contenders: readonly Contender[],
  isWanted: (row: string, column: string) => boolean,
  failed: (name: string, error: unknown) => void,
): Promise<Cell[]> {
  await using stack = new AsyncDisposableStack();
  const entries: Entry[] = [];
  for (const contender of contenders) {
    const wanted = loads.filter((load) =>
      contender.takes?.(load) !== false && isWanted(rowOf(contender, load), contender.column)
    );
    if (wanted.length === 0) continue;
    try {
      const { addr, processes } = await contender.start(stack, wanted[0]!.socket);
      for (const load of wanted) entries.push(new Entry(plan, contender, load, addr, processes));
    } catch (error) {
      failed(`${rowOf(contender, wanted[0]!)}: ${contender.column}`, error);
    }
  }
  const sound = new Set(entries);
  for (let round = -1; round < plan.runs; round++) {
    for (const load of loads) {
      const turns = [...sound].filter((entry) => entry.load === load);
      // Forth and back, so that none always follows the same one.
      for (const entry of round % 2 === 0 ? turns : turns.reverse()) {
        try {
          await entry.run(round);
        } catch (error) {
          sound.delete(entry);
          failed(`${entry.row}: ${entry.column}`, error);
        }
      }
    }
  }
  return [...sound];
}

function rowOf(contender: Contender, load: Load): string {
  return contender.row?.(load) ?? load.row;
}

/** A cell that is being measured. */
class Entry implements Cell {
  readonly row: string;
  readonly column: string;
  readonly load: Load;
  readonly runs: Run[] = [];
  readonly #plan: Plan;
  readonly #args: readonly string[];
  readonly #processes: readonly ServerProcess[];
  peakBytes = NaN;

  constructor(plan: Plan, contender: Contender, load: Load, addr: Address, processes: readonly ServerProcess[]) {
    this.row = rowOf(contender, load);
    this.column = contender.column;
    this.load = load;
    this.#plan = plan;
    this.#processes = processes;
    const isHttp = contender.protocol === "http";
    const keep = load.keep && contender.keeps;
    const wire = isHttp ? encodeHttp(load) : encodeFastCgi(load, keep, load.batch, plan.script);
    const file = Deno.makeTempFileSync({ dir: plan.folder });
    Deno.writeFileSync(file, gather([wire.head, wire.body, wire.tail, load.expected]));
    this.#args = Object.entries({
      addr,
      http: Number(isHttp),
      head: wire.head.length,
      body: wire.body.length,
      tail: wire.tail.length,
      expected: load.expected.length,
      repeat: load.repeat ?? 1,
      again: load.again ?? 1,
      batch: load.batch,
      busy: load.busy,
      keep: Number(keep),
      file,
    }).map(([name, value]) => `${name}=${value}`);
  }

  /** One run; round -1 warms the server up. */
  async run(round: number): Promise<void> {
    const { load } = this;
    if (round < 0) {
      const warmUp = { connections: load.busy, rate: 0, turns: load.warmUp, seconds: WARM_UP_SECONDS, idle: 0 };
      if (!load.once) await this.#generate(warmUp);
      return;
    }
    if (load.once && round > 0) return;
    const [{ pid } = { pid: 0 }] = this.#processes;
    const memory = load.once ? resetPeak(pid) : NaN;
    this.runs.push(
      await this.#generate({
        connections: load.connections,
        rate: load.rate,
        turns: load.once ? 1 : 0,
        seconds: load.once ? 30 : this.#plan.seconds,
        idle: Number(round === 0 && load.connections > load.busy),
      }),
    );
    this.peakBytes = memoryOf(pid, "VmHWM") - memory;
  }

  async #generate(how: Readonly<Record<"connections" | "rate" | "turns" | "seconds" | "idle", number>>): Promise<Run> {
    const groups = this.#processes.map(({ pid }) => [pid, ...childrenOf(pid)].join());
    const args = Object.entries({ ...how, pids: groups.join("/") }).map(([name, value]) => `${name}=${value}`);
    return JSON.parse(await outputOf([this.#plan.generator, ...this.#args, ...args]));
  }
}

/** Lets the peak of a process's memory begin with what it uses now, and gives that back. */
function resetPeak(pid: number): number {
  Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
  return memoryOf(pid, "VmRSS");
}

function memoryOf(pid: number, name: string): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? NaN) * 1024;
}
