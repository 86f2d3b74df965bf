/** The client against a real PHP-FPM. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, createClient, FastCgiError, ProtocolError } from "@webfcgi/webfcgi/client";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "../std/assert.ts";
import { bounded, sleep, until } from "../server/scene.ts";
import { TurnedClock } from "../turned_clock.ts";
import { clientBy, type ClientSceneOptions, textOrError } from "./application.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { isPhpMissing, type PhpFpm, type PhpFpmOptions, startPhpFpm } from "./php_fpm.ts";

const ignore = isPhpMissing();

const scripts = {
  "index.php": `<?php
    header("Content-Type: application/json");
    echo json_encode(["server" => $_SERVER, "get" => $_GET, "post" => $_POST, "cookie" => $_COOKIE,
      "input" => md5(file_get_contents("php://input"))], JSON_INVALID_UTF8_SUBSTITUTE);`,
  "hello.php": `<?php echo "Hello, World!";`,
  "head.php": `<?php http_response_code(418); header("X-A: 1"); header("X-A: 2", false);
    setcookie("a", "1"); setcookie("b", "2"); echo "short and stout";`,
  "redirect.php": `<?php header("Location: /elsewhere");`,
  "session.php": `<?php session_start(); $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; echo $_SESSION["n"];`,
  "upload.php": `<?php $f = $_FILES["file"];
    echo json_encode([$_POST["name"] ?? null, $f["name"], $f["size"], $f["error"], md5_file($f["tmp_name"])]);`,
  "long.php": `<?php for ($i = 0; $i < 512; $i++) echo str_repeat(chr(65 + $i % 26), 65536);`,
  "finish.php": `<?php echo "done"; fastcgi_finish_request(); usleep(300000);
    file_put_contents(__DIR__ . "/finished", "yes");`,
  "warn.php": `<?php trigger_error("be careful", E_USER_WARNING); echo "fine";`,
  "fatal.php": `<?php no_such_function();`,
  "kill.php": `<?php file_put_contents(__DIR__ . "/killed", "x", FILE_APPEND); posix_kill(getmypid(), 9); sleep(5);`,
  "kill_late.php": `<?php echo str_repeat("x", 10000); flush(); usleep(100000); posix_kill(getmypid(), 9); sleep(5);`,
  "slow.php": `<?php $until = microtime(true) + 0.3; while (microtime(true) < $until) usleep(10000); echo getmypid();`,
  "endless.php": `<?php file_put_contents(__DIR__ . "/endless", "started");
    register_shutdown_function(fn() => file_put_contents(__DIR__ . "/endless", connection_aborted() ? "aborted" : "ended"));
    while (true) { echo str_repeat("x", 8192); flush(); usleep(5000); }`,
  "sub/page.php": `<?php echo $_SERVER["SCRIPT_NAME"], "|", $_SERVER["PATH_INFO"] ?? "", "|",
    $_SERVER["PATH_TRANSLATED"] ?? "", "|", $_SERVER["SCRIPT_FILENAME"];`,
  "newline.php": "<?php header('Content-Length: 5'); ?>hello\n\n",
  "field.php": `<?php http_response_code((int) ($_GET["status"] ?? 200)); header($_GET["field"]); echo "body";`,
  "upload.jpg": `<?php echo "EXECUTED";`,
  "app/index.php": `<?php // an application with a front controller: routing, a session and SQLite
    session_start();
    $db = new PDO("sqlite:" . sys_get_temp_dir() . "/app.sqlite");
    $db->exec("PRAGMA busy_timeout = 5000");
    $db->exec("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, author TEXT, text TEXT)");
    $path = parse_url($_SERVER["REQUEST_URI"], PHP_URL_PATH);
    $route = $_SERVER["REQUEST_METHOD"] . " " . $path;
    header("Content-Type: application/json");
    if ($route === "POST /login") { $_SESSION["user"] = $_POST["user"]; http_response_code(303); header("Location: /notes"); }
    elseif (!isset($_SESSION["user"])) { http_response_code(401); echo json_encode(["error" => "who are you?"]); }
    elseif ($route === "POST /notes") {
      $note = json_decode(file_get_contents("php://input"), true);
      $db->prepare("INSERT INTO notes (author, text) VALUES (?, ?)")->execute([$_SESSION["user"], $note["text"]]);
      http_response_code(201); header("Location: /notes/" . $db->lastInsertId());
    }
    elseif ($route === "GET /notes") echo json_encode($db->query("SELECT author, text FROM notes")->fetchAll(PDO::FETCH_ASSOC));
    elseif (preg_match("~^GET /notes/(\\d+)$~", $route, $m)) {
      $q = $db->prepare("SELECT text FROM notes WHERE id = ?"); $q->execute([$m[1]]);
      $text = $q->fetchColumn();
      if ($text === false) { http_response_code(404); echo json_encode(["error" => "no such note"]); }
      else echo json_encode(["text" => $text]);
    }
    elseif ($route === "DELETE /notes") { $db->exec("DELETE FROM notes"); http_response_code(204); }
    else { http_response_code(404); echo json_encode(["error" => "no route " . $route]); }`,
};

/** What a test has. */
interface PhpScene {
  readonly php: PhpFpm;
  /** A client that sends each path to the script of that name, and paths without one to `index.php`. */
  readonly client: Pick<Client, "fetch" | "stats" | "capabilities">;
  /** What came on FCGI_STDERR. */
  readonly stderr: string[];
  text(path: string, init?: Parameters<Client["fetch"]>[1]): Promise<string>;
}

function phpTest(
  name: string,
  options: ClientSceneOptions & { readonly fpm?: PhpFpmOptions; readonly folder?: string },
  body: (scene: PhpScene) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore,
    fn: async () => {
      const { fpm = {}, folder = "", clock = systemClock, ...rest } = options;
      const php = await startPhpFpm(scripts, fpm);
      const stderr: string[] = [];
      const onStderr = (text: string): void => void stderr.push(text);
      const documentRoot = join(php.root, folder);
      const real = clientBy(clock, { path: php.path, documentRoot, onStderr, ...rest });
      const fetch: Client["fetch"] = (url, init) => {
        const { pathname } = new URL(String(url), "http://localhost");
        const script = /^.*?\.php(?=\/|$)/.exec(pathname)?.[0] ?? "/index.php";
        return real.fetch(url, { scriptFilename: documentRoot + script, ...init });
      };
      const client = { fetch, stats: () => real.stats(), capabilities: () => real.capabilities() };
      const text = async (...[path, init]: Parameters<PhpScene["text"]>): Promise<string> =>
        (await bounded(client.fetch(path, init), `an answer to ${path}`)).text();
      try {
        await body({ php, client, stderr, text });
      } finally {
        await bounded(real.close(), "the client to close");
        await php[Symbol.asyncDispose]();
      }
    },
  });
}

const modes = [["", {}], [" over kept connections", { keepAlive: true, maxConnections: 4 }]] as const;

for (const [how, options] of modes) {
  phpTest(`PHP-FPM sees a complete and right $_SERVER${how}`, options, async ({ client, php }) => {
    const response = await client.fetch("https://example.com:8443/index.php/p%20a/%C3%A4?a=1&b[]=2", {
      method: "POST",
      headers: { cookie: "c=d", "x-custom": "yes", "user-agent": "test", proxy: "evil", authorization: "Basic eDp5" },
      body: new URLSearchParams({ f: "g h" }),
      remoteAddr: "192.0.2.1",
      remotePort: 1234,
      serverAddr: "192.0.2.2",
    });
    assertEquals([response.status, response.headers.get("content-type")], [200, "application/json"]);
    const { server, get, post, cookie, input } = await response.json();
    assertEquals([get, post, cookie], [{ a: "1", b: ["2"] }, { f: "g h" }, { c: "d" }]);
    assertEquals(input, "2af8d5cc2be7def7c68b5ac91ff69c1c");
    const expected: Record<string, string> = {
      CONTENT_LENGTH: "5",
      CONTENT_TYPE: "application/x-www-form-urlencoded;charset=UTF-8",
      DOCUMENT_ROOT: php.root,
      DOCUMENT_URI: "/index.php/p a/\u00e4",
      GATEWAY_INTERFACE: "CGI/1.1",
      HTTPS: "on",
      HTTP_COOKIE: "c=d",
      HTTP_HOST: "example.com:8443",
      HTTP_USER_AGENT: "test",
      HTTP_X_CUSTOM: "yes",
      PATH_INFO: "/p a/\u00e4",
      PATH_TRANSLATED: `${php.root}/p a/\u00e4`,
      PHP_AUTH_PW: "y",
      PHP_AUTH_USER: "x",
      PHP_SELF: "/index.php/p a/\u00e4",
      QUERY_STRING: "a=1&b[]=2",
      REMOTE_ADDR: "192.0.2.1",
      REMOTE_PORT: "1234",
      REQUEST_METHOD: "POST",
      REQUEST_SCHEME: "https",
      REQUEST_URI: "/index.php/p%20a/%C3%A4?a=1&b[]=2",
      SCRIPT_FILENAME: `${php.root}/index.php`,
      SCRIPT_NAME: "/index.php",
      SERVER_ADDR: "192.0.2.2",
      SERVER_NAME: "example.com",
      SERVER_PORT: "8443",
      SERVER_PROTOCOL: "HTTP/1.1",
      SERVER_SOFTWARE: "webfcgi",
    };
    const seen = Object.fromEntries(Object.keys(expected).map((name) => [name, server[name]]));
    assertEquals(seen, expected);
    assertEquals("HTTP_PROXY" in server, false);
  });

  phpTest(
    `PHP-FPM answers 2,000 requests in a row and 200 at once${how}`,
    { ...options, maxConnections: 8 },
    async ({ client, text }) => {
      for (let asked = 0; asked < 2000; asked++) assertEquals(await text("/hello.php"), "Hello, World!");
      const all = await Promise.all(Array.from({ length: 200 }, (_, at) => text(`/index.php?n=${at}`)));
      all.forEach((json, at) => assertEquals(JSON.parse(json).get.n, String(at)));
      assertEquals([client.stats().activeRequests, client.stats().queuedRequests], [0, 0]);
    },
  );

  phpTest(`PHP-FPM takes an upload of 32 MiB and gives as much back${how}`, options, async ({ client, text }) => {
    const body = new FormData();
    const file = new Uint8Array(32 << 20);
    for (let at = 0; at < file.length; at += 4096) file[at] = at >> 12;
    body.set("name", "J\u00fcrgen");
    body.set("file", new File([file], "big.bin"));
    const [name, fileName, size, error] = JSON.parse(await text("/upload.php", { method: "POST", body }));
    assertEquals([name, fileName, size, error], ["J\u00fcrgen", "big.bin", 32 << 20, 0]);
    const response = await client.fetch("/long.php");
    let length = 0;
    for await (const chunk of response.body!) {
      const at = length >> 16;
      if (chunk[0] !== 65 + at % 26) throw new Error(`wrong byte at ${length}`);
      length += chunk.length;
    }
    assertEquals(length, 32 << 20);
  });
}

phpTest("PHP-FPM's head comes as it was sent", {}, async ({ client }) => {
  const response = await client.fetch("/head.php");
  assertEquals([response.status, response.headers.get("x-a")], [418, "1, 2"]);
  assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(await response.text(), "short and stout");
  const redirect = await client.fetch("/redirect.php");
  assertEquals([redirect.status, redirect.headers.get("location")], [302, "/elsewhere"]);
  assertEquals((await client.fetch("/head.php", { method: "HEAD" })).body, null);
});

phpTest("PHP-FPM keeps a session", {}, async ({ client, text }) => {
  const first = await client.fetch("/session.php");
  const [cookie = ""] = first.headers.getSetCookie()[0]?.split(";") ?? [];
  assertMatch(cookie, /^PHPSESSID=/);
  assertEquals(await first.text(), "1");
  for (const count of ["2", "3"]) assertEquals(await text("/session.php", { headers: { cookie } }), count);
});

phpTest("PHP-FPM reads a body of unknown length that was collected", {}, async ({ text }) => {
  const body = ReadableStream.from([new TextEncoder().encode("f=1&"), new TextEncoder().encode("g=2")]);
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const { post } = JSON.parse(await text("/", { method: "POST", body: body as ReadableStream<Uint8Array>, headers }));
  assertEquals(post, { f: "1", g: "2" });
});

phpTest(
  "PHP-FPM gets parameters of many records, and one pair too long is an error that says so",
  {},
  async ({ client, text }) => {
    const params = { LONG_A: "a".repeat(60_000), LONG_B: "b".repeat(60_000), LONG_C: "c".repeat(60_000) };
    const { server } = JSON.parse(await text("/", { params }));
    assertEquals([server.LONG_A, server.LONG_B, server.LONG_C].map((value) => value?.length), [60_000, 60_000, 60_000]);
    const error = await assertRejects(
      () => client.fetch("/", { params: { TOO_LONG: "x".repeat(70_000) } }),
      ProtocolError,
    );
    assertStringIncludes(error.message, "its parameter TOO_LONG is too long for one record");
  },
);

phpTest("PHP-FPM goes on after fastcgi_finish_request", {}, async ({ php, text }) => {
  assertEquals(await text("/finish.php"), "done");
  assertEquals(existsSync(join(php.root, "finished")), false);
  await until(() => existsSync(join(php.root, "finished")), "the script to go on to its end");
});

phpTest("PHP-FPM's warnings and fatal errors come to onStderr", {}, async ({ client, stderr, text }) => {
  assertEquals(await text("/warn.php"), "fine");
  assertMatch(stderr.splice(0).join(""), /PHP Warning: {2}be careful in .*warn\.php on line 1/);
  assertEquals((await client.fetch("/fatal.php")).status, 500);
  assertMatch(stderr.splice(0).join(""), /PHP Fatal error: .*no_such_function/);
  assertEquals((await client.fetch("/none.php")).status, 404);
  assertMatch(stderr.join(""), /Primary script unknown/);
});

phpTest("PHP-FPM runs the script that it is given, whatever the path", {}, async ({ client, php, stderr, text }) => {
  const { root } = php;
  assertEquals(await text("/sub/page.php/a/b"), `/sub/page.php|/a/b|${root}/a/b|${root}/sub/page.php`);
  const health = await client.fetch("/health", { scriptFilename: `${root}/hello.php` });
  assertEquals(await health.text(), "Hello, World!");
  for (const path of ["/upload.jpg", "/upload.jpg/x.php", "/upload.jpg%00.php", "/upload.jpg%2Fx.php"]) {
    const { server } = JSON.parse(await text(path, { scriptFilename: `${root}/index.php` }));
    assertEquals([server.SCRIPT_NAME, server.PATH_INFO, server.REQUEST_URI], ["/index.php", "", path]);
    // A document root alone names no script.
    const response = await client.fetch(path, { scriptFilename: undefined });
    assertEquals([response.status, await response.text()], [404, "File not found.\n"]);
    assertMatch(stderr.splice(0).join(" "), /Primary script unknown.*got no SCRIPT_FILENAME.*set scriptFilename/s);
  }
});

phpTest("PHP-FPM's responses that are not quite right are delivered", {}, async ({ client, stderr }) => {
  const newline = await client.fetch("/newline.php");
  assertEquals([await newline.text(), newline.headers.get("content-length")], ["hello", "5"]);
  assertMatch(stderr.splice(0).join(" "), /dropped what follows the 5 bytes/);
  for (
    const [field, status, length] of [
      ["Content-Length:", 200, null],
      ["Content-Length: 4, 4", 200, "4"],
      ["Content-Length: +4", 200, null],
      ["Status: 404: Not Found", 404, null],
      ["X: a\x01b", 200, null],
    ] as const
  ) {
    const response = await client.fetch(`/field.php?${new URLSearchParams({ field })}`);
    assertEquals([response.status, response.headers.get("content-length")], [status, length], field);
    assertEquals([await response.text(), response.headers.has("x")], ["body", false], field);
  }
  for (const status of [204, 205]) {
    const response = await client.fetch(`/field.php?status=${status}&field=Content-Length:4`);
    assertEquals([response.status, response.body, response.headers.has("content-length")], [status, null, false]);
  }
});

phpTest("fetch sends POSTs over kept connections when PHP-FPM replaces its workers", {
  keepAlive: true,
  maxConnections: 2,
  fpm: { workers: 2, maxRequests: 3 },
}, async ({ text }) => {
  let lost = 0;
  for (let asked = 0; asked < 60; asked++) {
    const answer = await text("/hello.php", { method: "POST", body: "a=1" }).catch((error) => error);
    if (answer !== "Hello, World!") lost++;
  }
  // Twenty workers end meanwhile. On a busy machine one may take longer to close its connection than is waited.
  assertLess(lost, 5);
});

const formClock = new TurnedClock();
phpTest("Stalled uploads hold no worker of PHP-FPM", { fpm: { workers: 2 }, clock: formClock }, async (scene) => {
  const stalled = [1, 2, 3].map(() => {
    const body = new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(new Uint8Array(10)) });
    const headers = { "content-length": "1000000" };
    return scene.client.fetch("/hello.php", { method: "POST", body, headers }).catch((error) => error.limit);
  });
  await until(() => scene.client.stats().queuedRequests === 3, "the uploads to stall");
  for (let asked = 0; asked < 4; asked++) assertEquals(await scene.text("/hello.php"), "Hello, World!");
  formClock.turn(61_000);
  assertEquals(await Promise.all(stalled), Array(3).fill("bodyTimeoutMs"));
});

for (const [how, options] of modes) {
  phpTest(
    `fetch rejects when PHP-FPM's worker is killed${how}`,
    { ...options, fpm: { workers: 1 } },
    async ({ client, php, text }) => {
      assertEquals(await text("/hello.php"), "Hello, World!");
      const error = await assertRejects(
        () => bounded(client.fetch("/kill.php", { method: "POST" }), "an error"),
        ProtocolError,
      );
      assertEquals(error.code, "UNEXPECTED_END");
      assertEquals(readFileSync(join(php.root, "killed"), "utf8"), "x", "a POST is sent once");
      const late = await textOrError(await client.fetch("/kill_late.php"));
      assertInstanceOf(late, FastCgiError);
      assertEquals(await text("/hello.php"), "Hello, World!", "the next worker answers");
    },
  );
}

phpTest("fetch waits its turn when all of PHP-FPM's workers are taken", { fpm: { workers: 2 } }, async ({ client }) => {
  const pids = await Promise.all(
    Array.from({ length: 8 }, async () => (await bounded(client.fetch("/slow.php"), "a turn")).text()),
  );
  assertEquals(new Set(pids).size, 2);
});

phpTest("fetch rejects after headTimeoutMs when PHP-FPM's workers stay taken", {
  headTimeoutMs: 150,
  fpm: { workers: 1 },
}, async ({ client, text }) => {
  const results = await Promise.all(
    Array.from({ length: 3 }, () => bounded(client.fetch("/slow.php"), "an end").catch((error) => error)),
  );
  assertEquals(results.map((error) => (error as { limit?: string }).limit), Array(3).fill("headTimeoutMs"));
  await sleep(1000);
  assertEquals(await text("/hello.php"), "Hello, World!");
});

phpTest("fetch rejects at once when PHP-FPM's queue of connections is full", {
  fpm: { workers: 1, backlog: 1 },
}, async ({ text }) => {
  const all = Array.from({ length: 8 }, () => text("/slow.php").catch((error) => (error as { code?: string }).code));
  const refused = (await Promise.all(all)).filter((result) => !/^\d+$/.test(String(result)));
  // Bun knows no EAGAIN.
  assert(refused.length > 0 && refused.every((code) => code === "EAGAIN" || code === "ECONNREFUSED"), String(refused));
  assertEquals(await text("/hello.php"), "Hello, World!");
});

for (const way of ["signal", "cancel"] as const) {
  phpTest(
    `PHP-FPM's script ends when its response is given up by ${way}`,
    { fpm: { workers: 1 } },
    async ({ client, php, text }) => {
      const controller = new AbortController();
      const response = await client.fetch("/endless.php", { signal: controller.signal });
      const reader = response.body!.getReader();
      assertEquals((await reader.read()).value?.[0], 120);
      if (way === "signal") controller.abort();
      else await reader.cancel();
      if (way === "signal") await assertRejects(() => reader.read(), DOMException);
      await until(() => readFileSync(join(php.root, "endless"), "utf8") === "aborted", "the script to be aborted");
      assertEquals(await text("/hello.php"), "Hello, World!");
    },
  );
}

phpTest("fetch goes on over kept connections when PHP-FPM replaces its workers", {
  keepAlive: true,
  maxConnections: 2,
  fpm: { workers: 2, maxRequests: 3 },
}, async ({ client, text }) => {
  for (let asked = 0; asked < 60; asked++) assertEquals(await text("/hello.php"), "Hello, World!");
  assert(client.stats().connections <= 2);
});

phpTest("a kept connection gives PHP-FPM's worker back after idleTimeoutMs", {
  keepAlive: true,
  idleTimeoutMs: 100,
  fpm: { workers: 1 },
}, async ({ client, php, text }) => {
  assertEquals(await text("/hello.php"), "Hello, World!");
  assertEquals(client.stats().idleConnections, 1);
  const other = createClient({ path: php.path, scriptFilename: join(php.root, "hello.php") });
  try {
    const response = await bounded(other.fetch("/hello.php"), "the worker");
    assertEquals(await response.text(), "Hello, World!");
  } finally {
    await other.close();
  }
});

phpTest("PHP-FPM's few workers take turns between all kept connections", {
  keepAlive: true,
  fpm: { workers: 2 },
}, async ({ text }) => {
  const answered = new Set<number>();
  const busy = Array.from({ length: 6 }, async (_, at) => {
    for (; answered.size < 6; answered.add(at)) assertEquals(await text("/hello.php"), "Hello, World!");
  });
  await bounded(Promise.all(busy), "every one to be answered");
});

phpTest("Client.capabilities tells that PHP-FPM does not share connections", {}, async ({ client }) => {
  assertEquals((await client.capabilities()).multiplex, false);
});

phpTest("an application with a front controller, sessions and SQLite works", {
  folder: "app",
  multiplex: true,
  maxConnections: 3,
}, async ({ client, text }) => {
  const refused = await client.fetch("/notes");
  assertEquals([refused.status, await refused.json()], [401, { error: "who are you?" }]);
  const login = await client.fetch("/login", { method: "POST", body: new URLSearchParams({ user: "anna" }) });
  assertEquals([login.status, login.headers.get("location")], [303, "/notes"]);
  const [cookie = ""] = login.headers.getSetCookie()[0]?.split(";") ?? [];
  const headers = { cookie };
  await client.fetch("/notes", { method: "DELETE", headers });
  for (let at = 1; at <= 20; at++) {
    const response = await client.fetch("/notes", {
      method: "POST",
      headers,
      body: JSON.stringify({ text: `n\u00b0 ${at}` }),
    });
    assertEquals([response.status, response.headers.get("location")], [201, `/notes/${at}`]);
  }
  assertEquals(JSON.parse(await text("/notes/7?x", { headers })), { text: "n\u00b0 7" });
  assertEquals((await client.fetch("/notes/99", { headers })).status, 404);
  const all = await Promise.all(Array.from({ length: 10 }, () => text("/notes", { headers })));
  for (const json of all) assertEquals(JSON.parse(json).length, 20);
});
