// The option `signals`, in processes of each runtime.

import { bundle } from "../helpers/bundle.ts";
import { answers } from "../helpers/programs.ts";
import { bounded, until } from "../helpers/waiting.ts";
import { findRuntimes } from "../runtimes.ts";
import { assertEquals } from "../std/assert.ts";
import { WebServer } from "./web_server.ts";

const MAX_RUN_MS = 20_000;

/** A process that serves, and what it has printed. */
class Child {
  readonly process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor([command, ...args]: readonly string[]) {
    const signal = AbortSignal.timeout(MAX_RUN_MS);
    this.process = new Deno.Command(command!, { args, signal, stdin: "null", stdout: "piped" }).spawn();
    this.#lines = this.process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line that it prints. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const at = this.#rest.indexOf("\n");
      if (at >= 0) {
        const line = this.#rest.slice(0, at);
        this.#rest = this.#rest.slice(at + 1);
        return line;
      }
      const { value } = await this.#lines.read();
      if (value === undefined) return undefined;
      this.#rest += value;
    }
  }

  /** Asks it, up to the moment when the handler waits. */
  async ask(): Promise<{ web: WebServer; port: number; answered: Promise<string> }> {
    const port = Number(await this.line());
    const web = await WebServer.connect({ transport: "tcp", hostname: "127.0.0.1", port });
    const answered = web.ask({ keepConn: false }).answer().then(({ text }) => text, () => "nothing");
    assertEquals(await this.line(), "asked");
    return { web, port, answered };
  }

  /** What it printed last, and how it ended. */
  async ended(): Promise<[string | undefined, number | Deno.Signal]> {
    const line = await this.line();
    const { code, signal } = await bounded(this.process.status, "the process to end", MAX_RUN_MS);
    await this.#lines.cancel();
    return [line, signal ?? code];
  }
}

async function onEach(body: (child: (...args: string[]) => Child, name: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signals-" });
  try {
    const script = `${folder}/child.mjs`;
    await bundle(new URL("signals_child.ts", import.meta.url), script);
    for (const { name, command } of await findRuntimes()) {
      await body((...args) => new Child([...command, script, ...args]), name);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`serve drains at ${signal} when signals is true, and the process ends by itself`, () =>
    onEach(async (start, name) => {
      const child = start("true");
      const { web, answered } = await child.ask();
      child.process.kill(signal);
      child.process.kill("SIGUSR2");
      assertEquals(await answered, "answered", name);
      await web.close();
      assertEquals(await child.ended(), ["finished, handlers 2 and 0", 0], name);
    }));
}

Deno.test("serve lets a second signal end the process", () =>
  onEach(async (start, name) => {
    const child = start("true");
    const { web, port, answered } = await child.ask();
    child.process.kill("SIGTERM");
    // The first has been handled when no new connection is taken.
    await until(async () => !await answers(port), "the listener to close");
    child.process.kill("SIGINT");
    assertEquals(await child.ended(), [undefined, "SIGINT"], name);
    assertEquals(await answered, "nothing", name);
    await web.close();
  }));

Deno.test("serve leaves signals alone unless signals is true", () =>
  onEach(async (start, name) => {
    const child = start("false");
    const { web } = await child.ask();
    child.process.kill("SIGTERM");
    assertEquals(await child.ended(), [undefined, "SIGTERM"], name);
    await web.close();
  }));

Deno.test("serve takes its handlers of signals away when it is closed", () =>
  onEach(async (start, name) => {
    const child = start("true", "close");
    await child.line();
    assertEquals(await child.ended(), ["finished, handlers 2 and 0", 0], name);
  }));
