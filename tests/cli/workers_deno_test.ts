import { freePort, isMissing, startWebServer } from "../interop/web_server.ts";
import { siteFiles, sites } from "../interop/sites.ts";
import { sleep, until } from "../helpers/waiting.ts";
import { assert, assertEquals, assertMatch } from "../std/assert.ts";
import { onEach, processesOf, type Running, type Scene } from "./command.ts";
import { appOfVersion, assertOnlyInside, FlagWatch, Load, nginxSite, workersOf } from "./workers_load.ts";

const isRoot = Deno.uid() === 0;
/** How often each thing is done: more by hand, as in WORKERS_ROUNDS=10. */
const ROUNDS = Number(Deno.env.get("WORKERS_ROUNDS") ?? 1);
const CLIENTS_OF_A_PATH = 3;

const HELLO = `import process from "node:process";
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/exit") process.exit(7);
    if (pathname === "/slow") await new Promise((resolve) => setTimeout(resolve, 500));
    return new Response(String(process.pid));
  },
};
`;

/** Starts two workers on a unix socket of the folder, with a pid file. */
async function serveHello(scene: Scene, ...args: string[]): Promise<{ running: Running; socket: string }> {
  scene.file("hello.mjs", HELLO);
  const socket = `unix:${scene.folder}/s.sock`;
  const running = await scene.start(["serve", "hello.mjs", "-l", socket, "--pid", "pid", "--workers", "2", ...args]);
  return { running, socket };
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
server { listen 80; ${unix.locations} ${tcp.locations} }`;
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
        const workers = workersOf(running.pid);
        killed.push(workers[kill % workers.length]!);
        Deno.kill(killed.at(-1)!, "SIGKILL");
        await said("(SIGKILL)", killed.length);
        await until(() => workersOf(running.pid).length === 2, "another worker");
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
    }, true),
});
