import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { isLeftOut, missingOf } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import { onEach, processesOf, type Scene } from "./command.ts";

const isRoot = Deno.uid() === 0;

const HELLO = `export default {
  async fetch(request, info) {
    const path = new URL(request.url).pathname;
    if (path === "/exit") setTimeout(() => process.exit(7), 10);
    if (path === "/throw") setTimeout(() => { throw new Error("late"); }, 10);
    if (path === "/hang") {
      console.error("it hangs");
      await new Promise(() => {});
    }
    return new Response("hello " + path);
  },
};
import process from "node:process";
`;

/** Starts the application on a unix socket of the folder, with a pid file. */
async function serveHello(scene: Scene, ...args: string[]) {
  scene.file("hello.mjs", HELLO);
  const socket = `unix:${scene.folder}/s.sock`;
  const running = await scene.start(["serve", "hello.mjs", "-l", socket, "--pid", "pid", ...args]);
  const ask = (path: string, ...more: string[]) => scene.run(["fetch", socket, path, ...more]);
  return { running, ask };
}

Deno.test("webfcgi serve says in one line where it serves, and ends at SIGTERM, SIGINT and SIGQUIT", () =>
  onEach(async (scene) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
      const { running, ask } = await serveHello(scene, "--mode", "666");
      assertMatch(
        running.line,
        /^webfcgi \S+ \(\w+ [\d.]+\) serves hello\.mjs on unix:\S+s\.sock \(mode 0666, .*\)\n$/,
      );
      assertEquals(Deno.readTextFileSync(`${scene.folder}/pid`), `${running.pid}\n`);
      assertEquals(await ask("/a"), { code: 0, stdout: "hello /a", stderr: "" });
      running.kill(signal);
      assertEquals(await running.ended, { code: 0, stdout: "", stderr: running.line });
      assertEquals(scene.names(), ["hello.mjs"]);
    }
  }));

Deno.test("webfcgi serve ends at once at a second signal, with 128 and its number", () =>
  onEach(async (scene) => {
    const { running, ask } = await serveHello(scene);
    const hanging = ask("/hang");
    await until(() => running.said().includes("it hangs"), "the request to come");
    running.kill("SIGTERM");
    await until(() => !scene.names().includes("s.sock"), "the socket to be gone");
    running.kill("SIGINT");
    assertEquals((await running.ended).code, 130);
    assertEquals((await hanging).code, 56);
    assertEquals(scene.names(), ["hello.mjs"]);
  }));

Deno.test("webfcgi serve leaves nothing behind when the application exits or throws", () =>
  onEach(async (scene) => {
    for (const [path, code] of [["/exit", 7], ["/throw", 1]] as const) {
      const { running, ask } = await serveHello(scene);
      assertEquals((await ask(path)).stdout, `hello ${path}`);
      assertEquals((await running.ended).code, code);
      assertEquals(scene.names(), ["hello.mjs"]);
    }
  }));

Deno.test("webfcgi serve says that SIGHUP and SIGUSR2 do nothing", () =>
  onEach(async (scene) => {
    const { running, ask } = await serveHello(scene);
    running.kill("SIGHUP");
    running.kill("SIGUSR2");
    assertEquals((await ask("/a")).stdout, "hello /a");
    running.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    assertEquals(code, 0);
    for (const signal of ["SIGHUP", "SIGUSR2"]) {
      assertStringIncludes(
        stderr,
        `webfcgi: ${signal} does nothing here: restart to load new code, or serve with --workers 1\n`,
      );
    }
  }));

Deno.test("webfcgi serve listens on several addresses", () =>
  onEach(async (scene) => {
    const { running } = await serveHello(scene, "-l", "0");
    const [, tcp = ""] = /, (127\.0\.0\.1:\d+)/.exec(running.line) ?? [];
    assertEquals((await scene.run(["fetch", tcp, "/b"])).stdout, "hello /b");
    running.kill("SIGTERM");
    assertEquals((await running.ended).code, 0);
  }));

Deno.test({
  name: "webfcgi serve serves the socket that it is started with",
  ignore: isLeftOut("the command's tests with systemd's sockets", missingOf("systemd-socket-activate")),
  fn: () =>
    onEach(async (scene) => {
      scene.file("hello.mjs", HELLO);
      const before = ["systemd-socket-activate", "-E", "CLI_TEST_FOLDER", "-l", `${scene.folder}/s.sock`];
      // It connects once to start it.
      const started = scene.run(["serve", "hello.mjs"], { before });
      await until(() => scene.names().includes("s.sock"), "systemd-socket-activate to listen");
      const socket = `unix:${scene.folder}/s.sock`;
      assertEquals((await scene.run(["fetch", socket, "/c"])).stdout, "hello /c");
      for (const pid of processesOf(scene.folder)) {
        try {
          Deno.kill(pid, "SIGTERM");
        } catch {
          // Ended by the first.
        }
      }
      const { code, stderr } = await started;
      assertMatch(stderr, /serves hello\.mjs on the inherited descriptor 3|serves hello\.mjs on unix:/);
      assertEquals(code, 0, stderr);
    }),
});

Deno.test("webfcgi serve loads what an application exports in each form", () =>
  onEach(async (scene) => {
    const entries = {
      "function.mjs": 'export default (request, info) => new Response("function " + info.role);',
      "named.mjs": 'export function fetch() { return new Response("named responder"); }',
      "class.mjs":
        'class A { #text = "class responder"; fetch() { return new Response(this.#text); } } export default new A();',
      "common.cjs": 'module.exports = { fetch: () => new Response("common responder") };',
      "compiled.cjs": "exports.__esModule = true; exports.default = () => new Response('compiled responder');",
    };
    for (const [name, content] of Object.entries(entries)) {
      const running = await scene.start(["serve", scene.file(name, content), "-l", `${scene.folder}/s.sock`]);
      const { stdout } = await scene.run(["fetch", `unix:${scene.folder}/s.sock`]);
      assertEquals(stdout, `${name.split(".")[0]} responder`);
      running.kill("SIGTERM");
      assertEquals((await running.ended).code, 0);
    }
  }));

Deno.test("webfcgi serve finds the entry, and plays the roles that it exports", () =>
  onEach(async (scene) => {
    scene.file(
      "app.mjs",
      `export const fetch = () => new Response("fetch");
       export const authorizer = () => new Response(null, { headers: { "Variable-A": "b" } });
       export const filter = (request, info) => new Response(info.data);`,
    );
    scene.file("index.js", "throw new Error();");
    const socket = `unix:${scene.folder}/s.sock`;
    const running = await scene.start(["serve", "-l", socket]);
    assertStringIncludes(running.line, "serves app.mjs on");
    const { stdout } = await scene.run(["fetch", socket, "--role", "authorizer", "-i"]);
    assertStringIncludes(stdout.toLowerCase(), "variable-a: b");
    running.kill("SIGTERM");
    assertEquals((await running.ended).code, 0);
  }));

Deno.test("webfcgi serve goes by the entry's own deno.json and package.json", () =>
  onEach(async (scene) => {
    if (scene.name === "deno") {
      scene.file("deno.json", '{ "imports": { "own": "./own.ts" } }');
      scene.file("own.ts", 'export const text = "mapped";');
    } else {
      scene.file("package.json", '{ "type": "module", "imports": { "#own": "./own.js" } }');
      scene.file("own.js", 'export const text = "mapped";');
    }
    const own = scene.name === "deno" ? "own" : "#own";
    scene.file("app.js", `import { text } from "${own}"; export default { fetch: () => new Response(text) };`);
    const socket = `unix:${scene.folder}/s.sock`;
    const running = await scene.start(["serve", `${scene.folder}/app.js`, "-l", socket], {
      before: ["env", "-C", "/"],
    });
    assertEquals((await scene.run(["fetch", socket])).stdout, "mapped");
    running.kill("SIGTERM");
    assertEquals((await running.ended).code, 0);
  }));

Deno.test("webfcgi serve --access-log writes a line for each request, refused ones too", () =>
  onEach(async (scene) => {
    const { running, ask } = await serveHello(scene, "--access-log=json", "--limit", "maxBodyBytes=3");
    await ask("/a?b=c", "-H", "User-Agent: test", "--param", "REMOTE_ADDR=192.0.2.1");
    await ask("/upload", "-d", "more");
    running.kill("SIGTERM");
    const lines = (await running.ended).stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    for (const { timestamp, "http.server.request.duration": duration } of lines) {
      assertMatch(timestamp, /^\d{4}-.*Z$/);
      assertEquals(typeof duration, "number");
    }
    const [answered, refused] = lines.map(({ timestamp: _, "http.server.request.duration": __, ...rest }) => rest);
    assertEquals(answered, {
      "http.request.method": "GET",
      "url.scheme": "http",
      "server.address": "localhost",
      "url.path": "/a",
      "url.query": "b=c",
      "client.address": "192.0.2.1",
      "user_agent.original": "test",
      "http.response.status_code": 200,
      "http.response.body.size": 8,
    });
    assertEquals([refused["http.request.method"], refused["url.path"]], ["POST", "/upload"]);
    assertEquals([refused["http.response.status_code"], refused["error.type"]], [413, "maxBodyBytes"]);
    assertEquals(lines.length, 2);
  }));

Deno.test({
  name: "webfcgi serve --user gives up root before the application runs, and still leaves nothing behind",
  ignore: !isRoot,
  fn: () =>
    onEach(async (scene) => {
      scene.file(
        "who.mjs",
        `import process from "node:process";
         const uid = process.getuid();
         export default () => new Response([uid, process.getuid(), process.getgid()].join(" "));`,
      );
      const socket = `unix:${scene.folder}/s.sock`;
      const running = await scene.start(["serve", "who.mjs", "-l", socket, "--user", "nobody", "--pid", "pid"]);
      assertStringIncludes(running.line, "mode 0660, owner nobody");
      assertEquals(Deno.readTextFileSync(`${scene.folder}/pid`), `${running.pid}\n`);
      assertMatch((await scene.run(["fetch", socket])).stdout, /^65534 65534 \d+$/);
      running.kill("SIGTERM");
      assertEquals((await running.ended).code, 0);
      assertEquals(scene.names(), ["who.mjs"]);
    }),
});

Deno.test({
  name: "webfcgi serve ends with its parent",
  ignore: !isRoot,
  fn: () =>
    onEach(async (scene) => {
      const { running } = await serveHello(scene, "--user", "nobody");
      running.kill("SIGKILL");
      await running.ended.catch(() => {});
      await until(() => processesOf(scene.folder).length === 0, "the child to end");
    }),
});
