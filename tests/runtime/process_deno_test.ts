// Starts processes of each runtime, for what can be seen only from outside.

import { existsSync } from "node:fs";
import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { bundle } from "../helpers/bundle.ts";
import { isLeftOut, missingOf } from "../helpers/programs.ts";
import { freePort } from "../interop/web_server.ts";
import { findRuntimes } from "../runtimes.ts";
import { Peer } from "./recorder.ts";
import { until } from "../helpers/waiting.ts";

type Command = readonly [string, ...string[]];

const MAX_RUN_MS = 15_000;

const BARRED = "deno without permissions";

/**
 * Bundles the child, which Node 20 cannot run from its sources, and calls `body` for each runtime that may do
 * everything, for Deno without permissions, or for all of these.
 */
async function onEach(
  who: "permitted" | "barred" | "all",
  body: (command: Command, name: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "process-" });
  try {
    const child = `${folder}/child.mjs`;
    await bundle(new URL("process_child.ts", import.meta.url), child);
    if (who !== "barred") {
      for (const { name, command } of await findRuntimes()) await body([...command, child], name, folder);
    }
    if (who !== "permitted") {
      await body([Deno.execPath(), "run", "--no-prompt", "--quiet", child], BARRED, folder);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a command line to its end and gives back what it printed. */
async function run(command: readonly string[], stdin: "null" | "piped" = "null"): Promise<string> {
  const [executable, ...args] = command;
  const process = new Deno.Command(executable as string, {
    args,
    stdin,
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(MAX_RUN_MS),
  }).spawn();
  if (stdin === "piped") await process.stdin.close();
  const { code, signal, stdout, stderr } = await process.output();
  const text = new TextDecoder().decode(stdout).trim();
  assertEquals([code, signal], [0, null], `${command.join(" ")}: ${text} ${new TextDecoder().decode(stderr)}`);
  return text;
}

/** Starts a command line and gives back its first line of output. */
async function start(
  command: readonly string[],
): Promise<{ process: Deno.ChildProcess; line: string; end(): Promise<void> }> {
  const [executable, ...args] = command;
  const process = new Deno.Command(executable as string, { args, stdin: "null", stdout: "piped", stderr: "inherit" })
    .spawn();
  const reader = process.stdout.getReader();
  const timer = setTimeout(() => process.kill("SIGKILL"), MAX_RUN_MS);
  const end = async (): Promise<void> => {
    try {
      process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await process.status;
    clearTimeout(timer);
    await reader.cancel();
  };
  const { value } = await reader.read();
  return { process, line: new TextDecoder().decode(value).trim(), end };
}

Deno.test("Listener.unref lets the process end when connections are unref'ed too", () =>
  onEach("permitted", async (command, name) => {
    assertEquals(await run([...command, "unref"]), "open", name);
  }));

Deno.test("Listener.ref keeps the process alive when nothing else does", () =>
  onEach("permitted", async (command, name) => {
    const { line, end } = await start([...command, "listener"]);
    try {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const peer = await Peer.connect({ transport: "tcp", hostname: "127.0.0.1", port: Number(line) });
      peer.socket.end("alive");
      await until(() => peer.ended, `${name} answers`);
      assertEquals(peer.text, "alive", name);
      await peer.close();
    } finally {
      await end();
    }
  }));

Deno.test("Transport keeps the process alive when the listener is closed", () =>
  onEach("permitted", async (command, name) => {
    const { process, line, end } = await start([...command, "connection"]);
    try {
      const peer = await Peer.connect({ transport: "tcp", hostname: "127.0.0.1", port: Number(line) });
      await new Promise((resolve) => setTimeout(resolve, 100));
      peer.socket.end("alive");
      await until(() => peer.ended, `${name} answers`);
      assertEquals(peer.text, "alive", name);
      assertEquals((await process.status).code, 0, name);
      await peer.close();
    } finally {
      await end();
    }
  }));

Deno.test("Runtime.listen says what is missing when Deno may not use the network", () =>
  onEach("barred", async (command) => {
    const [executable, ...args] = command;
    const { code, stderr } = await new Deno.Command(executable, { args: [...args, "listener"], stdin: "null" })
      .output();
    assertEquals(code, 1);
    const message = new TextDecoder().decode(stderr);
    assertMatch(message, /Cannot listen on 127\.0\.0\.1:0: .*--allow-net/);
  }));

Deno.test("inheritedFd finds nothing when descriptor 0 is no socket", () =>
  onEach("all", async (command, name) => {
    assertEquals(await run([...command, "inherited"]), "none", `${name}, /dev/null`);
    assertEquals(await run([...command, "inherited"], "piped"), "none", `${name}, a pipe`);
    assertEquals(await run(["sh", "-c", 'exec "$@" <&-', "sh", ...command, "inherited"]), "none", `${name}, closed`);
    const other = 'LISTEN_FDS=1 LISTEN_PID=1 exec "$@"';
    assertEquals(await run(["sh", "-c", other, "sh", ...command, "inherited"]), "none", `${name}, for another process`);
  }));

// Node gives the program in argv[2…] a listening socket on TCP, or one end of a connected pair, and prints its output.
const parent = `
const { createServer } = require("node:net");
const { spawn } = require("node:child_process");
const [how, ...command] = process.argv.slice(1);
const server = createServer().listen(0, "127.0.0.1", () => {
  const { fd } = server._handle;
  const stdio = { fd0: [fd, "inherit", "inherit"], fd3: ["ignore", "inherit", "inherit", fd], pair: ["pipe", "inherit", "inherit"] }[how];
  console.log(server.address().port);
  const child = spawn(command[0], command.slice(1), { stdio });
  server.close();
  child.on("exit", (code) => process.exit(code ?? 1));
});`;

async function ask(port: number): Promise<string> {
  const peer = await Peer.connect({ transport: "tcp", hostname: "127.0.0.1", port });
  await until(() => peer.ended, "the child answers");
  await peer.close();
  return peer.text;
}

const node = (await findRuntimes()).find(({ name }) => name.startsWith("node"));

Deno.test({
  name: "Runtime.listen serves an inherited socket when a parent passes it",
  ignore: isLeftOut("the tests of a socket that a parent passes", node === undefined ? "node" : undefined),
  fn: () =>
    onEach("all", async (command, name) => {
      const parentOf = (
        how: string,
        line: readonly string[],
      ): readonly string[] => [...node!.command, "-e", parent, how, ...line];
      for (const how of ["fd0", "fd3"] as const) {
        const systemd = ["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh", ...command, "inherited"];
        // Without the permission to read them, Deno keeps systemd's variables from the program.
        if (how === "fd3" && name === BARRED) continue;
        const { process, line, end } = await start(parentOf(how, how === "fd0" ? [...command, "inherited"] : systemd));
        try {
          const [port] = line.split("\n");
          assertEquals(await ask(Number(port)), `descriptor ${how.slice(2)}, from tcp`, name);
          assertEquals((await process.status).code, 0, name);
        } finally {
          await end();
        }
      }
      // A connected socket: only Deno without the permission to look must try it out.
      const output = await run(parentOf("pair", [...command, "inherited"]));
      assertStringIncludes(
        output,
        name === BARRED ? "0 rejected: Cannot listen on descriptor 0: " : "none",
        name,
      );
    }),
});

/** Connects to a path at which something will listen soon. */
async function connectSoon(path: string): Promise<Peer> {
  for (let attempts = 0;; attempts++) {
    try {
      return await Peer.connect({ transport: "unix", path });
    } catch (error) {
      if (attempts > 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const spawnFcgiTest = { ignore: isLeftOut("the tests under spawn-fcgi", missingOf("spawn-fcgi")) };

/** The end of spawn-fcgi's arguments to start a command line; it looks for no program on the PATH, the shell does. */
function program(command: readonly string[]): string[] {
  return ["--", "/bin/sh", "-c", 'exec "$@"', "sh", ...command];
}

Deno.test(
  "Runtime.listen serves descriptor 0 when spawn-fcgi starts the process",
  spawnFcgiTest,
  () =>
    onEach("all", async (command, name, folder) => {
      const path = `${folder}/s.sock`;
      const process = new Deno.Command("spawn-fcgi", {
        args: ["-n", "-s", path, ...program([...command, "inherited"])],
        stdin: "null",
        stdout: "null",
        stderr: "null",
        signal: AbortSignal.timeout(MAX_RUN_MS),
      }).spawn();
      const peer = await connectSoon(path);
      await until(() => peer.ended, `${name} answers`);
      assertEquals(peer.text, "descriptor 0, from unix", name);
      await peer.close();
      assertEquals((await process.status).code, 0, name);
      await Deno.remove(path);
    }),
);

/** The flags (octal, as in open(2)) of the sockets that a process holds by an inode. */
function socketFlags(pid: number, inode: string): number[] {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].flatMap(({ name }) => {
    if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`) !== `socket:[${inode}]`) return [];
    const [, flags] = /^flags:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/fdinfo/${name}`)) ?? [];
    return [parseInt(flags!, 8)];
  });
}

/** The inode of the listening unix socket that was bound to `path`. */
function inodeOf(path: string): string {
  const line = Deno.readTextFileSync("/proc/net/unix").split("\n").find((line) => line.endsWith(` ${path}`));
  return line!.trim().split(/\s+/)[6]!;
}

const O_NONBLOCK = 0o4000;

for (const how of ["SIGTERM", "SIGKILL", "process.exit"] as const) {
  Deno.test(
    `Processes that share descriptor 0 are never blocked by it when one ends by ${how}`,
    spawnFcgiTest,
    () =>
      onEach("permitted", async (command, name, folder) => {
        const path = `${folder}/shared.sock`;
        const started = await new Deno.Command("spawn-fcgi", {
          args: ["-F", "3", "-s", path, ...program([...command, "shared", folder])],
          stdin: "null",
          signal: AbortSignal.timeout(MAX_RUN_MS),
        }).output();
        const pids = new Set(
          [...new TextDecoder().decode(started.stdout).matchAll(/PID: (\d+)/g)].map(([, pid]) => Number(pid)),
        );
        const gone = (pid: number): boolean => !existsSync(`/proc/${pid}/fd/1`);
        const ask = async (word: string): Promise<number> => {
          const peer = await Peer.connect({ transport: "unix", path });
          peer.socket.end(word);
          await until(() => peer.ended || peer.closed, `${name} answers`);
          await peer.close();
          return Number(peer.text.slice(word.length + 1));
        };
        try {
          assertEquals(pids.size, 3, name);
          await until(() => [...pids].every((pid) => existsSync(`${folder}/${pid}.ready`)), `${name} listens`);
          const inode = inodeOf(path);
          while (pids.size > 1) {
            if (how === "process.exit") await ask("exit");
            else Deno.kill([...pids][0]!, how);
            await until(() => [...pids].some(gone), `${name} ends`);
            for (const pid of pids) if (gone(pid)) pids.delete(pid);
            for (const pid of pids) {
              const flags = socketFlags(pid, inode);
              assertEquals([flags.length > 0, flags.every((it) => (it & O_NONBLOCK) !== 0)], [true, true], name);
            }
            for (let i = 0; i < 10; i++) assertEquals(pids.has(await ask("who")), true, name);
          }
        } finally {
          for (const pid of pids) Deno.kill(pid, "SIGKILL");
          await until(() => [...pids].every(gone), `${name} is ended`);
          await Deno.remove(path);
        }
      }),
  );
}

for (const inherited of [false, true]) {
  const name = `Listener goes on when descriptors had run out${inherited ? ", on an inherited socket" : ""}`;
  Deno.test(name, inherited ? spawnFcgiTest : {}, () =>
    onEach("permitted", async (command, name) => {
      // The limit makes it quick: the process itself uses up what it has, however much that is.
      const limited = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", ...command, "starved"];
      const spawner = ["spawn-fcgi", "-n", "-a", "127.0.0.1", "-p", String(freePort())];
      const { line, end } = await start(inherited ? [...spawner, ...program(limited)] : limited);
      const addr = { transport: "tcp", hostname: "127.0.0.1", port: Number(line) } as const;
      const peers: Peer[] = [];
      try {
        for (let i = 0; i < 10; i++) peers.push(await Peer.connect(addr));
        // Long enough for two attempts to accept.
        await new Promise((resolve) => setTimeout(resolve, 120));
        for (const peer of peers.splice(0)) await peer.close();
        let text = "";
        for (const deadline = Date.now() + MAX_RUN_MS; text === "" && Date.now() < deadline;) {
          const peer = await Peer.connect(addr);
          peer.socket.end("again");
          await until(() => peer.ended || peer.closed, `${name} answers`);
          text = peer.text;
          await peer.close();
          if (text === "") await new Promise((resolve) => setTimeout(resolve, 20));
        }
        assertEquals(text, "again", name);
      } finally {
        for (const peer of peers) await peer.close();
        await end();
      }
    }));
}
