/** The client against a real PHP-FPM: what scripts get and what they give. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { ProtocolError } from "@webfcgi/webfcgi/client";
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "../std/assert.ts";
import { until } from "../helpers/waiting.ts";
import { phpTest } from "./php_scene.ts";

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
