/** Responses as a client reads them: whole ones, strange ones and broken ones. */

import { AppStatusError, FastCgiError, LimitError, ProtocolError, RequestRefusedError } from "@webfcgi/webfcgi/client";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "../std/assert.ts";
import { bounded, sleep } from "../helpers/waiting.ts";
import { bytesOf, end, record, stderr, stdout, type WireRecord } from "../vectors/wire.ts";
import { always, answer, clientTest, inClientScene, textOrError } from "./application.ts";
import { latin1Bytes } from "../helpers/bytes.ts";

const ok = answer("Content-Type: text/plain", "hello");

for (
  const [name, head, status, statusText, headers] of [
    ["LF and a reason of its own", "Status: 404 Nope\nX-A: 1", 404, "Nope", [["x-a", "1"]]],
    ["no Status", "X-A: 1", 200, "OK", [["x-a", "1"]]],
    ["Location alone", "Location: /x", 302, "Found", [["location", "/x"]]],
    ["Location and Status", "Location: http://a/\r\nStatus: 201 Created", 201, "Created", [["location", "http://a/"]]],
    ["repeated fields", "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX: 1\r\nx: 2", 200, "OK", [
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["x", "1, 2"],
    ]],
    ["latin1 bytes", "X-A: \xe4\xff", 200, "OK", [["x-a", "\xe4\xff"]]],
    ["fields of the connection", "Transfer-Encoding: chunked\r\nConnection: close\r\nX-A: 1", 200, "OK", [[
      "x-a",
      "1",
    ]]],
  ] as const
) {
  clientTest(`fetch reads a head with ${name}`, {}, async (connection) => {
    await connection.untilSent();
    connection.send(stdout(1, head + (name.startsWith("LF") ? "\n\n" : "\r\n\r\n")), end(1));
  }, async ({ client }) => {
    const response = await client.fetch("/");
    assertEquals([response.status, response.statusText], [status, statusText]);
    const seen = [...response.headers].sort(([a, x], [b, y]) => `${a} ${x}` < `${b} ${y}` ? -1 : 1);
    assertEquals(seen, headers.map((pair) => [...pair]) as [string, string][]);
    assertEquals(await response.text(), "");
  });
}

clientTest("fetch reads a head that comes byte by byte", {}, async (connection) => {
  await connection.untilSent();
  const records = [..."Status: 201 Made\r\nX-A: b\r\n\r\nxyz"].map((byte) => stdout(1, byte));
  for (const byte of bytesOf([...records, end(1)])) connection.sendBytes(Uint8Array.of(byte));
}, async ({ client }) => {
  const response = await client.fetch("/");
  assertEquals([response.status, response.headers.get("x-a"), await response.text()], [201, "b", "xyz"]);
});

for (
  const [method, status, length] of [["HEAD", 200, "99"], ["GET", 204, null], ["GET", 304, "99"], [
    "GET",
    205,
    null,
  ]] as const
) {
  clientTest(
    `fetch drops the body of ${method} with status ${status}, ${
      length === null ? "and" : "but not"
    } its Content-Length`,
    {},
    always(...answer(`Status: ${status} X\r\nContent-Length: 99`, "abc")),
    async ({ client }) => {
      const response = await client.fetch("/", { method });
      assertEquals([response.status, response.body, response.headers.get("content-length")], [status, null, length]);
    },
  );
}

clientTest("fetch streams the body as it comes", {}, () => {}, async ({ client, connection }) => {
  const fetched = client.fetch("/");
  const app = await connection();
  app.send(stdout(1, "Status: 200\r\n\r\na"));
  const reader = (await fetched).body!.getReader();
  assertEquals((await reader.read()).value, latin1Bytes("a"));
  app.send(stdout(1, "b"));
  assertEquals((await reader.read()).value, latin1Bytes("b"));
  app.send(end(1));
  assert((await reader.read()).done);
});

clientTest("fetch stops reading when the body is not read", {}, () => {}, async ({ client, connection }) => {
  const fetched = client.fetch("/");
  const app = await connection();
  app.send(stdout(1, "Status: 200\r\n\r\n"));
  const response = await fetched;
  const part = "x".repeat(60_000);
  for (let sent = 0; sent < 400; sent++) app.send(stdout(1, part));
  app.send(end(1));
  // 24 MB: more than both sockets' buffers hold. What is not read stays with the application.
  await sleep(100);
  assert(app.blocked);
  let length = 0;
  for await (const chunk of response.body!) length += chunk.length;
  assertEquals(length, 24_000_000);
});

for (
  const [what, answered, code, message] of [
    ["END alone", [end(1)], "UNEXPECTED_END", "appStatus 0 and nothing"],
    ["END with appStatus", [end(1, 7)], "APP_STATUS", "appStatus 7 and nothing"],
    ["half a head", [stdout(1, "Status: 200\r\n"), end(1)], "UNEXPECTED_END", "13 bytes of a head that is not whole"],
    ["no header", [stdout(1, "hello\r\n\r\n"), end(1)], "BAD_HEAD", "has no colon"],
    ["HTTP", [stdout(1, "HTTP/1.1 200 OK\r\n\r\n"), end(1)], "BAD_HEAD", "is a status line"],
    ["a bad status", [stdout(1, "Status: 99\r\n\r\n"), end(1)], "BAD_HEAD", "99"],
    ["a wrong version", [{ ...stdout(1, "X: y\r\n\r\n"), version: 2 }], "BAD_VERSION", "version is 2"],
    ["a wrong id", [stdout(2, "X: y\r\n\r\n"), end(2)], "BAD_ORDER", "for request 2"],
    ["id 0", [stdout(0, "X: y\r\n\r\n"), end(0)], "BAD_ORDER", "for request 0"],
    ["a web server's record", [record(1, 1, "\0\x01\0\0\0\0\0\0")], "BAD_ORDER", "type 1"],
    ["a short END", [record(3, 1, "\0\0\0\0")], "BAD_LENGTH", "4 bytes"],
    ["a refusal to share", [end(1, 0, 1)], "REFUSED", "FCGI_CANT_MPX_CONN (1)"],
    ["overload", [end(1, 0, 2)], "REFUSED", "FCGI_OVERLOADED (2)"],
    ["an unknown role", [end(1, 0, 3)], "REFUSED", "FCGI_UNKNOWN_ROLE (3)"],
    ["an unknown refusal", [end(1, 0, 9)], "REFUSED", "unknown protocolStatus (9)"],
  ] as readonly [string, WireRecord[], string, string][]
) {
  clientTest(`fetch rejects when the answer is ${what}`, {}, always(...answered), async ({ client }) => {
    const error = await assertRejects(() => bounded(client.fetch("/"), "an error"), FastCgiError, message);
    assertEquals([error.code, error.side], [code, "upstream"]);
    if (error instanceof RequestRefusedError) assertEquals([code, error.protocolStatus > 0], ["REFUSED", true]);
    else if (error instanceof AppStatusError) assertEquals([code, error.appStatus], ["APP_STATUS", 7]);
    else assertInstanceOf(error, ProtocolError);
    assertEquals(client.stats().activeRequests, 0);
  });
}

clientTest("fetch rejects when the answer is garbage", {}, async (connection) => {
  await connection.untilSent();
  connection.sendBytes(latin1Bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
}, async ({ client }) => {
  assertEquals((await assertRejects(() => client.fetch("/"), ProtocolError)).code, "BAD_VERSION");
});

clientTest("fetch ignores records of types that no one knows", {}, async (connection) => {
  await connection.untilSent();
  connection.send(record(77, 1, "x"), record(12, 0), ...ok);
}, async ({ client }) => {
  assertEquals(await (await client.fetch("/")).text(), "hello");
});

clientTest("fetch rejects when the head never ends", { maxHeadBytes: 1000 }, async (connection) => {
  await connection.untilSent();
  for (let sent = 0; sent < 20; sent++) connection.send(stdout(1, `X-${sent}: ${"x".repeat(90)}\r\n`));
}, async ({ client }) => {
  const error = await assertRejects(() => client.fetch("/"), LimitError);
  assertEquals([error.limit, error.max], ["maxHeadBytes", 1000]);
});

clientTest("fetch takes a head of exactly maxHeadBytes, and not one more", { maxHeadBytes: 20 }, (connection) => {
  return connection.untilSent().then(() => {
    const { REQUEST_URI } = connection.params();
    connection.send(...answer(`X-A: ${"x".repeat(REQUEST_URI === "/fits" ? 11 : 12)}`));
  });
}, async ({ client }) => {
  assertEquals((await client.fetch("/fits")).status, 200);
  await assertRejects(() => client.fetch("/long"), LimitError);
});

for (
  const [what, answered, code] of [
    ["shorter than Content-Length", answer("Content-Length: 9", "short"), "UNEXPECTED_END"],
    ["shorter and ended with an appStatus", [stdout(1, "Content-Length: 9\r\n\r\nabc"), end(1, 1)], "APP_STATUS"],
    ["ended with an appStatus and no Content-Length", [stdout(1, "X: y\r\n\r\nabc"), end(1, 1)], "APP_STATUS"],
    ["followed by a refusal", [stdout(1, "X: y\r\n\r\nabc"), end(1, 0, 2)], "REFUSED"],
    ["followed by garbage", [stdout(1, "X: y\r\n\r\nabc"), { ...end(1), version: 0 }], undefined],
  ] as readonly [string, WireRecord[], string | undefined][]
) {
  clientTest(`Response body fails when it is ${what}`, {}, always(...answered), async ({ client }) => {
    const response = await client.fetch("/").catch((error) => error);
    const failure = response instanceof Response ? await textOrError(response) : response;
    assertInstanceOf(failure, FastCgiError);
    if (code !== undefined) assertEquals(failure.code, code);
    assertEquals(failure.side, "upstream");
  });
}

clientTest("Response body is whole when Content-Length vouches for it in spite of an appStatus", {}, async (app) => {
  await app.untilSent();
  app.send(stdout(1, "Content-Length: 3\r\n\r\nabc"), end(1, 5));
}, async ({ client }) => {
  const ends: number[] = [];
  const response = await client.fetch("/", { onEnd: ({ appStatus }) => void ends.push(appStatus) });
  assertEquals([await response.text(), ends], ["abc", [5]]);
});

clientTest("Response body ends when END_REQUEST comes without the end of STDOUT", {}, async (app) => {
  await app.untilSent();
  app.send(stdout(1, "X: y\r\n\r\nabc"), end(1));
}, async ({ client }) => {
  assertEquals(await (await client.fetch("/")).text(), "abc");
});

// The connection ends, well or not, after every possible number of bytes of an answer.
const recorded = bytesOf([
  stderr(1, "note"),
  stdout(1, "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n"),
  stdout(1, "hello"),
  stdout(1),
  end(1),
]);
for (const way of ["end", "reset"] as const) {
  Deno.test(`fetch tells no success when the connection's ${way} comes at any byte of the answer`, async () => {
    await inClientScene({}, async (connection, index) => {
      await connection.untilSent();
      connection.sendBytes(recorded.slice(0, index));
      // A reset overtakes what is under way; both are to be seen.
      if (way === "reset" && index % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      connection[way]();
    }, async ({ client }) => {
      for (let length = 0; length <= recorded.length; length++) {
        const result = await bounded(
          client.fetch("/").then(textOrError, (error) => error as Error),
          `an end at ${length}`,
        );
        if (length === recorded.length && way === "end") assertEquals(result, "hello");
        else if (length < recorded.length || typeof result !== "string") {
          assertInstanceOf(result, FastCgiError, `at ${length}: ${String(result)}`);
        }
        if (way === "end" && length < recorded.length) assertEquals((result as FastCgiError).code, "UNEXPECTED_END");
      }
      assertEquals(client.stats().connections, 0);
    });
  });
}

// Each byte of each record's header but the padding's length and the reserved one, wrong in two ways.
for (const flip of [0x01, 0xff]) {
  Deno.test(`fetch tells no success when any byte of a record's header is wrong by ${flip}`, async () => {
    const records = [
      stderr(1, "a note"),
      stdout(1, "Content-Length: 5\r\n\r\n"),
      stdout(1, "hello"),
      stdout(1),
      end(1),
    ];
    const wrong = records.flatMap((_, which) =>
      [0, 1, 2, 3, 4, 5]
        // Neither is missed: what is on STDERR, and the end of STDOUT before END_REQUEST.
        .filter((at) => !(at === 1 && (which === 0 || which === 3)))
        .map((at) => {
          const bytes = bytesOf(records);
          bytes[bytesOf(records.slice(0, which)).length + at]! ^= flip;
          return { bytes, what: `record ${which}, byte ${at}` };
        })
    );
    await inClientScene({}, async (connection, index) => {
      await connection.untilSent();
      connection.sendBytes(wrong[index]!.bytes);
      connection.end();
    }, async ({ client }) => {
      for (const { what } of wrong) {
        const result = await bounded(client.fetch("/").then(textOrError, (error) => error as Error), what);
        assertInstanceOf(result, FastCgiError, `${what}: ${String(result)}`);
      }
      assertEquals(client.stats().connections, 0);
    });
  });
}

for (
  const [what, head, status, statusText, length, notes] of [
    ["an empty Content-Length", "Content-Length:", 200, "OK", null, 1],
    ["a Content-Length with a sign", "Content-Length: +5", 200, "OK", null, 1],
    ["a Content-Length of letters", "Content-Length: x", 200, "OK", null, 1],
    ["two lengths", "Content-Length: 1\r\nContent-Length: 2", 200, "OK", null, 1],
    ["a length said twice", "Content-Length: 5, 5", 200, "OK", "5", 0],
    ["two equal lengths", "Content-Length: 5\r\nContent-Length: 5", 200, "OK", "5", 0],
    ["a colon behind the status", "Status: 404: Not Found", 404, "Not Found", null, 0],
    ["a control character in a field", "X: a\x01b", 200, "OK", null, 1],
    ["a name that is no token", "X(y): z", 200, "OK", null, 1],
    ["a second Status", "Status: 201\r\nStatus: 500", 201, "Created", null, 1],
  ] as const
) {
  const told: string[] = [];
  const onStderr = (text: string): void => void told.push(text);
  clientTest(
    `fetch delivers a response with ${what}`,
    { onStderr },
    always(...answer(head, "hello")),
    async (scene) => {
      const response = await scene.client.fetch("/");
      assertEquals([response.status, response.statusText, response.headers.get("content-length")], [
        status,
        statusText,
        length,
      ]);
      assertEquals([response.headers.has("x"), await response.text(), told.length], [false, "hello", notes]);
      for (const text of told) {
        assertMatch(text, /^webfcgi: left out of the response ".*", wh?[\w ]+\n$|the second Status\n$/);
      }
    },
  );
}

for (const parts of [["hello\n\n"], ["hello", "\n", "\n"], ["hel", "lo\n\n", "more"]]) {
  const told: string[] = [];
  const onStderr = (text: string): void => void told.push(text);
  clientTest(
    `fetch delivers what Content-Length says when ${JSON.stringify(parts)} comes`,
    { onStderr, keepAlive: true },
    async (connection) => {
      await connection.untilSent();
      connection.send(stdout(1, "Content-Length: 5\r\n\r\n"), ...parts.map((part) => stdout(1, part)), end(1));
    },
    async ({ client }) => {
      const response = await client.fetch("/");
      assertEquals([await response.text(), response.headers.get("content-length")], ["hello", "5"]);
      assertEquals(told, ["webfcgi: dropped what follows the 5 bytes of the response's Content-Length\n"]);
      assertEquals(client.stats().idleConnections, 1, "nothing is wrong with the connection");
    },
  );
}

const many: string[] = [];
clientTest(
  "onStderr names eight of the fields that are left out, and counts the rest",
  { onStderr: (text) => void many.push(text) },
  always(...answer("X: a\x01b\r\n".repeat(100) + "A: b")),
  async ({ client }) => {
    const response = await client.fetch("/");
    assertEquals([response.headers.get("a"), many.length], ["b", 9]);
    assertEquals(many[8], "webfcgi: left out of the response 92 fields more\n");
  },
);
