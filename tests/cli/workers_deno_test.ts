import { createClient } from "../../src/client.ts";
import { isRunning } from "../interop/processes.ts";
import { freePort, isMissing, startWebServer } from "../interop/web_server.ts";
import { answers, findProgram, isLeftOut } from "../helpers/programs.ts";
import { siteFiles, sites } from "../interop/sites.ts";
import { sleep, until } from "../helpers/waiting.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../std/assert.ts";
import { onEach, processesOf, type Running, type Scene } from "./command.ts";
import { appOfVersion, assertOnlyInside, FlagWatch, Load, nginxSite, workersOf } from "./workers_load.ts";

const isRoot = Deno.uid() === 0;
/** How often each thing is done: more by hand, as in WORKERS_ROUNDS=10. */
const ROUNDS = Number(Deno.env.get("WORKERS_ROUNDS") ?? 1);
const mod = new URL("../../mod.ts", import.meta.url).href;
/** Where more would tell nothing new. */
const SOME = { runtimes: ["deno", "bun", "node24"], bundled: true } as const;
const CLIENTS_OF_A_PATH = 3;

const HELLO = `import { writeFileSync } from "node:fs";
import process from "node:process";
process.send?.("an application's own message");
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/exit") process.exit(7);
    if (pathname === "/slow") {
      writeFileSync("asked", "");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    if (pathname === "/user") return new Response(process.getuid() + " " + process.getgroups());
    return new Response(String(process.pid));
  },
};
`;

interface Served {
  readonly running: Running;
  readonly path: string;
  /** Asks for a URL's path; gives back the body. */
  ask(url: string): Promise<string>;
  /** Asks for what takes a while; resolves, once the application has been asked, with the promise of the answer. */
  askSlow(): Promise<{ answer: Promise<string> }>;
}

/** Starts two workers on a unix socket of the folder, with a pid file. */
async function serveHello(scene: Scene, ...args: string[]): Promise<Served> {
  scene.file("hello.mjs", HELLO);
  const path = `${scene.folder}/s.sock`;
  const running = await scene.start([
    ...["serve", "hello.mjs", "-l", `unix:${path}`, "--pid", "pid", "--workers", "2"],
    ...args,
  ], { maxRunMs: 60_000 });
  return {
    running,
    path,
    ask: (url) => ask(path, url),
    async askSlow() {
      const answer = ask(path, "/slow");
      answer.catch(() => {});
      await until(() => scene.names().includes("asked"), "the request to be read");
      Deno.removeSync(`${scene.folder}/asked`);
      return { answer };
    },
  };
}

async function ask(path: string, url: string): Promise<string> {
  const client = createClient({ path });
  try {
    return await (await client.fetch(`http://localhost${url}`)).text();
  } finally {
    await client.close();
  }
}

Deno.test({
  name: "webfcgi serve --workers loses no request in reloads, and none but those inside a worker that is killed",
  ignore: isMissing("nginx"),
  fn: () =>
    onEach(async (scene) => {
      const path = `${scene.folder}/s.sock`;
      const port = freePort();
      scene.file("app.mjs", appOfVersion(0));
      scene.file("log", "");
      const running = await scene.start([
        ...["serve", "app.mjs", "--workers", "2", "--mode", "666"],
        ...["-l", `unix:${path}`, "-l", String(port)],
      ], { maxRunMs: 20_000 + ROUNDS * 10_000 });
      const said = (text: string, times: number): Promise<void> =>
        until(() => running.said().split(text).length > times, `"${text}" in ${running.said()}`, 20_000);
      const unix = nginxSite("unix", `unix:${path}`);
      const tcp = nginxSite("tcp", `127.0.0.1:${port}`);
      const files = await siteFiles(sites.find(({ name }) => name === "plain root")!);
      const site = `${unix.upstream}\n${tcp.upstream}
server {
listen 80;
${unix.locations} ${tcp.locations} }`;
      await using web = await startWebServer("nginx", site, files);
      const paths = ["/unix/kept/", "/unix/new/", "/tcp/kept/", "/tcp/new/"];
      await using load = new Load(web.port, [
        ...Array.from({ length: CLIENTS_OF_A_PATH }, () => paths).flat(),
        ...paths.map((path) => `${path}slow`),
      ]);
      using flags = new FlagWatch(running.pid);
      const started = Date.now();
      for (let version = 1; version <= ROUNDS; version++) {
        scene.file("app.mjs", appOfVersion(version));
        running.kill("SIGHUP");
        await said("reloaded", version);
      }
      scene.file("app.mjs", "export default {");
      running.kill("SIGHUP");
      await said("the code is not reloaded", 1);
      assertEquals([...load.failed], [], running.said());
      scene.file("app.mjs", appOfVersion(ROUNDS));
      const killed: number[] = [];
      for (let kill = 0; kill < ROUNDS; kill++) {
        await until(() => workersOf(running.pid).length === 2, "two workers");
        const workers = workersOf(running.pid);
        killed.push(workers[kill % workers.length]!);
        Deno.kill(killed.at(-1)!, "SIGKILL");
        await said("(SIGKILL)", killed.length);
        await sleep(ROUNDS === 1 ? 100 : 1000);
      }
      await load[Symbol.asyncDispose]();
      flags.check();
      // One of each client's at a time.
      assertOnlyInside(load, `${scene.folder}/log`, killed, killed.length * (CLIENTS_OF_A_PATH + 1) * paths.length);
      for (const [path, version] of load.versions) assertEquals([path, version], [path, `version ${ROUNDS}`]);
      if (ROUNDS > 1) {
        const seconds = ((Date.now() - started) / 1000).toFixed(1);
        const what = `${load.answered} requests answered in ${seconds} s, ${load.failed.size} failed inside`;
        console.log(`${scene.name}: ${what} ${killed.length} killed workers; O_NONBLOCK seen ${flags.looks} times`);
      }
      running.kill("SIGTERM");
      assertEquals((await running.ended).code, 0);
      assertEquals(scene.names(), ["app.mjs", "log"]);
    }, { bundled: true }),
});

Deno.test("webfcgi serve --workers ends as it is told to, answers first, and leaves nothing behind", () =>
  onEach(async (scene) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { running, askSlow } = await serveHello(scene);
      assertMatch(running.line, /^webfcgi \S+ \(.*\) serves hello\.mjs on unix:\S+s\.sock \(.*\) by 2 workers\n$/);
      assertEquals(Deno.readTextFileSync(`${scene.folder}/pid`), `${running.pid}\n`);
      const { answer } = await askSlow();
      // A terminal sends it to all, in any order.
      if (signal === "SIGINT") { for (const pid of workersOf(running.pid)) Deno.kill(pid, signal); }
      running.kill(signal);
      assertMatch(await answer, /^\d+$/);
      assertEquals(await running.ended, { code: 0, stdout: "", stderr: running.line });
      assertEquals(scene.names(), ["hello.mjs"]);
    }
  }, { runtimes: SOME.runtimes }));

Deno.test("webfcgi serve --workers ends at once at a second signal, with 128 and its number", () =>
  onEach(async (scene) => {
    const { running, askSlow } = await serveHello(scene);
    const { answer } = await askSlow();
    running.kill("SIGTERM");
    await until(() => workersOf(running.pid).length === 1, "the other worker to end");
    assertEquals(scene.names(), ["hello.mjs", "pid"]);
    running.kill("SIGINT");
    assertEquals((await running.ended).code, 130);
    await assertRejects(() => answer);
    assertEquals(scene.names(), ["hello.mjs"]);
  }, SOME));

Deno.test("webfcgi serve --workers leaves no worker, socket or pid file when the parent is killed", () =>
  onEach(async (scene) => {
    const { running, askSlow } = await serveHello(scene);
    const { answer } = await askSlow();
    running.kill("SIGKILL");
    assertMatch(await answer, /^\d+$/);
    assertEquals((await running.ended).code, 137);
    await until(() => processesOf(scene.folder).length === 0, "the workers to end");
    assertEquals(scene.names(), ["hello.mjs"]);
  }, SOME));

Deno.test("webfcgi serve --workers starts another worker when one ends, reloads at SIGUSR2, and sums what workers do", () =>
  onEach(async (scene) => {
    const { running, ask, path } = await serveHello(scene);
    for (let times = 0; times < 5; times++) await ask("/");
    const status = async (): Promise<Record<string, unknown>> =>
      JSON.parse((await scene.run(["status", path, "--json"])).stdout);
    // Each worker knows of the others with a delay of seconds.
    await until(async () => (await status()).requestsTotal === 5, "the sum of requests");
    assertEquals((await status()).workers, 2);
    await assertRejects(() => ask("/exit"));
    await until(() => running.said().includes("ended (exit code 7); another one is started"), "a word of it");
    assertMatch(await ask("/"), /^\d+$/);
    await until(() => workersOf(running.pid).length === 2, "two workers");
    const old = workersOf(running.pid);
    running.kill("SIGUSR2");
    await until(() => workersOf(running.pid).every((pid) => !old.includes(pid)), "new workers");
    await until(() => running.said().includes("reloaded"), "a word of it");
    running.kill("SIGTERM");
    assertEquals((await running.ended).code, 0);
  }, SOME));

Deno.test("webfcgi serve --workers says once what is wrong, with the exit code that says it too", () =>
  onEach(async (scene) => {
    scene.file("hello.mjs", HELLO);
    scene.file("broken.mjs", "export default {");
    scene.file("throwing.mjs", "throw new Error('no database');");
    scene.file("serving.mjs", `import { serve } from "${mod}";\nserve(() => new Response());`);
    using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = other.addr;
    const socket = `unix:${scene.folder}/s.sock`;
    for (
      const [args, code, message] of [
        [["broken.mjs", "-l", socket], 4, /Cannot load broken\.mjs: /],
        [["throwing.mjs", "-l", socket], 4, /Cannot load throwing\.mjs: (?:Error: )?no database/],
        [["serving.mjs", "-l", socket], 4, /webfcgi serve, which loads this program, serves it/],
        [["hello.mjs", "-l", String(port)], 3, new RegExp(`Cannot listen on 127.0.0.1:${port}: .*(EADDRINUSE)`)],
        [["hello.mjs", "-l", "192.0.2.1:9000"], 3, /Cannot listen on 192\.0\.2\.1:9000: this machine has no such/],
        [["hello.mjs", "-l", "/no/such/s.sock"], 3, /Cannot listen on unix:\/no\/such\/s\.sock: .*(ENOENT)/],
        [["hello.mjs", "-l", socket, "--max-memory", "much"], 2, /--max-memory is "much"; write a size/],
      ] as const
    ) {
      const { code: ended, stdout, stderr } = await scene.run(["serve", "--workers", "2", "--pid", "pid", ...args]);
      assertEquals([ended, stdout], [code, ""], stderr);
      assertMatch(stderr, message);
      assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
    }
    assertEquals(scene.names(), ["broken.mjs", "hello.mjs", "serving.mjs", "throwing.mjs"]);
  }, SOME));

Deno.test("webfcgi serve gives each worker a socket of its own for %n, and replaces workers by age", () =>
  onEach(async (scene) => {
    scene.file("hello.mjs", HELLO);
    const running = await scene.start([
      ...["serve", "hello.mjs", "-l", `unix:${scene.folder}/%n.sock`],
      ...["--workers", "2", "--max-age", "1s"],
    ]);
    assertEquals(scene.names(), ["1.sock", "2.sock", "hello.mjs"]);
    const pids = new Map<number, Set<string>>([[1, new Set()], [2, new Set()]]);
    await until(async () => {
      for (const [place, seen] of pids) seen.add(await ask(`${scene.folder}/${place}.sock`, "/"));
      return [...pids.values()].every((seen) => seen.size > 1);
    }, "other workers");
    for (const pid of pids.get(1)!) assert(!pids.get(2)!.has(pid), "each worker has its own socket alone");
    running.kill("SIGTERM");
    assertEquals(await running.ended, { code: 0, stdout: "", stderr: running.line });
    assertEquals(scene.names(), ["hello.mjs"]);
  }, SOME));

Deno.test("webfcgi serve --watch waits for code that starts, and loads it when it changes, in new folders too", () =>
  onEach(async (scene) => {
    const path = `${scene.folder}/s.sock`;
    const answer = (text: string): Promise<void> =>
      until(async () => await ask(path, "/").catch(() => "") === text, `the answer ${text}`);
    const save = (name: string, text: string): void => {
      // As editors do.
      scene.file(`${name}~`, text);
      Deno.renameSync(`${scene.folder}/${name}~`, `${scene.folder}/${name}`);
    };
    scene.file("app.mjs", "export default {");
    const running = await scene.start(["serve", "app.mjs", "-l", path, "--watch"], { until: /waiting for other code/ });
    save("app.mjs", "export default () => new Response('one');");
    await answer("one");
    Deno.mkdirSync(`${scene.folder}/lib/deep`, { recursive: true });
    scene.file("lib/deep/text.mjs", "export const text = 'two';");
    save("app.mjs", "import { text } from './lib/deep/text.mjs'; export default () => new Response(text);");
    await answer("two");
    for (const text of ["three", "four"]) {
      save("lib/deep/text.mjs", `export const text = '${text}';`);
      // What is no code and comes right after code does not hide it.
      scene.file("lib/deep/sedAbCdEf", text);
      await answer(text);
    }
    running.kill("SIGTERM");
    assertEquals((await running.ended).code, 0);
  }, SOME));

Deno.test({
  name: "webfcgi serve --workers --user gives up root in the workers, and owns what it has to remove",
  ignore: !isRoot,
  fn: () =>
    onEach(async (scene) => {
      const { running, ask, path } = await serveHello(scene, "--user", "nobody");
      assertMatch(await ask("/user"), /^65534 (?:65534)?$/);
      assertEquals(Deno.lstatSync(path).uid, 65534);
      running.kill("SIGTERM");
      assertEquals((await running.ended).code, 0);
      assertEquals(scene.names(), ["hello.mjs"]);
    }, SOME),
});

Deno.test({
  name: "webfcgi serve --workers kills a worker that hangs",
  ignore: ROUNDS === 1,
  fn: () =>
    onEach(async (scene) => {
      const { running, ask } = await serveHello(scene);
      const [hanging = 0] = workersOf(running.pid);
      Deno.kill(hanging, "SIGSTOP");
      await until(() => running.said().includes(`worker ${hanging} has not answered for 30 s`), "a word of it", 40_000);
      await until(() => workersOf(running.pid).length === 2 && !isRunning(hanging), "another worker");
      assertMatch(await ask("/"), /^\d+$/);
      running.kill("SIGTERM");
      assertEquals((await running.ended).code, 0);
    }, SOME),
});

const STARTERS = [
  { program: "spawn-fcgi", args: (path: string) => ["-n", "-s", path, "--", "/usr/bin/env"], fd: 0 },
  { program: "systemd-socket-activate", args: (path: string) => ["-l", path], fd: 3 },
] as const;

for (const { program, args, fd } of STARTERS) {
  Deno.test({
    name: `webfcgi serve --workers shares the socket that ${program} has opened`,
    ignore: isLeftOut(`the workers' test with ${program}`, findProgram(program) === undefined ? program : undefined),
    fn: () =>
      onEach(async (scene) => {
        scene.file("hello.mjs", HELLO);
        const path = `${scene.folder}/s.sock`;
        const starting = scene.start(["serve", "hello.mjs", "--workers", "2"], { before: [program, ...args(path)] });
        // Started by the first who connects, or at once.
        await until(() => answers(path), "the socket");
        const running = await starting;
        assertMatch(running.line, new RegExp(` on the inherited descriptor ${fd} by 2 workers\n$`));
        assertMatch(await ask(path, "/"), /^\d+$/);
        using flags = new FlagWatch(running.pid);
        const [worker] = workersOf(running.pid);
        Deno.kill(worker!, "SIGKILL");
        await until(() => running.said().includes("SIGKILL") && workersOf(running.pid).length === 2, "another worker");
        running.kill("SIGHUP");
        await until(() => running.said().includes("reloaded"), "new workers");
        assertMatch(await ask(path, "/"), /^\d+$/);
        flags.check();
        running.kill("SIGTERM");
        assertEquals((await running.ended).code, 0);
        // Its file is another program's.
        assertEquals(scene.names(), ["hello.mjs", "s.sock"]);
      }, SOME),
  });
}
