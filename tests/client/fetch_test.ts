import { decodePairs } from "@webfcgi/webfcgi/codec";
import { createClient, LimitError } from "@webfcgi/webfcgi/client";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "../std/assert.ts";
import { always, answer, clientTest } from "./application.ts";
import { latin1Bytes } from "../helpers/bytes.ts";

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
  const form = await new Response(latin1Bytes(sent) as Uint8Array<ArrayBuffer>, {
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
    ["/", { remoteAddr: { hostname: "192.0.2.1" } }, "remoteAddr is an object; write a string"],
    ["/", { params: null }, "params is null; write an object"],
    ["/", { scriptFileName: "/a.php" }, "did you mean scriptFilename?"],
    ["/", { keepAlive: true }, 'no option "keepAlive"'],
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
      return decodePairs(latin1Bytes(block)).length > 0;
    } catch {
      return false;
    }
  });
  assert(whole.length >= 2, "A and B came each in a record of whole pairs");
});

clientTest("fetch rejects when nothing listens", { maxConnections: 1 }, () => {}, async ({ client }) => {
  await client.close();
  const nowhere = createClient("unix:/nonexistent/webfcgi.sock");
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
