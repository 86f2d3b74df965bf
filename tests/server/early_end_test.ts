// END_REQUEST and a web server that still sends the request: h2o 2.2 dies of it on a connection that it keeps.

import { FCGI_BEGIN_REQUEST, FCGI_END_REQUEST, FCGI_PARAMS, FCGI_STDIN } from "@webfcgi/webfcgi/codec";
import { assertEquals } from "../std/assert.ts";
import { FakeConnection } from "./fake_connection.ts";
import { inScene, type SceneOptions, serveTest } from "./scene.ts";
import { type AskOptions, recordBytes } from "./web_server.ts";
import { until } from "../helpers/waiting.ts";
import { concat } from "../helpers/bytes.ts";
import { recordsOf } from "../helpers/records.ts";

const body = new Uint8Array(100_000);
/** A web server that nothing is known of. */
const unknown = { SERVER_SOFTWARE: undefined };

/** Options of a server, a request to it that is answered before its body has come, and the status of the answer. */
const answers: readonly (readonly [what: string, options: SceneOptions, asked: AskOptions, status: number])[] = [
  ["a handler that does not read", { fetch: () => new Response("no", { status: 401 }) }, {}, 401],
  ["a handler that promises", { fetch: () => Promise.resolve(new Response("no", { status: 404 })) }, {}, 404],
  [
    "a handler that throws",
    {
      fetch() {
        throw new Error("on purpose");
      },
    },
    {},
    500,
  ],
  ["maxBodyBytes", { fetch: () => new Response(), maxBodyBytes: 10 }, {}, 413],
  ["a method that no Request can have", { fetch: () => new Response() }, { method: "TRACE" }, 501],
  ["a Host that is none", { fetch: () => new Response() }, { params: { HTTP_HOST: "a b" } }, 400],
  ["maxParamsBytes", { fetch: () => new Response(), maxParamsBytes: 500 }, { params: { X: "x".repeat(500) } }, 431],
];

for (const [what, options, asked, status] of answers) {
  serveTest(`serve answers before the body has come, and ends the request after it, with ${what}`, options, async (
    { connect, errors, server },
  ) => {
    const web = await connect();
    for (let i = 0; i < 2; i++) {
      const params = { ...asked.params, ...unknown, CONTENT_LENGTH: String(body.length) };
      const early = web.begin({ method: "POST", ...asked, params });
      await web.flush();
      // The head and the body of the answer do not wait.
      await web.until(() => early.bodyText !== "", "the answer");
      await until(() => server.stats().activeRequests === 0, "the handler");
      await web.stdin(1, body);
      assertEquals([early.end, web.over], [undefined, false]);
      web.stdinEnd(1);
      assertEquals((await early.answer()).status, status);
    }
    assertEquals(web.over, false);
    errors.length = 0;
  });
}

for (const software of ["nginx/1.22.1", "nginx", "Apache/2.4.71 (Debian)", "HAProxy 2.6.12", "webfcgi"]) {
  serveTest(`serve ends a request before its body has come when the web server is ${software}`, {
    fetch: () => new Response("early"),
  }, async ({ connect }) => {
    const web = await connect();
    const params = { CONTENT_LENGTH: "100000", SERVER_SOFTWARE: software };
    const early = web.begin({ method: "POST", params });
    await web.flush();
    assertEquals((await early.answer()).text, "early");
    await web.stdin(1, body);
    web.stdinEnd(1);
    assertEquals((await web.ask({ params: { SERVER_SOFTWARE: software } }).answer()).text, "early");
  });
}

serveTest("serve ends a request before its body has come when the connection is not kept, or is shared", {
  fetch: () => new Response("early"),
}, async ({ connect }) => {
  const params = { ...unknown, CONTENT_LENGTH: "100000" };
  const closing = await connect();
  const last = closing.begin({ method: "POST", keepConn: false, params });
  await closing.flush();
  assertEquals((await last.answer()).text, "early");
  await closing.untilEnded();
  const shared = await connect();
  const first = shared.begin({ requestId: 1, method: "POST", params });
  await shared.flush();
  await shared.until(() => first.bodyText !== "", "the answer");
  const second = shared.ask({ requestId: 2, params: unknown });
  assertEquals((await first.answer()).text, "early");
  assertEquals((await second.answer()).text, "early");
});

Deno.test("Server.shutdown lets a web server finish a request that has been answered", async () => {
  await inScene({ fetch: () => new Response("early") }, async ({ connect, server }) => {
    const web = await connect();
    const early = web.begin({ method: "POST", params: { ...unknown, CONTENT_LENGTH: "100000" } });
    await web.flush();
    await web.until(() => early.bodyText !== "", "the answer");
    const shutdown = server.shutdown();
    await web.stdin(1, body);
    web.stdinEnd(1);
    assertEquals((await early.answer()).text, "early");
    await web.untilEnded();
    await shutdown;
  });
});

/** A connection on which a request of an unknown web server has been answered, and its body has not come. */
function answered(): FakeConnection {
  const fake = new FakeConnection({ fetch: () => new Response("early") });
  const begin = recordBytes(FCGI_BEGIN_REQUEST, 1, [0, 1, 1, 0, 0, 0, 0, 0]);
  const params = "\x0e\x04REQUEST_METHODPOST\x0b\x01REQUEST_URI/\x09\x01HTTP_HOSTa";
  fake.connection.received(concat([begin, recordBytes(FCGI_PARAMS, 1, params), recordBytes(FCGI_PARAMS, 1)]), true);
  return fake;
}

/** Whether END_REQUEST has been written. */
function hasEnded(fake: FakeConnection): boolean {
  return recordsOf(concat(fake.pieces)).some(({ type }) => type === FCGI_END_REQUEST);
}

/** Lets a response be written that comes as a stream, as those of some runtimes do. */
async function settled(fake: FakeConnection): Promise<void> {
  await until(() => fake.pieces.length > 0, "the response");
}

Deno.test("a connection is closed without END_REQUEST when the rest of an answered request pauses for two seconds", async () => {
  const fake = answered();
  await settled(fake);
  fake.tick(1999);
  fake.connection.received(recordBytes(FCGI_STDIN, 1, "x"), true);
  fake.tick(1999);
  assertEquals(fake.calls, ["write"]);
  fake.tick(1);
  assertEquals([fake.calls, hasEnded(fake)], [["write", "shutdown"], false]);
  // What comes then is read and dropped, for two seconds more.
  fake.connection.received(recordBytes(FCGI_STDIN, 1), true);
  fake.tick(2000);
  assertEquals([fake.calls, hasEnded(fake), fake.errors], [["write", "shutdown", "close"], false, []]);
});

Deno.test("a connection is closed without END_REQUEST when the rest of an answered request takes ten seconds", async () => {
  const fake = answered();
  await settled(fake);
  for (let i = 0; i < 9; i++) {
    fake.tick(1000);
    fake.connection.received(recordBytes(FCGI_STDIN, 1, "x"), true);
  }
  assertEquals(fake.calls, ["write"]);
  fake.tick(1000);
  assertEquals([fake.calls, hasEnded(fake)], [["write", "shutdown"], false]);
});

Deno.test("a connection is closed without END_REQUEST when the rest of an answered request is more than 256 MiB", async () => {
  const fake = answered();
  await settled(fake);
  const record = recordBytes(FCGI_STDIN, 1, "x".repeat(65_528));
  const most = Math.floor(268_435_456 / 65_528);
  for (let i = 0; i < most; i++) fake.connection.received(record, true);
  assertEquals(fake.calls, ["write"]);
  fake.connection.received(record, true);
  assertEquals([fake.calls, hasEnded(fake)], [["write", "shutdown"], false]);
});

Deno.test("a connection goes on when the rest of an answered request has come in time", async () => {
  const fake = answered();
  await settled(fake);
  fake.tick(1500);
  fake.connection.received(concat([recordBytes(FCGI_STDIN, 1, "x"), recordBytes(FCGI_STDIN, 1)]), true);
  assertEquals(hasEnded(fake), true);
  fake.tick(20_000);
  assertEquals(fake.calls, ["write", "write"]);
});
