/**
 * Has good, slow, broken and aborting clients use an application at once, on one runtime after another; then looks
 * whether all good ones were served and nothing is left of the others.
 *
 * ```sh
 * deno task soak [--minutes=2] [--runtime=node24] [--clients=16] [--seed=1]
 * ```
 */

import type { Addr, NetAddr } from "../mod.ts";
import { bundle } from "../tests/helpers/bundle.ts";
import { bounded, sleep } from "../tests/helpers/waiting.ts";
import { Random } from "../tests/protocol/random.ts";
import { findRuntimes, type InstalledRuntime } from "../tests/runtimes.ts";
import { WebServer } from "../tests/server/web_server.ts";
import { clients } from "../tests/soak/clients.ts";
import { root } from "./list_files.ts";
import { option } from "./option.ts";

const MiB = 1 << 20;
/** What memory may differ by between the first third and the last, in bytes: used after collection, and resident. */
const MAX_GROWTH = { used: 6 * MiB, rss: 64 * MiB } as const;
/** The longest that one client's part may take, in milliseconds. */
const CLIENT_MS = 60_000;
/** The longest that connections may linger once their clients have gone, in milliseconds. */
const QUIET_MS = 20_000;
/** A load is cut in three, each followed by quiet. */
const PARTS = 3;

/** What the application tells of itself. */
interface State {
  readonly rss: number;
  readonly used: number;
  readonly errors: number;
  readonly servers: readonly {
    readonly connections: number;
    readonly activeRequests: number;
    readonly requests: number;
  }[];
}

/** An application under test. */
interface Application {
  readonly addrs: readonly [tcp: NetAddr, unix: Addr];
  readonly pid: number;
  /** What it printed that it should not have. */
  readonly strays: readonly string[];
  /** How it ended; undefined while it runs. */
  ended(): Deno.CommandStatus | undefined;
  /** Ends it; a sentence if it did not end well. */
  stop(): Promise<string | undefined>;
}

async function start({ name, command }: InstalledRuntime, bundle: string, path: string): Promise<Application> {
  const [program, ...args] = command;
  const flags = name === "deno" ? ["--v8-flags=--expose-gc"] : name === "bun" ? [] : ["--expose-gc"];
  const child = new Deno.Command(program, {
    args: [...args, ...flags, bundle, path],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const strays: string[] = [];
  let status: Deno.CommandStatus | undefined;
  child.status.then((it) => status = it);
  let told!: (port: number) => void;
  const ready = new Promise<number>((resolve) => told = resolve);
  const readLines = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith("ready ")) told(Number(line.slice(6)));
        else if (strays.length < 50) strays.push(line);
      }
    }
    if (rest !== "") strays.push(rest);
  };
  const read = Promise.all([readLines(child.stdout), readLines(child.stderr)]);
  const stop = async (): Promise<string | undefined> => {
    if (status === undefined) child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
    const { code, signal } = await child.status;
    clearTimeout(late);
    await read;
    return code === 0 ? undefined : `it ended with ${signal ?? code}`;
  };
  try {
    const died = child.status.then(() => Promise.reject(new Error(`it ended: ${strays.join("\n")}`)));
    const port = await bounded(Promise.race([ready, died]), `${name} to be ready`, 20_000);
    died.catch(() => {});
    return {
      addrs: [{ transport: "tcp", hostname: "127.0.0.1", port }, { transport: "unix", path }],
      pid: child.pid,
      strays,
      ended: () => status,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stateOf({ addrs: [tcp] }: Application): Promise<State> {
  const web = await WebServer.connect(tcp);
  try {
    return JSON.parse((await web.ask({ uri: "/state" }).answer()).text);
  } finally {
    await web.close();
  }
}

function descriptorsOf({ pid }: Application): number {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
  } catch {
    return 0; // no `/proc` on this system
  }
}

/** Waits until no connection is open but the one that asks. */
async function quiet(application: Application): Promise<State> {
  for (const deadline = Date.now() + QUIET_MS;;) {
    const state = await stateOf(application);
    const [connections, active] = (["connections", "activeRequests"] as const)
      .map((what) => state.servers.reduce((sum, server) => sum + server[what], 0));
    if (connections === 1 && active === 1) return state;
    if (Date.now() > deadline) {
      throw new Error(`${connections! - 1} connections and ${active! - 1} requests are left without a client`);
    }
    await sleep(200);
  }
}

/** Counts what clients did, and keeps what went wrong. */
class Outcome {
  readonly counts = new Map<string, number>();
  readonly faults: string[] = [];

  done(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  fault(what: string): void {
    this.faults.push(what);
  }
}

/** Has `count` clients at a time play their parts until time is up. */
async function load(
  application: Application,
  count: number,
  ms: number,
  random: Random,
  outcome: Outcome,
): Promise<void> {
  const deadline = Date.now() + ms;
  const names = Object.keys(clients);
  await Promise.all(Array.from({ length: count }, async () => {
    while (Date.now() < deadline && outcome.faults.length < 5 && application.ended() === undefined) {
      const name = random.pick(names);
      await play(application, name, random.pick(application.addrs), random, outcome);
    }
  }));
}

async function play(
  { addrs, ended }: Application,
  name: string,
  addr: Addr,
  random: Random,
  outcome: Outcome,
): Promise<void> {
  try {
    await bounded(clients[name]!(addr, random), name, CLIENT_MS);
    outcome.done(name);
  } catch (error) {
    if (ended() === undefined) {
      outcome.fault(`${name} over ${addr === addrs[0] ? "TCP" : "unix"}: ${(error as Error).stack}`);
    }
  }
}

const inMiB = (bytes: number): string => (bytes / MiB).toFixed(1);

/** Soaks one runtime; gives back what was wrong. */
async function soak(runtime: InstalledRuntime, bundle: string, path: string, settings: Settings): Promise<string[]> {
  const application = await start(runtime, bundle, path);
  const outcome = new Outcome();
  const random = new Random(settings.seed);
  try {
    // What is made once, and stays, is made here.
    for (const name of Object.keys(clients)) {
      for (const addr of [...application.addrs, ...application.addrs]) {
        await play(application, name, addr, random, outcome);
      }
    }
    const first = await quiet(application);
    const descriptors = descriptorsOf(application);
    const states = [first];
    for (let part = 0; part < PARTS; part++) {
      await load(application, settings.clients, settings.minutes * 60_000 / PARTS, random, outcome);
      if (application.ended() !== undefined || outcome.faults.length > 0) break;
      states.push(await quiet(application));
    }
    report(outcome, states, descriptors);
    check(application, outcome, states, descriptors);
  } catch (error) {
    outcome.fault(String(error));
  }
  const ended = application.ended();
  if (ended !== undefined) outcome.fault(`the application died with ${ended.signal ?? ended.code}`);
  const stopped = await application.stop();
  if (stopped !== undefined) outcome.fault(stopped);
  if (application.strays.length > 0) outcome.fault(`the application printed:\n${application.strays.join("\n")}`);
  return outcome.faults;
}

function report({ counts }: Outcome, states: readonly State[], descriptors: number): void {
  console.log([...counts].map(([name, count]) => `${count} ${name}`).join("; "));
  const requests = states.at(-1)!.servers.reduce((sum, server) => sum + server.requests, 0);
  console.log(`${requests} requests, ${states.at(-1)!.errors} errors told; ${descriptors} descriptors`);
  for (const what of ["used", "rss"] as const) {
    console.log(`${what} in MiB, first and after each third: ${states.map((state) => inMiB(state[what])).join(", ")}`);
  }
}

function check(application: Application, outcome: Outcome, states: readonly State[], descriptors: number): void {
  if (states.length !== PARTS + 1) return;
  const [, afterFirst, , afterLast] = states;
  for (const what of ["used", "rss"] as const) {
    const growth = afterLast![what] - afterFirst![what];
    if (growth > MAX_GROWTH[what]) outcome.fault(`memory (${what}) has grown by ${inMiB(growth)} MiB`);
  }
  const now = descriptorsOf(application);
  if (now > descriptors) outcome.fault(`${now} descriptors are open, ${descriptors} were`);
}

interface Settings {
  readonly minutes: number;
  readonly clients: number;
  readonly seed: number;
}

if (import.meta.main) {
  const settings = {
    minutes: Number(option("minutes") ?? 2),
    clients: Number(option("clients") ?? 16),
    seed: Number(option("seed") ?? 1),
  };
  const only = option("runtime");
  const runtimes = await findRuntimes(only);
  if (runtimes.length === 0) throw new RangeError(`--runtime is ${only}, which is none that is installed`);
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-soak-" });
  let failed = 0;
  try {
    // Node 20 cannot run the sources: all get them in one file of JavaScript.
    const application = `${folder}/soak_app.mjs`;
    await bundle(new URL("tests/soak/soak_app.ts", root), application);
    for (const runtime of runtimes) {
      console.log(`\n== ${runtime.name} (${runtime.version}), ${settings.minutes} minutes`);
      const faults = await soak(runtime, application, `${folder}/${runtime.name}.sock`, settings);
      if (faults.length > 0) failed++;
      for (const fault of faults) console.log(`FAILED ${fault}`);
    }
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".sock"));
    if (left.length > 0) {
      console.log(`FAILED sockets are left: ${left.join(", ")}`);
      failed = Math.max(1, failed);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  console.log(`${runtimes.length - failed} passed, ${failed} failed`);
  Deno.exitCode = failed === 0 ? 0 : 1;
}
