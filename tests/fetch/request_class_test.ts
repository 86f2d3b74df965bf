import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "../std/assert.ts";
import { type Scene, type SceneOptions, serveTest } from "../server/scene.ts";
import type { AskOptions } from "../server/web_server.ts";
import { isBun } from "../helpers/this_runtime.ts";

/** Defines a test of a request in a handler's hands, our own and the runtime's. */
function requestTest(
  name: string,
  use: (request: Request, native: boolean) => unknown,
  options: AskOptions = { method: "POST", uri: "/a?b", body: "hello", params: { HTTP_X_A: "1", CONTENT_TYPE: "a/b" } },
): void {
  for (const nativeRequest of [false, true]) {
    serveTest(`${name}${nativeRequest ? " (native)" : ""}`, {
      request: nativeRequest ? "native" : "lazy",
      async fetch(request) {
        await use(request, nativeRequest);
        return new Response("done");
      },
    }, async ({ ask, errors }) => {
      const { text } = await ask(options);
      if (errors.length > 0) throw errors.splice(0)[0];
      assertEquals(text, "done");
    });
  }
}

const URL_SENT = "http://example.com/a?b";

requestTest("request passes for a Request", (request) => {
  assertInstanceOf(request, Request);
  assert(request instanceof globalThis.Request);
  assertEquals(Object.prototype.toString.call(request), "[object Request]");
  assertEquals(request.constructor.name, "Request");
  assertInstanceOf(request.headers, Headers);
  assertInstanceOf(request.signal, AbortSignal);
  assertStrictEquals(request.headers, request.headers);
  assertStrictEquals(request.signal, request.signal);
  for (const name of ["url", "method", "headers", "body", "bodyUsed", "signal", "text", "json", "clone", "formData"]) {
    assert(name in request, name);
  }
  for (const name of ["text", "json", "arrayBuffer", "blob", "formData", "clone"] as const) {
    assertEquals(typeof request[name], "function");
  }
});

serveTest("request has the properties of a Request that a server received", {
  fetch(request) {
    const { cache, credentials, destination, integrity, keepalive, mode, redirect, referrer, referrerPolicy } = request;
    return Response.json({
      ...{ cache, credentials, destination, integrity, keepalive, mode, redirect, referrer, referrerPolicy },
      duplex: (request as Request & { duplex: string }).duplex,
    });
  },
}, async ({ ask }) => {
  assertEquals(JSON.parse((await ask()).text), {
    cache: "default",
    credentials: "same-origin",
    destination: "",
    integrity: "",
    keepalive: false,
    mode: "cors",
    redirect: "follow",
    referrer: "about:client",
    referrerPolicy: "",
    duplex: "half",
  });
});

requestTest("request.headers can be changed", (request) => {
  request.headers.set("x-new", "1");
  request.headers.delete("x-a");
  assertEquals([request.headers.get("x-new"), request.headers.get("x-a")], ["1", null]);
  const copy = new Request(request);
  assertEquals([copy.headers.get("x-new"), copy.headers.get("x-a")], ["1", null]);
});

requestTest("new Request(request) takes everything over", async (request, native) => {
  const copy = new Request(request);
  assertNotStrictEquals(copy, request);
  assertEquals([copy.method, copy.url, copy.headers.get("x-a")], ["POST", URL_SENT, "1"]);
  // Bun's own requests share the body instead.
  if (!native || !isBun) {
    assertEquals(request.bodyUsed, true);
    await assertRejects(() => request.text(), TypeError);
    assertThrows(() => new Request(request), TypeError);
    await assertRejects(() => fetch(request), TypeError);
  }
  assertEquals(await copy.text(), "hello");
});

requestTest("new Request(request, init) overrides the headers", async (request) => {
  const copy = new Request(request, { headers: { "x-b": "2" } });
  assertEquals([copy.method, copy.url, copy.headers.get("x-a"), copy.headers.get("x-b")], [
    "POST",
    URL_SENT,
    null,
    "2",
  ]);
  assertEquals(await copy.text(), "hello");
});

requestTest("new Request(request, init) overrides the method and drops the body", async (request) => {
  const copy = new Request(request, { method: "PUT", body: "other" });
  assertEquals([copy.method, copy.url, copy.headers.get("x-a")], ["PUT", URL_SENT, "1"]);
  assertEquals(await copy.text(), "other");
});

requestTest("new Request(request, init) overrides the method of a request without body", (request) => {
  const copy = new Request(request, { method: "DELETE" });
  assertEquals([copy.method, copy.url, copy.body], ["DELETE", "http://example.com/", null]);
}, {});

requestTest("new Request(request, init) overrides the signal", (request) => {
  const controller = new AbortController();
  const copy = new Request(request, { signal: controller.signal });
  controller.abort();
  assertEquals([copy.signal.aborted, request.signal.aborted], [true, false]);
});

requestTest("new Request(url, request) takes the request for an init", async (request) => {
  const copy = new Request("http://other.example/", request);
  assertEquals([copy.url, copy.method, copy.headers.get("x-a")], ["http://other.example/", "POST", "1"]);
  assertEquals(await copy.text(), "hello");
});

requestTest("a subclass of Request can be made of a request", async (request) => {
  class Mine extends Request {
    readonly mine = true;
  }
  const mine = new Mine(request);
  assertInstanceOf(mine, Mine);
  assertInstanceOf(mine, Request);
  assertEquals([mine.mine, mine.url, await mine.text()], [true, URL_SENT, "hello"]);
});

requestTest("request can be given more properties", (request) => {
  Object.assign(request, { params: { id: "1" } });
  assertEquals((request as unknown as { params: { id: string } }).params.id, "1");
  Object.defineProperty(request, "url", { value: "http://mounted.example/" });
  assertEquals(request.url, "http://mounted.example/");
});

requestTest("request can be wrapped in a Proxy that binds its methods", async (request) => {
  const proxy = new Proxy(request, {
    get(target, name): unknown {
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  assertEquals([proxy.url, proxy.headers.get("x-a"), await proxy.text()], [URL_SENT, "1", "hello"]);
});

serveTest("new Request(request) and fetch(request) see through a Proxy", {
  async fetch(request) {
    const proxy = new Proxy(request, { get: (target, name): unknown => Reflect.get(target, name, target) });
    const copy = new Request(proxy.clone.call(request), { headers: { "x-b": "1" } });
    const added = new Request(proxy, { headers: copy.headers });
    assertEquals([added.url, added.headers.get("x-b"), await added.text()], [URL_SENT, "1", "hello"]);
    await assertRejects(() => fetch(proxy), TypeError);
    return new Response("done");
  },
}, async ({ ask }) => assertEquals((await ask({ method: "POST", uri: "/a?b", body: "hello" })).text, "done"));

requestTest("request can be a key of a WeakMap", (request) => {
  assertEquals(new WeakMap([[request, 1]]).get(request), 1);
});

requestTest("request can be inspected", async (request) => {
  const { log } = console;
  const lines: unknown[] = [];
  console.log = (...parts) => void lines.push(parts);
  try {
    console.log(request);
  } finally {
    console.log = log;
  }
  assertEquals(lines.length, 1);
  const denoInspect = (globalThis as { Deno?: { inspect?(value: unknown): string } }).Deno?.inspect;
  const bunInspect = (globalThis as { Bun?: { inspect?(value: unknown): string } }).Bun?.inspect;
  for (const show of [inspect, denoInspect, bunInspect, String]) {
    if (show !== undefined) assertStringIncludes(show(request), "Request");
  }
  JSON.stringify(request);
  assertEquals({ ...request } instanceof Request, false);
  assertEquals(await request.text(), "hello");
});

/** Runs `use` while an HTTP server tells what it is asked. */
async function withHttpServer(use: (origin: string) => Promise<void>): Promise<void> {
  const http = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => body += chunk).on("end", () => {
      response.setHeader("x-seen", "1");
      response.setHeader("connection", "close");
      if (request.url === "/zipped") {
        const zipped = gzipSync("hello ".repeat(1000));
        response.writeHead(200, { "content-encoding": "gzip", "content-length": zipped.length, etag: '"1"' });
        return response.end(zipped);
      }
      response.end(JSON.stringify([request.method, request.url, request.headers["x-a"] ?? null, body]));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  } finally {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  }
}

/** Defines a test of a handler that passes its request on to an HTTP server. */
function proxyTest(
  name: string,
  pass: (request: Request, origin: string) => Promise<Response>,
  check: (scene: Scene, host: string) => Promise<void>,
): void {
  for (const nativeRequest of [false, true]) {
    const title = `${name}${nativeRequest ? " (native)" : ""}`;
    let origin = "";
    const options: SceneOptions = {
      request: nativeRequest ? "native" : "lazy",
      fetch: (request) => pass(request, origin),
    };
    serveTest(title, options, (scene) =>
      withHttpServer(async (of) => {
        origin = of;
        await check(scene, of.slice("http://".length));
      }));
  }
}

proxyTest("fetch(request) passes a request on", (request) => fetch(request), async ({ connect }, HTTP_HOST) => {
  const web = await connect();
  const params = { HTTP_HOST, HTTP_X_A: "1" };
  const get = await web.ask({ uri: "/x?y", params }).answer();
  assertEquals([JSON.parse(get.text), get.headers.get("x-seen")], [["GET", "/x?y", "1", ""], "1"]);
  const post = await web.ask({ method: "POST", uri: "/x?y", params, body: "hello" }).answer();
  assertEquals(JSON.parse(post.text), ["POST", "/x?y", "1", "hello"]);
});

proxyTest("fetch(request, init) passes a request on with changes", (request) => {
  return fetch(request, { headers: { "x-a": "changed" } });
}, async ({ ask }, HTTP_HOST) => {
  const answer = await ask({ method: "PUT", uri: "/x", params: { HTTP_HOST }, body: "hello" });
  assertEquals(JSON.parse(answer.text), ["PUT", "/x", "changed", "hello"]);
});

proxyTest("fetch(url, request) passes a request on to elsewhere", (request, origin) => {
  const { pathname } = new URL(request.url);
  return fetch(`${origin}/mounted${pathname}`, request);
}, async ({ ask }) => {
  const answer = await ask({ method: "POST", uri: "/x", params: { HTTP_X_A: "1" }, body: "hello" });
  assertEquals(JSON.parse(answer.text), ["POST", "/mounted/x", "1", "hello"]);
});

proxyTest("fetch(new Request(url, request)) passes a request on to elsewhere", (request, origin) => {
  return fetch(new Request(`${origin}/there`, request));
}, async ({ ask }) => {
  const answer = await ask({ method: "POST", params: { HTTP_X_A: "1" }, body: "hello" });
  assertEquals(JSON.parse(answer.text), ["POST", "/there", "1", "hello"]);
});

proxyTest("fetch(request) passes a compressed response on as what it was read as", (request) => {
  return fetch(request);
}, async ({ ask }, HTTP_HOST) => {
  const answer = await ask({ uri: "/zipped", params: { HTTP_HOST, HTTP_ACCEPT_ENCODING: "gzip" } });
  const encoding = answer.headers.get("content-encoding");
  assertEquals([answer.status, encoding, answer.headers.get("etag"), answer.text.length], [200, null, '"1"', 6000]);
});
