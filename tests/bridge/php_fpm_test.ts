/** A whole PHP site behind the bridge and the runtime's own HTTP server: a real PHP-FPM, a front controller, files. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { bridge } from "@webfcgi/webfcgi/bridge";
import { createClient } from "@webfcgi/webfcgi/client";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { isPhpMissing, type PhpFpm, startPhpFpm } from "../client/php_fpm.ts";
import { type HttpFront, rawRequest, startFront } from "./http_front.ts";
import { bounded } from "../helpers/waiting.ts";

const ignore = isPhpMissing();

const scripts = {
  "public/index.php": `<?php
    session_start();
    $path = parse_url($_SERVER["REQUEST_URI"], PHP_URL_PATH);
    if ($path === "/login") { $_SESSION["user"] = $_POST["user"]; http_response_code(303); header("Location: /me"); }
    elseif ($path === "/me") echo $_SESSION["user"] ?? "nobody";
    elseif ($path === "/server") { header("Content-Type: application/json"); echo json_encode($_SERVER); }
    elseif ($path === "/upload") {
      header("Content-Type: application/json");
      $f = $_FILES["file"];
      echo json_encode([$_POST["name"], $f["name"], $f["size"], $f["error"], md5_file($f["tmp_name"])]);
    }
    elseif ($path === "/raw") echo strlen(file_get_contents("php://input"));
    elseif ($path === "/long") for ($i = 0; $i < 64; $i++) echo str_repeat(chr(65 + $i % 26), 65536);
    else { http_response_code(404); echo "no route ", $path; }`,
  "public/page.php": `<?php echo "page ", $_SERVER["SCRIPT_NAME"], " ", $_SERVER["PATH_INFO"], " ",
    $_SERVER["PATH_TRANSLATED"] ?? "-";`,
  "public/docs/index.php": `<?php echo "docs ", $_SERVER["PHP_SELF"];`,
  "public/plain/index.html": "<p>plain</p>",
  "public/style.css": "body { color: teal }\n",
  "public/avatar.jpg": `<?php echo "EXECUTED";`,
  "public/old.php.bak": `<?php $password = "SECRET";`,
  "public/old.php74": `<?php $password = "SECRET";`,
  "public/db.inc": `<?php $password = "SECRET";`,
  "public/extensionless": `<?php echo "EXECUTED";`,
  "public/.env": "SECRET",
  "config.php": `<?php $password = "SECRET";`,
};

/** What a test has. */
interface SiteScene {
  readonly php: PhpFpm;
  readonly front: HttpFront;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  text(path: string, init?: RequestInit): Promise<string>;
}

function siteTest(name: string, body: (scene: SiteScene) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    fn: async () => {
      const php = await startPhpFpm(scripts);
      const client = createClient({ path: php.path, onStderr() {} });
      const front = await startFront(bridge(client, { root: join(php.root, "public") }));
      const fetch = (path: string, init?: RequestInit): Promise<Response> =>
        bounded(globalThis.fetch(`http://127.0.0.1:${front.port}${path}`, init), `an answer to ${path}`);
      const text = async (path: string, init?: RequestInit): Promise<string> => (await fetch(path, init)).text();
      try {
        await body({ php, front, fetch, text });
      } finally {
        await bounded(front.close(), "the HTTP server to close");
        await bounded(client.close(), "the client to close");
        await php[Symbol.asyncDispose]();
      }
    },
  });
}

siteTest(
  "bridge runs a PHP site with a front controller, a session and an upload",
  async ({ php, front, fetch, text }) => {
    const root = join(php.root, "public");
    assertEquals(await text("/me"), "nobody");
    const login = await fetch("/login", {
      method: "POST",
      body: new URLSearchParams({ user: "anna" }),
      redirect: "manual",
    });
    await login.body?.cancel();
    assertEquals([login.status, login.headers.get("location")], [303, "/me"]);
    const cookie = login.headers.getSetCookie()[0]!.split(";")[0]!;
    assertEquals(await text("/me", { headers: { cookie } }), "anna");

    const server = await (await fetch("/server?a=b%20c")).json();
    const expected: Record<string, string> = {
      REQUEST_METHOD: "GET",
      REQUEST_URI: "/server?a=b%20c",
      QUERY_STRING: "a=b%20c",
      SCRIPT_NAME: "/index.php",
      PHP_SELF: "/index.php",
      SCRIPT_FILENAME: join(root, "index.php"),
      DOCUMENT_ROOT: root,
      REMOTE_ADDR: "127.0.0.1",
      SERVER_NAME: "127.0.0.1",
      SERVER_PORT: String(front.port),
      HTTP_HOST: `127.0.0.1:${front.port}`,
    };
    for (const [name, value] of Object.entries(expected)) assertEquals([name, server[name]], [name, value]);
    assertMatch(server.REMOTE_PORT, /^\d+$/);

    const file = new Uint8Array(2_000_000).fill(65);
    const form = new FormData();
    form.set("name", "avatar");
    form.set("file", new Blob([file]), "a.txt");
    const upload = await fetch("/upload", { method: "POST", body: form });
    assertEquals(await upload.json(), ["avatar", "a.txt", 2_000_000, 0, createHash("md5").update(file).digest("hex")]);
    assertEquals(await text("/raw", { method: "PUT", body: file }), "2000000");
    assertEquals((await text("/long")).length, 64 * 65_536);
  },
);

siteTest("bridge serves a PHP site's files and scripts, and nothing else", async ({ php, front, fetch, text }) => {
  const root = join(php.root, "public");
  const style = await fetch("/style.css");
  assertEquals([style.headers.get("content-type"), await style.text()], [
    "text/css;charset=utf-8",
    "body { color: teal }\n",
  ]);
  const etag = style.headers.get("etag")!;
  assertEquals((await rawRequest(front.port, "GET /style.css HTTP/1.1", `If-None-Match: ${etag}`)).status, 304);
  const part = await fetch("/style.css", { headers: { range: "bytes=0-3" } });
  assertEquals([part.status, await part.text()], [206, "body"]);

  assertEquals(await text("/page.php"), "page /page.php  -");
  assertEquals(await text("/page.php/a%20b"), `page /page.php /a b ${root}/a b`);
  assertEquals(await text("/docs"), "docs /docs/index.php");
  assertEquals(await text("/docs/"), "docs /docs/index.php");
  assertEquals(await text("/plain"), "<p>plain</p>");
  assertEquals(await text("/avatar.jpg"), `<?php echo "EXECUTED";`);
  const head = await rawRequest(front.port, "HEAD /page.php HTTP/1.1");
  assertEquals([head.status, head.body], [200, ""]);

  for (
    const target of [
      "/avatar.jpg/x.php",
      "/avatar.jpg%2Fx.php",
      "/avatar.jpg/%0Ax.php",
      "/none.php",
      "/old.php.bak",
      "/old.php74",
      "/db.inc",
      "/extensionless/x.php",
      "/docs//../page.php",
      "/page.php%2fx",
      "/page.php%20",
      "/page.php%00.css",
      "/.env",
      "/../config.php",
      "/..%2Fconfig.php",
      "/%2e%2e/config.php",
      "/../../../../etc/passwd",
      "/docs/../../config.php",
    ]
  ) {
    const { status, body } = await rawRequest(front.port, `GET ${target} HTTP/1.1`);
    assert(!/EXECUTED|SECRET|root:|<\?php/.test(body), `${target}: ${body}`);
    // Bun refuses some by itself.
    assert(status === 404 && body.startsWith("no route ") || status === 400, `${target}: ${status} ${body}`);
  }
  assertStringIncludes(await text("/PAGE.php"), "no route /PAGE.php");
  assertEquals(await text("/extensionless"), `<?php echo "EXECUTED";`);
});
