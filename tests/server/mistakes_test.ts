// Mistakes in a configuration, each of which is reported once, in one line, where people look.

import { FCGI_GET_VALUES } from "@webfcgi/webfcgi/codec";
import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { inScene, type Scene, type SceneOptions } from "./scene.ts";
import { recordBytes } from "./web_server.ts";
import { concat, latin1Text, utf8Bytes } from "../helpers/bytes.ts";

/** Defines a test whose body is given the lines that the server has written to the console. */
function consoleTest(
  name: string,
  options: SceneOptions,
  body: (scene: Scene, lines: string[]) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const { error } = console;
    const lines: string[] = [];
    console.error = (...parts: unknown[]) => void lines.push(...parts.map(String).join(" ").split("\n"));
    try {
      await inScene(options, (scene) => body(scene, lines));
    } finally {
      console.error = error;
    }
  });
}

const hello = (): Response => new Response("hello");

consoleTest("serve says once that the web server sends no REQUEST_METHOD", { fetch: hello }, async (scene, lines) => {
  const params = { REQUEST_METHOD: undefined };
  const first = await scene.ask({ params });
  assertEquals([first.status, first.text], [400, "400 Bad Request\n"]);
  assertMatch(first.stderr, /^webfcgi: .*no REQUEST_METHOD: add `include fastcgi_params;`.*\n$/);
  const second = await scene.ask({ params });
  assertEquals([second.status, second.stderr], [400, ""]);
  assertEquals(lines, [first.stderr.trimEnd()]);
});

consoleTest("serve says nothing of a method that is no token", { fetch: hello }, async (scene, lines) => {
  const answer = await scene.ask({ params: { REQUEST_METHOD: "A B" } });
  assertEquals([answer.status, answer.stderr, lines], [400, "", []]);
});

consoleTest("serve says once that stripMount finds no mount", {
  fetch: (request) => new Response(request.url),
  stripMount: true,
}, async (
  { connect },
  lines,
) => {
  const web = await connect();
  const params = { SCRIPT_NAME: "/app", PATH_INFO: "/x" };
  const mounted = await web.ask({ uri: "/app/x", params }).answer();
  assertEquals([mounted.text, mounted.stderr, lines], ["http://example.com/x", "", []]);
  const first = await web.ask({ uri: "/app/x" }).answer();
  assertEquals(first.text, "http://example.com/app/x");
  assertMatch(first.stderr, /^webfcgi: stripMount has nothing to strip: .* mount: "\/app".*\n$/);
  assertEquals((await web.ask({ uri: "/app/x" }).answer()).stderr, "");
  assertEquals(lines, [first.stderr.trimEnd()]);
});

consoleTest("serve says nothing of a mount that is given, at the root or elsewhere", {
  fetch: (request) => new Response(request.url),
  stripMount: true,
  mount: "/app",
}, async ({ ask }, lines) => {
  assertEquals((await ask({ uri: "/app/x" })).text, "http://example.com/x");
  assertEquals((await ask({ uri: "/other" })).text, "http://example.com/other");
  assertEquals(lines, []);
});

for (
  const [what, status, bytes] of [
    ["GET", 400, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["POST", 400, "POST /a HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"],
    ["PURGE", 400, "PURGE / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["VERSION-CONTROL", 400, "VERSION-CONTROL / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["PRI", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ] as const
) {
  consoleTest(`serve answers HTTP's ${what} in HTTP, and says so once`, { fetch: hello }, async (
    { connect, server, ask },
    lines,
  ) => {
    for (let i = 0; i < 2; i++) {
      const web = await connect({ raw: true });
      await web.send(utf8Bytes(bytes));
      await web.untilEnded();
      const answer = latin1Text(concat(web.chunks));
      assertStringIncludes(answer, `HTTP/1.1 ${status} `);
      const [head, body] = answer.split("\r\n\r\n");
      assertStringIncludes(head!, `Content-Length: ${body!.length}`);
      assertEquals(body, "This port speaks FastCGI, not HTTP: use fastcgi_pass, not proxy_pass.\n");
      await web.close();
    }
    assertEquals(lines, [
      `webfcgi: Cannot serve a connection that begins with "${what}": this port speaks FastCGI, not HTTP: ` +
      "use fastcgi_pass, not proxy_pass",
    ]);
    assertEquals((await ask()).text, "hello");
    assertEquals([server.stats().errors, server.stats().requests], [0, 1]);
  });
}

consoleTest("serve says once that it was sent TLS", { fetch: hello }, async ({ connect, ask }, lines) => {
  for (let i = 0; i < 2; i++) {
    const web = await connect({ raw: true });
    await web.send(new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]));
    await web.untilEnded();
    assertEquals(web.chunks.length, 0);
    await web.close();
  }
  assertEquals(lines, [
    "webfcgi: Cannot serve a connection that begins with TLS: this port speaks FastCGI, without TLS",
  ]);
  assertEquals((await ask()).text, "hello");
});

consoleTest("serve writes a line for a connection that fails, without a stack", {
  fetch: hello,
  onError: undefined as never,
}, async ({ connect }, lines) => {
  const web = await connect({ raw: true });
  await web.send(new Uint8Array(16).fill(200));
  await web.untilEnded();
  await web.close();
  assertEquals(lines.length, 1, lines.join("\n"));
  assertMatch(lines[0]!, /^webfcgi: ProtocolError: \S.*$/);
});

consoleTest("serve says that it was sent HTTP when it was sent TLS before", { fetch: hello }, async (
  { connect },
  lines,
) => {
  for (const bytes of [new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), utf8Bytes("GET / HTTP/1.1\r\n\r\n")]) {
    const web = await connect({ raw: true });
    await web.send(bytes);
    await web.untilEnded();
    await web.close();
  }
  assertEquals(lines.map((line) => /with (\S+)/.exec(line)?.[1]), ["TLS:", '"GET":']);
});

consoleTest("serve takes HTTP for nothing else when it comes after a record", { fetch: hello }, async (
  { connect, errors },
  lines,
) => {
  for (const first of [[recordBytes(FCGI_GET_VALUES, 0, "\x0f\0FCGI_MPXS_CONNS").subarray(0, 10)], []]) {
    const web = await connect({ raw: true });
    await web.send(...first, utf8Bytes("GET / HTTP/1.1\r\n\r\n".repeat(first.length + 1)));
    await web.untilEnded();
    await web.close();
  }
  assertEquals([errors.splice(0).length, lines.length], [1, 1]);
});

consoleTest("serve writes an error with its method, URL and causes, each line with its prefix", {
  onError: undefined as never,
  fetch(request) {
    throw new Error("first\nline two \x1b[31mred\x07", { cause: new TypeError(`of ${request.method}\r\nforged`) });
  },
}, async ({ ask }, lines) => {
  const { status, stderr } = await ask({ method: "PATCH", uri: "/a%0Ab?c" });
  assertEquals(status, 500);
  assertEquals(lines[0], "webfcgi: PATCH http://example.com/a%0Ab?c: Error: first");
  assertEquals(lines[1], "webfcgi:   line two \\x1b[31mred\\x07");
  for (const line of lines.slice(1)) assertMatch(line, /^webfcgi: {3}/);
  assertStringIncludes(lines.join("\n"), "\nwebfcgi:   Caused by TypeError: of PATCH\nwebfcgi:   forged\n");
  const logged = stderr.trimEnd().split("\n");
  assertEquals(logged[0], "Error: first");
  for (const line of logged.slice(1)) assertMatch(line, /^ {2}/);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\0-\x09\x0b-\x1f\x7f]/.test(lines.join("\n") + stderr), false);
});

consoleTest("serve writes whatever is thrown", {
  onError: undefined as never,
  fetch(request) {
    if (request.url.endsWith("/text")) throw "a\nb";
    if (request.url.endsWith("/nothing")) throw undefined;
    throw {
      toString() {
        throw new Error("no string");
      },
    };
  },
}, async ({ connect }, lines) => {
  const web = await connect();
  for (const uri of ["/text", "/nothing", "/odd"]) assertEquals((await web.ask({ uri }).answer()).status, 500);
  assertEquals(lines, [
    "webfcgi: GET http://example.com/text: a",
    "webfcgi:   b",
    "webfcgi: GET http://example.com/nothing: undefined",
    "webfcgi: GET http://example.com/odd: an error that has no text",
  ]);
});
