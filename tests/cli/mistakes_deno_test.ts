// Every mistake is one clear line, the right exit code, and nothing left behind.

import { assertEquals, assertStringIncludes } from "../std/assert.ts";
import { onEach, type Scene } from "./command.ts";

const isRoot = Deno.uid() === 0;

interface Mistake {
  readonly args: readonly string[];
  readonly code: number;
  /** What the line says; by runtime where runtimes word it differently. */
  readonly says: string | readonly string[];
}

/** Runs all, two at a time, and compares. */
async function check(scene: Scene, mistakes: readonly Mistake[]): Promise<void> {
  const before = scene.names();
  const left = [...mistakes];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { args, code, says } = next;
      const what = `webfcgi ${args.join(" ")}`;
      const ended = await scene.run(args);
      assertEquals([ended.code, ended.stdout], [code, ""], `${what}: ${ended.stderr}`);
      assertEquals(ended.stderr.trimEnd().split("\n").length, 1, `${what}: ${ended.stderr}`);
      assertEquals(ended.stderr.startsWith("webfcgi"), true, ended.stderr);
      for (const part of [says].flat()) assertStringIncludes(ended.stderr, part, what);
    }
  };
  await Promise.all([work(), work()]);
  assertEquals(scene.names(), before);
}

Deno.test("webfcgi names what is wrong with a command line", () =>
  onEach(async (scene) => {
    scene.file("app.mjs", "export default () => new Response();");
    await check(scene, [
      { args: ["serv"], code: 2, says: 'there is no command "serv"; did you mean serve?' },
      { args: ["app.mjs"], code: 2, says: "write webfcgi serve app.mjs" },
      { args: ["--verbose"], code: 2, says: "there is no option --verbose; see webfcgi --help" },
      { args: ["serve", "--port", "9"], code: 2, says: "there is no option --port; did you mean --listen?" },
      { args: ["serve", "--limits", "a=b"], code: 2, says: "did you mean --limit?" },
      { args: ["serve", "-z"], code: 2, says: "there is no option -z; see webfcgi serve --help" },
      { args: ["serve", "a", "b"], code: 2, says: '"b" is one argument too many' },
      { args: ["serve", "--mode"], code: 2, says: "--mode needs a value; write --mode MODE" },
      { args: ["serve", "--mode", "999"], code: 2, says: "write a mode of three octal digits, such as 660" },
      { args: ["serve", "--mode=660", "--mode=666"], code: 2, says: "--mode is given twice" },
      { args: ["serve", "--quiet=1"], code: 2, says: "--quiet takes no value" },
      { args: ["serve", "--access-log=xml"], code: 2, says: '--access-log is "xml"; write text or json' },
      {
        args: ["serve", "-l", "nowhere"],
        code: 2,
        says: 'Cannot read address: "nowhere" is not an address; write "9000"',
      },
      { args: ["serve", "--limit", "maxBodyBytes"], code: 2, says: "write NAME=VALUE" },
      { args: ["serve", "--limit", "maxBody=1M"], code: 2, says: "did you mean maxBodyBytes?" },
      { args: ["serve", "--limit", "requestTimeoutMs=30"], code: 2, says: "write a time with its unit" },
      { args: ["serve", "--workers", "many"], code: 2, says: '--workers is "many"; write auto, or a number from 1' },
      { args: ["serve", "--workers", "none"], code: 2, says: '--workers is "none"; write auto, or a number from 1' },
      { args: ["serve", "-l", "0", "--mode", "660"], code: 2, says: "mode is an option of a unix socket" },
      { args: ["serve", "-l", "0", "--mount", "app"], code: 2, says: 'mount is "app"; write "" or a path' },
      { args: ["serve", "-l", "0", "--allow-peers", "lan"], code: 2, says: 'allowedPeers has "lan" in it' },
      { args: ["serve", "--user", "nobody-such"], code: 2, says: "there is no such user in /etc/passwd" },
      { args: ["fetch"], code: 2, says: "ADDRESS is missing; see webfcgi fetch --help" },
      { args: ["fetch", "9000", "path"], code: 2, says: 'PATH is "path"; write /path or a whole URL' },
      { args: ["fetch", "9000", "--role", "judge"], code: 2, says: "write responder, authorizer, filter" },
      { args: ["fetch", "9000", "-d", "@missing"], code: 2, says: "-d @missing cannot be read" },
      { args: ["fetch", "9000", "-H", "nonsense"], code: 2, says: "write a field such as" },
      { args: ["bridge", "9000", "--root", "missing"], code: 2, says: "--root missing is no folder" },
      { args: ["bridge", "9000", "--port", "http"], code: 2, says: '--port is "http"; write 8080' },
      { args: ["status", "9000", "--json", "--prometheus"], code: 2, says: "not both" },
    ]);
  }));

Deno.test("webfcgi serve names what is wrong with an entry", () =>
  onEach(async (scene) => {
    const entries = {
      "none.mjs": "export const x = 1;",
      "number.mjs": "export default 5;",
      "object.mjs": "export default {};",
      "promise.mjs": "export default Promise.resolve({});",
      "throws.mjs": '\nthrow new Error("broken\\nin two");',
      "missing.mjs": 'import "./nowhere.mjs"; export default () => {};',
      "syntax.mjs": "export default {\n  fetch( };\n",
      "node.mjs": "export default (req, res) => res.end();",
      "express.mjs": "const app = () => {}; app.listen = () => {}; export default app;",
      "koa.mjs": "export default { listen() {}, callback() {} };",
    };
    for (const [name, content] of Object.entries(entries)) scene.file(name, content);
    Deno.mkdirSync(`${scene.folder}/empty`);
    const fault = (args: readonly string[], ...says: string[]): Mistake => ({
      args: ["serve", ...args, "-l", `${scene.folder}/s.sock`],
      code: 4,
      says,
    });
    await check(scene, [
      fault([], "there is no server, main, app, index with .ts, .mts, .js, .mjs here"),
      fault(["empty"], "in empty; name the application's file"),
      fault(["nowhere.mjs"], "there is no file nowhere.mjs"),
      fault(["none"], "did you mean none.mjs?"),
      fault(["none.mjs"], "none.mjs exports no handler; write export default {"),
      fault(["number.mjs"], "has a default export that is a number"),
      fault(["object.mjs"], "an object without fetch"),
      fault(["promise.mjs"], "exports a promise; write export default await"),
      fault(["throws.mjs"], "Cannot load throws.mjs: broken", "throws.mjs:2"),
      fault(["missing.mjs"], "nowhere.mjs", "missing.mjs"),
      fault(["syntax.mjs"], "Cannot load syntax.mjs: "),
      fault(["node.mjs"], "an application for node:http", "toFetchHandler(app)"),
      fault(["express.mjs"], "an application for node:http", "toFetchHandler(app)"),
      fault(["koa.mjs"], "toFetchHandler(app.callback())"),
    ]);
  }));

Deno.test("webfcgi serve names what is wrong with an address", () =>
  onEach(async (scene) => {
    scene.file("app.mjs", "export default () => new Response();");
    scene.file("file", "");
    const socket = `${scene.folder}/live.sock`;
    const running = await scene.start(["serve", "app.mjs", "-l", socket, "-l", "0"]);
    const [, port = ""] = /127\.0\.0\.1:(\d+)/.exec(running.line) ?? [];
    const fault = (args: readonly string[], ...says: string[]): Mistake => ({
      args: ["serve", "app.mjs", ...args, "--pid", `${scene.folder}/pid`],
      code: 3,
      says,
    });
    await check(scene, [
      fault(["-l", port], `Cannot listen on 127.0.0.1:${port}: another process listens there`),
      fault(["-l", socket], "another process listens there; stop it (EADDRINUSE)"),
      // The first address is given up with the second.
      fault(["-l", `${scene.folder}/new.sock`, "-l", port], "another process listens there"),
      fault(["-l", `${scene.folder}/file`], "a file that is no socket is there"),
      fault(["-l", `${scene.folder}/none/s.sock`], "does not exist; create it first"),
      fault(["-l", `${scene.folder}/s.sock`, "--group", "no-such-group"], "there is no group no-such-group"),
      fault(["-l", "fd:217"], "no such descriptor is open"),
      { ...fault(["-l", `${scene.folder}/s.sock`, "--pid=/nowhere/pid"]), code: 2, says: "--pid is given twice" },
      {
        args: ["serve", "app.mjs", "-l", `${scene.folder}/s.sock`, "--pid=/nowhere/pid"],
        code: 1,
        says: "Cannot write --pid",
      },
    ]);
    running.kill("SIGTERM");
    assertEquals((await running.ended).code, 0);
  }));

Deno.test({
  name: "webfcgi serve names what it has no permission for",
  ignore: !isRoot,
  fn: () =>
    onEach(async (scene) => {
      scene.file("app.mjs", "export default () => new Response();");
      const secret = scene.file("secret.mjs", "export default () => new Response();");
      Deno.chmodSync(secret, 0o600);
      // setpriv itself still gets at what nobody may not.
      const before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", 'exec "$0" "$@"'];
      const env = { HOME: "/tmp", DENO_DIR: "/tmp/.deno-nobody", DENO_NO_UPDATE_CHECK: "1" };
      const runAs = (...args: string[]) => scene.run(["serve", ...args], { before, env });
      const probe = await scene.run(["--version"], { before, env });
      if (probe.code !== 0) return console.log(`skipped: ${scene.name} (it lies where nobody may not look)`);
      for (
        const [args, code, says] of [
          [["app.mjs", "-l", `${scene.folder}/s.sock`], 3, "permission denied; give this user the right to write"],
          [["secret.mjs", "-l", "0"], 4, "Cannot load secret.mjs"],
          [["app.mjs", "-l", "0", "--user", "root"], 2, "only root may become another user"],
        ] as const
      ) {
        const ended = await runAs(...args);
        assertEquals(ended.code, code, ended.stderr);
        assertStringIncludes(ended.stderr, says);
        assertEquals(ended.stderr.trimEnd().split("\n").length, 1, ended.stderr);
      }
    }),
});

Deno.test("webfcgi --help and --version say so on standard output", () =>
  onEach(async (scene) => {
    for (const name of ["serve", "fetch", "bridge", "status"]) {
      const { code, stdout, stderr } = await scene.run([name, "--help"]);
      assertEquals([code, stderr], [0, ""]);
      assertStringIncludes(stdout, `Usage: webfcgi ${name} `);
      assertStringIncludes(stdout, `  webfcgi ${name} `);
    }
    assertStringIncludes((await scene.run(["--help"])).stdout, "Commands:\n  serve [ENTRY] ");
    const { version } = JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)));
    assertEquals((await scene.run(["--version"])).stdout, `webfcgi ${version}\n`);
    const { code, stdout, stderr } = await scene.run([]);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, "Usage: webfcgi COMMAND");
  }));
