import { decodePairs } from "@webfcgi/webfcgi/codec";
import {
  AppStatusError,
  createClient,
  FastCgiError,
  LimitError,
  ProtocolError,
  RequestRefusedError,
} from "@webfcgi/webfcgi/client";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "../std/assert.ts";
import { bounded, gate, sleep, until } from "../server/scene.ts";
import { bytesOf, end, latin1, record, stderr, stdout, type WireRecord } from "../vectors/wire.ts";
import { always, answer, clientTest, inClientScene, textOrError } from "./application.ts";

const ok = answer("Content-Type: text/plain", "hello");

clientTest("fetch returns the application's response", {}, always(...ok), async ({ client, connections }) => {
  const response = await client.fetch("http://example.com/a?b=c#d");
  assertInstanceOf(response, Response);
  assertEquals([response.status, response.statusText, response.headers.get("content-type")], [200, "OK", "text/plain"]);
  assertEquals(await response.text(), "hello");
  assertEquals(connections[0]!.stream(1), "\0\x01\0\0\0\0\0\0", "a Responder, the connection not kept");
  const params = connections[0]!.params();
  assertEquals(
    [params.REQUEST_METHOD, params.REQUEST_URI, params.QUERY_STRING, params.HTTP_HOST, params.SERVER_PORT],
    ["GET", "/a?b=c", "b=c", "example.com", "80"],
  );
  assertEquals(params.CONTENT_LENGTH, "");
});

clientTest("fetch takes a path for one of http://localhost", {}, always(...ok), async ({ client, connections }) => {
  await client.fetch("//a");
  assertEquals([connections[0]!.params().REQUEST_URI, connections[0]!.params().HTTP_HOST], ["//a", "localhost"]);
});

clientTest("fetch sends method, headers and body", {}, always(...ok), async ({ client, connections }) => {
  const headers = { "X-A": "1", Proxy: "evil", Host: "h:8443", "Content-Type": "a/b" };
  await client.fetch(new URL("https://example.com:8443/"), { method: "put", headers, body: "h\u00e9" });
  const params = connections[0]!.params();
  assertEquals([params.REQUEST_METHOD, params.HTTP_X_A, params.CONTENT_TYPE, params.CONTENT_LENGTH], [
    "PUT",
    "1",
    "a/b",
    "3",
  ]);
  assertEquals([params.HTTP_HOST, params.HTTPS, params.SERVER_PORT], ["h:8443", "on", "8443"]);
  assertEquals(Object.keys(params).filter((name) => name.includes("PROXY")), []);
  assertEquals(connections[0]!.stream(5), "h\xc3\xa9");
});

for (
  const [name, body, type, sent] of [
    ["a string", "a=b", "text/plain;charset=UTF-8", "a=b"],
    ["URLSearchParams", new URLSearchParams({ a: "b c" }), "application/x-www-form-urlencoded;charset=UTF-8", "a=b+c"],
    ["bytes", new Uint8Array([1, 2]).subarray(1), "", "\x02"],
    ["an ArrayBuffer", new Uint8Array([1, 2]).buffer, "", "\x01\x02"],
    ["a DataView", new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 1), "", "\x02"],
    ["a Blob", new Blob(["ab"], { type: "x/y" }), "x/y", "ab"],
  ] as const
) {
  clientTest(`fetch sends ${name} with its type and length`, {}, always(...ok), async ({ client, connections }) => {
    await client.fetch("/", { method: "POST", body });
    const params = connections[0]!.params();
    assertEquals([params.CONTENT_TYPE, params.CONTENT_LENGTH], [type, String(sent.length)]);
    assertEquals(connections[0]!.stream(5), sent);
  });
}

clientTest("fetch sends FormData with its boundary", {}, always(...ok), async ({ client, connections }) => {
  const body = new FormData();
  body.set("a", "1");
  body.set("f", new File(["x".repeat(100_000)], "f.txt"));
  await client.fetch("/", { method: "POST", body });
  const { CONTENT_TYPE = "", CONTENT_LENGTH } = connections[0]!.params();
  const sent = connections[0]!.stream(5);
  assertEquals(CONTENT_LENGTH, String(sent.length));
  const form = await new Response(latin1(sent) as Uint8Array<ArrayBuffer>, {
    headers: { "content-type": CONTENT_TYPE },
  })
    .formData();
  assertEquals([form.get("a"), (form.get("f") as File).size], ["1", 100_000]);
});

clientTest(
  "fetch sends a Request, and init in place of its parts",
  {},
  always(...ok),
  async ({ client, connections }) => {
    const request = new Request("http://a.example/x", { method: "POST", body: "abc", headers: { "x-a": "1" } });
    await client.fetch(request, { headers: { "x-b": "2" }, params: { EXTRA: "3", SERVER_NAME: "s" } });
    const params = connections[0]!.params();
    assertEquals([params.REQUEST_METHOD, params.HTTP_X_A, params.HTTP_X_B], ["POST", undefined, "2"]);
    assertEquals([params.EXTRA, params.SERVER_NAME], ["3", "s"]);
    assertEquals([connections[0]!.stream(5), params.CONTENT_LENGTH], ["abc", "3"]);
  },
);

clientTest("fetch collects a body of unknown length", {}, always(...ok), async ({ client, connections }) => {
  const body = ReadableStream.from([latin1("ab"), latin1("cd")]) as ReadableStream<Uint8Array>;
  await client.fetch("/", { method: "POST", body, duplex: "half" });
  assertEquals([connections[0]!.stream(5), connections[0]!.params().CONTENT_LENGTH], ["abcd", "4"]);
});

clientTest(
  "fetch rejects a body of unknown length that is longer than maxBufferedBodyBytes",
  { maxBufferedBodyBytes: 3 },
  () => {},
  async ({ client, connections }) => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(latin1("ab")),
      cancel: () => void (cancelled = true),
    });
    const error = await assertRejects(() => client.fetch("/", { method: "POST", body }), LimitError);
    assertEquals([error.limit, error.max, cancelled, connections.length], ["maxBufferedBodyBytes", 3, true, 0]);
    assertStringIncludes(error.message, "maxBufferedBodyBytes, 3");
  },
);

clientTest(
  "fetch sends a body of unknown length as it comes when unknownLengthBodies is stream",
  { unknownLengthBodies: "stream" },
  () => {},
  async ({ client, connection }) => {
    const more = gate();
    const body = ReadableStream.from((async function* () {
      yield latin1("ab");
      await more.promise;
      yield latin1("cd");
    })()) as ReadableStream<Uint8Array>;
    const fetched = client.fetch("/", { method: "POST", body });
    const app = await connection();
    await until(() => app.stream(5) === "ab", "the first part");
    // Full duplex: the answer begins while the body is still coming.
    app.send(stdout(1, "Status: 200\r\n\r\nearly "));
    const response = await bounded(fetched, "the response");
    more.open();
    await app.untilSent();
    assertEquals([app.stream(5), app.params().CONTENT_LENGTH], ["abcd", ""]);
    app.send(stdout(1, "late"), end(1));
    assertEquals(await response.text(), "early late");
  },
);

for (const [length, sent] of [["5", "only 4 of"], ["3", "more than"]] as const) {
  clientTest(
    `fetch gives the request up when its body is not the ${length} bytes of its Content-Length`,
    {},
    () => {},
    async ({ client, connection }) => {
      const body = ReadableStream.from([latin1("abcd")]) as ReadableStream<Uint8Array>;
      const headers = { "content-length": length };
      await assertRejects(() => client.fetch("/", { method: "POST", body, headers }), TypeError, sent);
      const app = await connection();
      await app.untilOver();
      assert(!app.has(5, ""), "the body never ended well");
    },
  );
}

clientTest("fetch rejects with what the body fails with", {}, () => {}, async ({ client }) => {
  const thrown = new Error("on purpose");
  const body = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(thrown) });
  const headers = { "content-length": "5" };
  assertStrictEquals(await assertRejects(() => client.fetch("/", { method: "POST", body, headers })), thrown);
  const unknown = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(thrown) });
  assertStrictEquals(await assertRejects(() => client.fetch("/", { method: "POST", body: unknown })), thrown);
});

clientTest("fetch rejects what is no request", {}, () => {}, async ({ client, connections }) => {
  const cases: [string | Request, Record<string, unknown>, string][] = [
    ["/", { method: "A B" }, "no token"],
    ["/", { method: "connect" }, "forbidden"],
    ["/", { body: "x" }, "a GET request has no body"],
    ["ftp://a/", {}, "not one of http or https"],
    ["no url", {}, ""],
    ["/", { role: "king" }, "role"],
    ["/", { method: "POST", body: new ReadableStream(), headers: { "content-length": "-1" } }, "Content-Length"],
    ["/", { method: "POST", body: 5 }, "cannot be sent"],
  ];
  for (const [input, init, message] of cases) {
    await assertRejects(() => client.fetch(input, init), TypeError, message);
  }
  const used = new Request("http://a/", { method: "POST", body: "x" });
  await used.text();
  await assertRejects(() => client.fetch(used), TypeError, "has been read");
  assertEquals(connections.length, 0);
});

clientTest("fetch rejects parameters beyond maxParamsBytes", { maxParamsBytes: 2000 }, () => {}, async ({ client }) => {
  const error = await assertRejects(() => client.fetch("/", { params: { A: "x".repeat(2000) } }), LimitError);
  assertEquals(error.limit, "maxParamsBytes");
});

clientTest("fetch never cuts a pair that fits into a record", {}, always(...ok), async ({ client, connections }) => {
  const params = { A: "a".repeat(40_000), B: "b".repeat(40_000), C: "c".repeat(70_000) };
  await client.fetch("/", { params });
  const blocks = connections[0]!.records.filter(({ type }) => type === 4).map(({ content }) => content);
  const seen = connections[0]!.params();
  assertEquals([seen.A, seen.B, seen.C], [params.A, params.B, params.C]);
  const whole = blocks.filter((block) => {
    try {
      return decodePairs(latin1(block)).length > 0;
    } catch {
      return false;
    }
  });
  assert(whole.length >= 2, "A and B came each in a record of whole pairs");
});

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

for (const [method, status] of [["HEAD", 200], ["GET", 204], ["GET", 304], ["GET", 205]] as const) {
  clientTest(
    `fetch drops the body of ${method} with status ${status}`,
    {},
    always(...answer(`Status: ${status} X\r\nContent-Length: 99`, "abc")),
    async ({ client }) => {
      const response = await client.fetch("/", { method });
      assertEquals([response.status, response.body, response.headers.get("content-length")], [status, null, "99"]);
    },
  );
}

clientTest("fetch streams the body as it comes", {}, () => {}, async ({ client, connection }) => {
  const fetched = client.fetch("/");
  const app = await connection();
  app.send(stdout(1, "Status: 200\r\n\r\na"));
  const reader = (await fetched).body!.getReader();
  assertEquals((await reader.read()).value, latin1("a"));
  app.send(stdout(1, "b"));
  assertEquals((await reader.read()).value, latin1("b"));
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
  await sleep(200);
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
    ["a bad length", [stdout(1, "Content-Length: x\r\n\r\n"), end(1)], "BAD_HEAD", "Content-Length"],
    [
      "two lengths",
      [stdout(1, "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), end(1)],
      "BAD_HEAD",
      "Content-Length",
    ],
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
    assertEquals(error.code, code);
    if (error instanceof RequestRefusedError) assertEquals([code, error.protocolStatus > 0], ["REFUSED", true]);
    else if (error instanceof AppStatusError) assertEquals([code, error.appStatus], ["APP_STATUS", 7]);
    else assertInstanceOf(error, ProtocolError);
    assertEquals(client.stats().activeRequests, 0);
  });
}

clientTest("fetch rejects when the answer is garbage", {}, async (connection) => {
  await connection.untilSent();
  connection.sendBytes(latin1("HTTP/1.1 400 Bad Request\r\n\r\n"));
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
    ["longer than Content-Length", answer("Content-Length: 3", "longer"), "BAD_LENGTH"],
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

clientTest("fetch quotes FCGI_STDERR in its error, and onStderr is told of it", {}, async (connection) => {
  await connection.untilSent();
  connection.send(stderr(1, "PHP Fatal: \xc3"), stderr(1, "\xa4\n"), end(1, 255));
}, async ({ client }) => {
  const error = await assertRejects(() => client.fetch("/a"), AppStatusError);
  assertEquals(error.appStatus, 255);
  assertMatch(error.message, /appStatus 255 and nothing; it wrote to FCGI_STDERR: PHP Fatal: ä$/);
});

Deno.test("onStderr is told the text and the request", async () => {
  const seen: string[] = [];
  await inClientScene(
    { onStderr: (text, { method, url }) => void seen.push(`${method} ${url} ${text}`) },
    always(stderr(1, "careful"), ...ok),
    async ({ client }) => {
      await client.fetch("/a", { method: "DELETE" });
    },
  );
  assertEquals(seen, ["DELETE http://localhost/a careful"]);
});

clientTest("fetch rejects when nothing listens", { maxConnections: 1 }, () => {}, async ({ client }) => {
  await client.close();
  const nowhere = createClient({ path: "/nonexistent/webfcgi.sock" });
  const results = await Promise.allSettled([nowhere.fetch("/"), nowhere.fetch("/"), nowhere.capabilities()]);
  for (const result of results) {
    assertEquals(result.status, "rejected");
    assertMatch(
      String((result as PromiseRejectedResult).reason),
      /Cannot connect to unix:\/nonexistent\/webfcgi\.sock/,
    );
  }
  assertEquals([nowhere.stats().connections, nowhere.stats().queuedRequests], [0, 0]);
  await nowhere.close();
});
