/** Starts the real command as a process, on every runtime. */

import { bundle } from "../helpers/bundle.ts";
import { bounded, until } from "../helpers/waiting.ts";
import { findRuntimes } from "../runtimes.ts";

const MAX_RUN_MS = 20_000;
const MAX_SERVE_MS = 60_000;
const main = decodeURI(new URL("../../src/cli/main.ts", import.meta.url).pathname);

/** The command on a runtime, and a folder for what a test needs. */
export interface Scene {
  /** The runtime's name. */
  readonly name: string;
  /** An absolute path, which other users may enter. */
  readonly folder: string;
  /** Writes a file of the folder and gives back its path. */
  file(name: string, content: string): string;
  /** Runs a command line to its end. */
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Starts a command line, and waits until it says on standard error that it serves. */
  start(args: readonly string[], options?: RunOptions): Promise<Running>;
  /** Names in the folder. */
  names(): string[];
}

/** How a command is run. */
export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  /** Goes before the command line. */
  readonly before?: readonly string[];
  /** What it says when it has started. */
  readonly until?: RegExp;
  /** How long it may run, in milliseconds. */
  readonly maxRunMs?: number;
}

/** A command that has ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that serves. */
export interface Running {
  readonly pid: number;
  /** What it said when it began to serve. */
  readonly line: string;
  /** What it has said on standard error so far. */
  said(): string;
  kill(signal: Deno.Signal): void;
  readonly ended: Promise<Ended>;
}

/** How a test goes over the runtimes. */
export interface EachOptions {
  /** Their names. @default All */
  readonly runtimes?: readonly string[];
  /** On Node not from the sources, which it takes long to load. */
  readonly bundled?: boolean;
}

/** Calls `body` for each runtime, one after the other; fails when a process of the command is left behind. */
export async function onEach(
  body: (scene: Scene) => Promise<void>,
  { runtimes, bundled = false }: EachOptions = {},
): Promise<void> {
  const built = await Deno.makeTempDir({ prefix: "cli-" });
  await Deno.chmod(built, 0o755);
  try {
    for (const { name, command } of await findRuntimes()) {
      if (runtimes?.includes(name) === false) continue;
      const folder = await Deno.makeTempDir({ prefix: `cli-${name}-` });
      await Deno.chmod(folder, 0o755);
      const target = `${built}/main.mjs`;
      // Node takes half a second to strip the sources of their types at each start; once is enough to see that it can.
      const fromSources = !name.startsWith("node") || name === "node24" && !bundled;
      if (!fromSources) await bundle(main, target);
      try {
        await body(makeScene(name, [...command, fromSources ? main : target], folder));
      } catch (error) {
        for (const pid of processesOf(folder)) Deno.kill(pid, "SIGKILL");
        throw new Error(`on ${name}: ${(error as Error).message}`, { cause: error });
      } finally {
        await until(() => processesOf(folder).length === 0, `the processes of ${folder} to end`, 5000);
        await Deno.remove(folder, { recursive: true });
      }
    }
  } finally {
    await Deno.remove(built, { recursive: true });
  }
}

function makeScene(name: string, command: readonly string[], folder: string): Scene {
  const spawn = (args: readonly string[], { stdin = "", env = {}, before = [] }: RunOptions) => {
    const [program = "", ...rest] = [...before, ...command, ...args];
    const process = new Deno.Command(program, {
      args: rest,
      cwd: folder,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      // Its folder in the environment marks what it starts.
      env: { ...env, NO_COLOR: "1", CLI_TEST_FOLDER: folder },
    }).spawn();
    const writer = process.stdin.getWriter();
    writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(() => {});
    return process;
  };
  return {
    name,
    folder,
    file(name, content) {
      Deno.writeTextFileSync(`${folder}/${name}`, content);
      return `${folder}/${name}`;
    },
    async run(args, options = {}) {
      const process = spawn(args, options);
      return await finish(process, collect(process.stdout), collect(process.stderr));
    },
    async start(args, options = {}) {
      const process = spawn(args, options);
      const stdout = collect(process.stdout);
      const stderr = collect(process.stderr);
      const { maxRunMs = MAX_SERVE_MS, until: sign = /\b(?:serves|bridges) .*\n/ } = options;
      const ended = finish(process, stdout, stderr, maxRunMs);
      // Who does not ask for it has failed for another reason.
      ended.catch(() => {});
      const isServing = (): boolean => stderr.text.search(sign) >= 0;
      let isOver = false;
      ended.then(() => isOver = true, () => isOver = true);
      await until(() => isServing() || isOver, `webfcgi ${args.join(" ")} to serve`);
      if (!isServing()) throw new Error(`webfcgi ${args.join(" ")} ended: ${stderr.text}`);
      return {
        pid: process.pid,
        line: stderr.text,
        said: () => stderr.text,
        kill: (signal) => process.kill(signal),
        ended,
      };
    },
    names: () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
  };
}

interface Output {
  text: string;
  readonly end: Promise<void>;
}

function collect(stream: ReadableStream<Uint8Array>): Output {
  const output = { text: "", end: Promise.resolve() };
  output.end = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) output.text += decoder.decode(chunk, { stream: true });
  })();
  return output;
}

async function finish(
  process: Deno.ChildProcess,
  stdout: Output,
  stderr: Output,
  maxMs: number = MAX_RUN_MS,
): Promise<Ended> {
  try {
    const { code } = await bounded(process.status, "the command to end", maxMs);
    await bounded(Promise.all([stdout.end, stderr.end]), "the command's output to end", MAX_RUN_MS);
    return { code, stdout: stdout.text, stderr: stderr.text };
  } catch (error) {
    try {
      process.kill("SIGKILL");
    } catch {
      // It has ended, and what it started has not.
    }
    throw new Error(`${(error as Error).message}; it has said: ${stdout.text}${stderr.text}`);
  }
}

/** The processes with the folder in their environment; a zombie has none any more. */
export function processesOf(folder: string): number[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).map(({ name }) => Number(name))
    .filter((pid) => {
      try {
        return Deno.readTextFileSync(`/proc/${pid}/environ`).includes(`CLI_TEST_FOLDER=${folder}\0`);
      } catch {
        return false;
      }
    });
}
