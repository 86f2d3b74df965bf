import { FastResponse } from "@webfcgi/webfcgi";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "../std/assert.ts";
import { serveTest } from "../server/scene.ts";
import { utf8Bytes } from "../helpers/bytes.ts";

Deno.test("FastResponse passes for a Response", () => {
  const response = new FastResponse("x");
  assertInstanceOf(response, Response);
  assertInstanceOf(response, FastResponse);
  assertEquals(Object.prototype.toString.call(response), "[object Response]");
  assertEquals([FastResponse.name, FastResponse.length, response.constructor.name], ["Response", 0, "Response"]);
  assertInstanceOf(new Response(), FastResponse);
});

Deno.test("FastResponse has what it was made of", () => {
  const plain = new FastResponse();
  assertEquals(
    [plain.status, plain.statusText, plain.ok, plain.body, plain.bodyUsed, plain.type, plain.url, plain.redirected],
    [200, "", true, null, false, "default", "", false],
  );
  const { status, statusText, ok, headers } = new FastResponse("x", {
    status: 404,
    statusText: "Gone Fishing",
    headers: { "X-A": "1" },
  });
  assertEquals([status, statusText, ok], [404, "Gone Fishing", false]);
  assertEquals([...headers], [["content-type", "text/plain;charset=UTF-8"], ["x-a", "1"]]);
  assertEquals(new FastResponse(utf8Bytes("x")).headers.has("content-type"), false);
  assertEquals(new FastResponse(null, { headers: new Headers({ a: "b" }) }).headers.get("a"), "b");
});

Deno.test("FastResponse reads its body in every form", async () => {
  assertEquals(await new FastResponse("caf\xe9").text(), "caf\xe9");
  assertEquals(await new FastResponse('{"a":1}').json(), { a: 1 });
  assertEquals(await new FastResponse(utf8Bytes("ab")).bytes(), utf8Bytes("ab"));
  assertEquals(new Uint8Array(await new FastResponse("ab").arrayBuffer()), utf8Bytes("ab"));
  const blob = await new FastResponse("ab", { headers: { "content-type": "a/b" } }).blob();
  assertEquals([await blob.text(), blob.type], ["ab", "a/b"]);
  assertEquals((await new FastResponse(new URLSearchParams("a=1")).formData()).get("a"), "1");
  assertEquals(await new FastResponse().text(), "");
});

Deno.test("FastResponse can be read once", async () => {
  const response = new FastResponse("x");
  assertEquals(response.bodyUsed, false);
  await response.text();
  assertEquals(response.bodyUsed, true);
  await assertRejects(() => response.text(), TypeError);
  assertThrows(() => response.clone(), TypeError);
});

Deno.test("FastResponse gives its body as a stream", async () => {
  const response = new FastResponse("hello");
  assertStrictEquals(response.body, response.body);
  assertEquals(await new Response(response.body).text(), "hello");
});

Deno.test("FastResponse can be cloned", async () => {
  const response = new FastResponse("hello", { status: 201, headers: { "x-a": "1" } });
  const clone = response.clone();
  assertEquals([clone.status, clone.headers.get("x-a")], [201, "1"]);
  assertEquals([await clone.text(), await response.text()], ["hello", "hello"]);
});

Deno.test("FastResponse has the statics of Response", async () => {
  assertEquals(FastResponse.error().type, "error");
  assertEquals(FastResponse.redirect("http://x/y", 307).status, 307);
  const json = FastResponse.json({ a: 1 }, { status: 201 });
  assertEquals([json.status, json.headers.get("content-type")], [201, "application/json"]);
  assertEquals(await json.json(), { a: 1 });
  assertThrows(() => FastResponse.json(undefined), TypeError);
});

Deno.test("FastResponse throws what Response throws", () => {
  for (const status of [0, 199, 600, 1000]) assertThrows(() => new FastResponse(null, { status }), RangeError);
});

serveTest("serve sends a FastResponse whose headers were changed", {
  fetch() {
    const response = new FastResponse("x", { headers: { a: "1" } });
    response.headers.set("b", "2");
    response.headers.delete("a");
    response.headers.append("set-cookie", "c=1");
    response.headers.append("set-cookie", "d=1");
    return response;
  },
}, async ({ ask }) => {
  assertEquals(
    (await ask()).head,
    "b: 2\r\ncontent-type: text/plain;charset=UTF-8\r\nset-cookie: c=1\r\nset-cookie: d=1\r\n" +
      "Content-Length: 1\r\nStatus: 200 OK\r\n\r\n",
  );
});

serveTest("serve sends a FastResponse whose body was looked at", {
  fetch() {
    const response = new FastResponse("hello");
    assert(response.body);
    return response;
  },
}, async ({ ask }) => assertEquals((await ask()).text, "hello"));

serveTest("serve sends a FastResponse and its clone", {
  fetch(request) {
    const response = new FastResponse("hello");
    const clone = response.clone();
    return request.url.endsWith("/clone") ? clone : response;
  },
}, async ({ ask }) => {
  assertEquals((await ask()).text, "hello");
  assertEquals((await ask({ uri: "/clone" })).text, "hello");
});

serveTest("serve answers 500 when a FastResponse has been read", {
  async fetch() {
    const response = new FastResponse("hello");
    await response.text();
    return response;
  },
}, async ({ ask, errors }) => {
  assertEquals((await ask()).status, 500);
  assertEquals(errors.splice(0).length, 1);
});

serveTest("serve sends the same FastResponse twice when its body is in memory", {
  fetch: () => kept,
}, async ({ ask }) => {
  assertEquals((await ask()).text, "kept");
  assertEquals((await ask()).text, "kept");
});
const kept = new FastResponse("kept");
