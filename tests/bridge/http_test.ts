/** The bridge behind the runtime's own HTTP server, with an application of our own. */

import { type Handlers, type NetAddr, serve } from "@webfcgi/webfcgi";
import { bridge, type BridgeOptions } from "@webfcgi/webfcgi/bridge";
import { createClient } from "@webfcgi/webfcgi/client";
import { assert, assertEquals, assertMatch } from "../std/assert.ts";
import { bounded, gate, until } from "../server/scene.ts";
import { type HttpFront, rawRequest, startFront } from "./http_front.ts";
import { withFolder } from "./site.ts";

/** What a test has. */
interface HttpScene {
  readonly front: HttpFront;
  readonly root: string;
  /** What the bridge told of errors. */
  readonly errors: unknown[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

const big = new Uint8Array(3_000_000).map((_, at) => at % 251);
const files = { "big.bin": big, "a.txt": "0123456789", "../secret.txt": "SECRET", "sub/index.html": "page" };

function httpTest(
  name: string,
  handlers: Handlers,
  options: BridgeOptions,
  body: (scene: HttpScene) => Promise<void>,
): void {
  Deno.test(name, () =>
    withFolder(files, async (root) => {
      const errors: unknown[] = [];
      const server = serve({ port: 0, onListen() {}, onError() {}, shutdownTimeoutMs: 1000, ...handlers });
      await server.ready;
      const client = createClient({ port: (server.addr as NetAddr).port, onStderr() {} });
      const onError = (error: unknown): void => void errors.push(error);
      const front = await startFront(bridge(client, { root, frontController: "", onError, ...options }));
      const fetch = (path: string, init?: RequestInit): Promise<Response> =>
        bounded(globalThis.fetch(`http://127.0.0.1:${front.port}${path}`, init), `an answer to ${path}`);
      try {
        await body({ front, root, errors, fetch });
      } finally {
        await bounded(front.close(), "the HTTP server to close");
        await bounded(client.close(), "the client to close");
        await bounded(server.close(), "the server to close");
      }
    }));
}

const echo: Handlers = {
  fetch: async (request, { remoteAddr, pathInfo }) => {
    const { length } = await request.bytes();
    const { hostname, port } = remoteAddr as NetAddr;
    const headers = [["set-cookie", "a=1"], ["set-cookie", "b=2"]] as [string, string][];
    return new Response(JSON.stringify([request.method, request.url, pathInfo, length, hostname, port > 0]), {
      headers,
    });
  },
};

httpTest("bridge gives the application what the HTTP server got when nothing else has it", echo, {}, async (
  { front, fetch },
) => {
  const host = `http://127.0.0.1:${front.port}`;
  for (const [method, body] of [["GET", null], ["POST", big], ["PUT", "text"], ["DELETE", null]] as const) {
    const response = await fetch("/a/%C3%A4%2Fb?c=d", { method, body });
    assertEquals(await response.json(), [
      method,
      `${host}/a/%C3%A4%2Fb?c=d`,
      "/a/\u00e4/b",
      body?.length ?? 0,
      "127.0.0.1",
      true,
    ]);
    assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
  }
});

httpTest("bridge streams a long file whole and in part over HTTP", echo, {}, async ({ front, fetch }) => {
  const whole = await fetch("/big.bin");
  assertEquals([whole.status, whole.headers.get("content-length")], [200, "3000000"]);
  assertEquals(new Uint8Array(await whole.arrayBuffer()), big);
  const part = await fetch("/big.bin", { headers: { range: "bytes=1000000-" } });
  assertEquals([part.status, part.headers.get("content-range")], [206, "bytes 1000000-2999999/3000000"]);
  assertEquals(new Uint8Array(await part.arrayBuffer()), big.subarray(1_000_000));
  const head = await rawRequest(front.port, "HEAD /big.bin HTTP/1.1");
  assertEquals([head.status, head.headers.get("content-length"), head.body], [200, "3000000", ""]);
  const etag = head.headers.get("etag")!;
  const again = await rawRequest(front.port, "GET /big.bin HTTP/1.1", `If-None-Match: ${etag}`);
  assertEquals([again.status, again.headers.get("etag"), again.body], [304, etag, ""]);
});

httpTest("bridge serves nothing from outside when the target of the request line says so", echo, {}, async (
  { front },
) => {
  for (
    const target of [
      "/../secret.txt",
      "/../../../../../../../../etc/passwd",
      "/sub/../../secret.txt",
      "/%2e%2e/secret.txt",
      "/..%2fsecret.txt",
      "/..%5csecret.txt",
      "/..\\secret.txt",
      "//../secret.txt",
      "/./../secret.txt",
      "/a.txt/../../secret.txt",
      "/%00../secret.txt",
    ]
  ) {
    const { status, body } = await rawRequest(front.port, `GET ${target} HTTP/1.1`);
    assert(!/SECRET|root:/.test(body), `${target}: ${body}`);
    // The application's answer, or the HTTP server's refusal.
    if (status !== 400) assertMatch(body, /^\["GET",/);
  }
  assertEquals((await rawRequest(front.port, "GET /sub/../a.txt HTTP/1.1")).body, "0123456789");
});

httpTest("bridge sends to the folder with its slash over HTTP", echo, {}, async ({ front, fetch }) => {
  const { status, headers } = await rawRequest(front.port, "GET /sub?a HTTP/1.1");
  assertEquals([status, headers.get("location")], [308, "/sub/?a"]);
  assertEquals(await (await fetch("/sub")).text(), "page");
});

httpTest(
  "bridge breaks the transfer off when the application's response fails",
  {
    fetch: () => {
      let parts = 0;
      return new Response(
        new ReadableStream({
          async pull(controller) {
            if (parts++ < 3) return controller.enqueue(new Uint8Array(1000));
            await new Promise((resolve) => setTimeout(resolve, 20));
            throw new Error("failed");
          },
        }),
      );
    },
  },
  {},
  async ({ front }) => {
    const { status, body, broken, headers } = await rawRequest(front.port, "GET / HTTP/1.1");
    assertEquals([status, body.length <= 3000], [200, true]);
    assert(broken, `a whole response of ${body.length} bytes: ${[...headers].join(" ")}`);
  },
);

Deno.test("bridge has the application hear that the client has left", async () => {
  const { promise: aborted, open: abort } = gate();
  let started = false;
  const server = serve({ port: 0, onListen() {}, onError() {}, shutdownTimeoutMs: 1000 }, (request) => {
    started = true;
    request.signal.addEventListener("abort", () => abort());
    return new Promise(() => {});
  });
  await server.ready;
  const client = createClient({ port: (server.addr as NetAddr).port, onStderr() {} });
  const front = await startFront(bridge(client));
  try {
    const leaving = new AbortController();
    const asked = fetch(`http://127.0.0.1:${front.port}/`, { signal: leaving.signal }).catch(() => {});
    await until(() => started, "the handler to run");
    leaving.abort();
    await asked;
    await bounded(aborted, "the handler's signal");
  } finally {
    await bounded(front.close(), "the HTTP server to close");
    await bounded(client.close(), "the client to close");
    await bounded(server.close(), "the server to close");
  }
});

Deno.test("bridge answers 502 when there is no application", async () => {
  const errors: unknown[] = [];
  const client = createClient({ port: 1 });
  const handler = bridge(client, { onError: (error) => void errors.push(error) });
  const response = await handler(new Request("http://localhost/"));
  assertEquals([response.status, await response.text()], [502, "502 Bad Gateway\n"]);
  assertMatch(String(errors[0]), /Cannot connect to 127\.0\.0\.1:1/);
  await client.close();
});
