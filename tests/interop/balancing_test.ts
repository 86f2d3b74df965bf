// Three servers behind one web server, by the configurations in docs/workers.md: one is killed, one restarted.

import { connect, type Socket } from "node:net";
import { serve } from "../../mod.ts";
import { webServerConfig } from "../../src/config.ts";
import { onEach, type Running, type Scene } from "../cli/command.ts";
import { appOfVersion, assertOnlyInside, Load, ownersOf } from "../cli/workers_load.ts";
import { utf8Bytes } from "../helpers/bytes.ts";
import { bounded, until } from "../helpers/waiting.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { block } from "./documentation.ts";
import { request, text } from "./http_client.ts";
import { childrenOf } from "./processes.ts";
import { freePort } from "./web_server.ts";

/** Each server has one. */
const RUNTIMES = ["deno", "bun", "node24"] as const;
/** Behind each another runtime's is killed, and another one's restarted. */
const SERVERS = ["nginx", "apache", "haproxy"] as const;
const CLIENTS = ["/a", "/a", "/slow", "/slow", "/slow", "POST /a", "POST /slow", "POST /slow"] as const;
/** How many requests the others answer while one is away. */
const ANSWERED_MEANWHILE = 300;

/** Runs `body` with a scene of each runtime. */
function together(body: (scenes: readonly Scene[]) => Promise<void>): Promise<void> {
  const enter = (scenes: readonly Scene[]): Promise<void> => {
    const name = RUNTIMES[scenes.length];
    if (name === undefined) return body(scenes);
    return onEach((scene) => enter([...scenes, scene]), { runtimes: [name], bundled: true });
  };
  return enter([]);
}

/** A server that can be started again, with what it has been asked. */
class Member {
  running!: Running;
  readonly #start: () => Promise<Running>;
  readonly #log: string;

  constructor(log: string, start: () => Promise<Running>) {
    this.#log = log;
    this.#start = start;
  }

  async start(): Promise<void> {
    this.running = await this.#start();
  }

  /** On Deno there is a parent. */
  get pids(): number[] {
    const { pid } = this.running;
    return [pid, ...childrenOf(pid)];
  }

  /** Waits until it has a request that fits, by its id. */
  async isAsked(fits: (id: string) => boolean = () => true): Promise<void> {
    const { pids } = this;
    const has = (owners: readonly number[]): boolean => pids.includes(owners.at(-1)!);
    await until(() => [...ownersOf(this.#log)].some(([id, owners]) => has(owners) && fits(id)), "it to be asked");
  }

  async kill(): Promise<number[]> {
    const { pids } = this;
    for (const pid of pids) Deno.kill(pid, "SIGKILL");
    await this.running.ended;
    return pids;
  }

  async end(): Promise<void> {
    this.running.kill("SIGTERM");
    assertEquals((await this.running.ended).code, 0);
  }
}

/** Says something to HAProxy's socket for its operator. */
async function say(path: string, command: string): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path });
  await connection.write(utf8Bytes(`${command}\n`));
  assertEquals((await new Response(connection.readable).text()).trim(), "");
}

for (const [at, server] of SERVERS.entries()) {
  Deno.test({
    name: `${server} takes from a killed one of three servers no request but POSTs, and from a restarted one none`,
    ignore: isMissing(server),
    fn: () =>
      together(async (scenes) => {
        const entry = scenes[0]!.file("app.mjs", appOfVersion(1));
        const log = scenes[0]!.file("log", "");
        const [own, port] = [freePort(), freePort()];
        const members = scenes.map((scene, index) =>
          new Member(log, () => scene.start(["serve", entry, "-l", `127.0.0.${index + 1}:${own}`]))
        );
        const [first, second] = [members[at]!, members[(at + 1) % members.length]!];
        await Promise.all(members.map((member) => member.start()));
        const listen = scenes.map((_, index) => `10.0.0.${index + 1}:9000`);
        const { files: [file], modules } = webServerConfig(server, { listen });
        assertEquals(block("docs/workers.md", "More than one machine", server), file!.text);
        const moved = file!.text.replaceAll(/10\.0\.0\.(\d):9000/g, `127.0.0.$1:${own}`);
        const admin = `${scenes[0]!.folder}/admin.sock`;
        const socket = server === "haproxy" ? `global\n    stats socket ${admin} mode 660 level admin\n\n` : "";
        await using _web = await startOnDebian(server, { files: [{ ...file!, text: socket + moved }], modules, port });
        // HAProxy, which may not send a POST again, is told before.
        const tell = async (state: "drain" | "ready"): Promise<void> => {
          if (server === "haproxy") await say(admin, `set server app/app${members.indexOf(second) + 1} state ${state}`);
        };
        await using load = new Load(port, CLIENTS);
        const pass = async (): Promise<void> => {
          const answered = load.answered + ANSWERED_MEANWHILE;
          await until(() => load.answered >= answered, "the others to answer", 20_000);
        };
        // Inside it is one that may be asked again.
        await first.isAsked((id) => load.underWay.get(id) === "/slow");
        const killed = await first.kill();
        await pass();
        await first.start();
        await first.isAsked();
        const failed = new Map(load.failed);
        await tell("drain");
        await second.end();
        await pass();
        await second.start();
        await tell("ready");
        await second.isAsked();
        await load[Symbol.asyncDispose]();
        assertEquals([...load.failed], [...failed], "what a restart has lost");
        for (const how of failed.values()) assert(how.startsWith("POST "), how);
        assertOnlyInside(load, log, killed, CLIENTS.filter((path) => path.startsWith("POST ")).length);
        const again = [...ownersOf(log).values()].filter((owners) => owners.length > 1);
        assert(again.length > 0, "what may be asked again was");
        for (const member of members) await member.end();
      }),
  });
}

for (const server of SERVERS) {
  Deno.test({
    name: `${server} goes to the next server soon when a machine does not answer at all`,
    ignore: isMissing(server),
    fn: async () => {
      await using app = serve({ port: 0, quiet: true }, () => new Response("answered"));
      await app.ready;
      await using deaf = await startDeaf();
      const port = freePort();
      const config = webServerConfig(server, { listen: [deaf.address, `127.0.0.1:${app.addr.port}`] });
      await using _web = await startOnDebian(server, { ...config, port });
      // By the web servers' own defaults it takes a minute.
      const asked = Array.from({ length: 4 }, () => bounded(request(port, "GET", "/"), "an answer", 20_000));
      for (const response of await Promise.all(asked)) {
        assertEquals([response.status, text(response)], [200, "answered"]);
      }
    },
  });
}

/** An address of this machine that connections are not even refused at: its queue is full, and nobody accepts. */
async function startDeaf(): Promise<{ address: string } & AsyncDisposable> {
  const program = `import { createServer } from "node:net";
    const server = createServer();
    server.listen({ port: 0, host: "127.0.0.2", backlog: 1 }, () => console.log(server.address().port));`;
  const process = new Deno.Command(Deno.execPath(), { args: ["eval", program], stdin: "null", stdout: "piped" })
    .spawn();
  const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await output.read();
  const port = Number(value);
  process.kill("SIGSTOP");
  const waiting = new Set<Socket>();
  const connects = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.2", port });
      waiting.add(socket);
      socket.on("error", () => {});
      socket.once("connect", () => resolve(true));
      socket.setTimeout(500, () => resolve(false));
    });
  while (await connects()) assert(waiting.size < 10, "its queue is short");
  return {
    address: `127.0.0.2:${port}`,
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      for (const socket of waiting) socket.destroy();
      await process.status;
      await output.cancel();
    },
  };
}
