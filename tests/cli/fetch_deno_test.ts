import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { findPhpFpm, isLeftOut } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import { onEach } from "./command.ts";

const ECHO = `export default {
  async fetch(request, { params }) {
    const { pathname } = new URL(request.url);
    if (pathname === "/404") return new Response("not here", { status: 404 });
    if (pathname === "/hang") await new Promise(() => {});
    if (pathname === "/broken") {
      let turn = 0;
      return new Response(new ReadableStream({
        pull(controller) {
          if (turn++ > 20) throw new Error("broken");
          controller.enqueue(new Uint8Array(100000));
        },
      }));
    }
    const { method, headers } = request;
    return Response.json({
      method, url: request.url, type: headers.get("content-type"), a: headers.get("x-a"), k: params.get("K") ?? null,
      script: params.get("SCRIPT_FILENAME") ?? null, body: await request.text(),
    });
  },
  onError() {},
};`;

Deno.test("webfcgi fetch sends what it is told, and ends with curl's exit codes", () =>
  onEach(async (scene) => {
    scene.file("echo.mjs", ECHO);
    scene.file("data", "from a file");
    const socket = `unix:${scene.folder}/s.sock`;
    const running = await scene.start(["serve", "echo.mjs", "-l", socket]);
    const ask = (args: string[], stdin = "") => scene.run(["fetch", socket, ...args], { stdin });
    const sent = async (...args: Parameters<typeof ask>) => JSON.parse((await ask(...args)).stdout);

    const nothing = { type: null, a: null, k: null, script: null, body: "" };
    assertEquals(await sent([]), { ...nothing, method: "GET", url: "http://localhost/" });
    assertEquals(await sent(["https://example.org/a?b"]), {
      ...nothing,
      method: "GET",
      url: "https://example.org/a?b",
    });
    const type = "application/x-www-form-urlencoded";
    const url = "http://localhost/p";
    assertEquals(await sent(["/p", "-d", "a=1", "-d@data"]), {
      ...nothing,
      ...{ method: "POST", url, type, body: "a=1&from a file" },
    });
    assertEquals(
      await sent(["/p", "-XPUT", "-H", "X-A: b", "-H", "content-type: text/plain", "-d", "-"], "standard input"),
      {
        ...nothing,
        ...{ method: "PUT", url, type: "text/plain", a: "b", body: "standard input" },
      },
    );
    assertEquals(await sent(["/p", "--param", "K=v=w", "--script", "/srv/x.php"]), {
      ...nothing,
      ...{ method: "GET", url, k: "v=w", script: "/srv/x.php" },
    });
    const { stdout } = await ask(["-i", "/404"]);
    assertMatch(stdout, /^Status: 404 Not Found\n(?:[\w-]+: .*\n)+\nnot here$/);

    assertEquals((await ask(["/404"])).code, 22);
    const late = await ask(["/hang", "--timeout", "300ms"]);
    assertEquals([late.code, late.stderr.split("\n").length], [28, 2], late.stderr);
    assertEquals((await ask(["/broken"])).code, 56);
    running.kill("SIGTERM");
    await running.ended;
    const gone = await ask([]);
    assertEquals(gone.code, 7);
    assertStringIncludes(gone.stderr, "nothing is there; is the application running? (ENOENT)");
  }));

Deno.test("webfcgi fetch -v prints the records in both directions", () =>
  onEach(async (scene) => {
    scene.file(
      "app.mjs",
      'export default (r, info) => { info.log("a line"); return new Response("body", { headers: { "x-y": "z" } }); };',
    );
    const socket = `unix:${scene.folder}/s.sock`;
    const running = await scene.start(["serve", "app.mjs", "-l", socket]);
    const { code, stdout, stderr } = await scene.run(["fetch", socket, "/a", "-v", "-d", "x"]);
    assertEquals([code, stdout], [0, "body"]);
    for (
      const line of [
        "> BEGIN_REQUEST 1, 8 bytes\n>   role RESPONDER, flags 0\n",
        "> PARAMS 1, its end\n>   ",
        "\n>   REQUEST_METHOD=POST\n",
        "> STDIN 1, 1 bytes\n> STDIN 1, its end\n",
        "\n<   x-y: z\n",
        "<   Status: 200 OK\n",
        "<   a line\n",
        "< END_REQUEST 1, 8 bytes\n<   appStatus 0, protocolStatus REQUEST_COMPLETE\n",
      ]
    ) assertStringIncludes(stderr, line);
    running.kill("SIGTERM");
    await running.ended;
  }));

const phpFpm = findPhpFpm();

Deno.test({
  name: "webfcgi fetch and status check the health of PHP-FPM",
  ignore: isLeftOut("the command's tests with PHP-FPM", phpFpm === undefined ? "php-fpm" : undefined),
  fn: () =>
    onEach(async (scene) => {
      const socket = `${scene.folder}/fpm.sock`;
      const config = scene.file(
        "fpm.conf",
        `[global]\ndaemonize = no\nerror_log = ${scene.folder}/log\n[www]\nlisten = ${socket}\npm = static\n` +
          "pm.max_children = 1\nping.path = /ping\nuser = nobody\ngroup = nogroup\n",
      );
      const fpm = new Deno.Command(phpFpm!, { args: ["-R", "-y", config], stderr: "null" }).spawn();
      try {
        await until(() => scene.names().includes("fpm.sock"), "PHP-FPM to listen");
        assertEquals(await scene.run(["fetch", `unix:${socket}`, "/ping", "--script", "/ping"]), {
          ...{ code: 0, stdout: "pong", stderr: "" },
        });
        assertEquals((await scene.run(["fetch", `unix:${socket}`, "/x.php", "--script", "/nowhere/x.php"])).code, 22);
        const { code, stdout } = await scene.run(["status", `unix:${socket}`, "--json"]);
        assertEquals([code, JSON.parse(stdout)], [0, { multiplex: false }]);
      } finally {
        fpm.kill("SIGTERM");
        await fpm.status;
      }
    }),
});
