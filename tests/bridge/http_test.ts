/** The bridge behind the runtime's own HTTP server, with an application of our own. */

import { connect } from "node:net";
import { type Handlers, type NetAddr, serve } from "@webfcgi/webfcgi";
import { bridge, type BridgeOptions } from "@webfcgi/webfcgi/bridge";
import { createClient } from "@webfcgi/webfcgi/client";
import { assert, assertEquals, assertMatch } from "../std/assert.ts";
import { type HttpFront, rawRequest, startFront } from "./http_front.ts";
import { openBelow, withFolder } from "./site.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";

/** What a test has. */
interface HttpScene {
  readonly front: HttpFront;
  readonly root: string;
  /** The errors that the bridge reported. */
  readonly errors: unknown[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

const big = new Uint8Array(3_000_000).map((_, at) => at % 251);
const files = {
  "big.bin": big,
  "a.txt": "0123456789",
  "../secret.txt": "SECRET",
  "sub/index.html": "page",
  "private/s.txt": "PRIVATE",
  "private/s.php": "PRIVATE",
};
/** Deno gives handlers the target as it came; Bun and Node resolve it first. */
const isDeno = typeof (globalThis as { readonly Deno?: { readonly version?: unknown } }).Deno?.version === "object";
const isBun = "Bun" in globalThis;

function httpTest(
  name: string,
  handlers: Handlers,
  options: BridgeOptions,
  body: (scene: HttpScene) => Promise<void>,
  guard: (handler: ReturnType<typeof bridge>) => ReturnType<typeof bridge> = (handler) => handler,
): void {
  Deno.test(name, () =>
    withFolder(files, async (root) => {
      const errors: unknown[] = [];
      const server = serve({ port: 0, quiet: true, onError() {}, shutdownTimeoutMs: 1000, ...handlers });
      await server.ready;
      const client = createClient({ port: (server.addr as NetAddr).port, onStderr() {} });
      const onError = (error: unknown): void => void errors.push(error);
      const front = await startFront(guard(bridge(client, { root, frontController: "", onError, ...options })));
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
  // Bun sends no stream with its length.
  assertEquals([whole.status, whole.headers.get("content-length")], [200, isBun ? null : "3000000"]);
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
  const { status, body } = await rawRequest(front.port, "GET /sub/../a.txt HTTP/1.1");
  assertEquals([status, body], isDeno ? [400, "400 Bad Request\n"] : [200, "0123456789"]);
});

httpTest(
  "bridge keeps what a guard keeps, however the path is spelled",
  {
    fetch: (_, { params }) => new Response(`APP ${params.get("SCRIPT_NAME")}`),
  },
  { frontController: "/index.php" },
  async ({ front }) => {
    for (
      const target of [
        "/private/s.txt",
        "//private/s.txt",
        "///private/s.txt",
        "/private//s.txt",
        "/private%2fs.txt",
        "/%2fprivate/s.txt",
        "/%2Fprivate%2Fs.txt",
        "/.//private/s.txt",
        "/./private/s.txt",
        "/%2e/private/s.txt",
        "/sub/../private/s.txt",
        "/sub/%2e%2e/private/s.txt",
        "/sub%2f..%2fprivate/s.txt",
        "/private\\s.txt",
        "/private%5cs.txt",
        "\\private/s.txt",
        "/private/s.php",
        "//private/s.php",
        "/private%2fs.php",
        "/private//s.php",
        "http://private/s.txt",
        "http:///private/s.txt",
      ]
    ) {
      const { body } = await rawRequest(front.port, `GET ${target} HTTP/1.1`);
      assert(!/PRIVATE|APP \/private/.test(body), `${target}: ${body}`);
    }
  },
  (handler) => (request, info) => {
    const isPrivate = URL.canParse(request.url) && new URL(request.url).pathname.startsWith("/private/");
    return isPrivate ? Promise.resolve(new Response("guarded", { status: 403 })) : handler(request, info);
  },
);

httpTest(
  "bridge has the application read the same scheme and host as everybody before it",
  {
    fetch: (request, { params }) =>
      Response.json(
        ["HTTPS", "SERVER_PORT", "SERVER_NAME", "HTTP_HOST"].map((name) => params.get(name) ?? "-")
          .concat(request.url),
      ),
  },
  {},
  async ({ front }) => {
    const { port } = front;
    const host = `localhost:${port}`;
    for (
      const [target, ...lines] of [
        ["/x"],
        [`http://${host}/x`],
        [`https://${host}/x`],
        ["https://localhost/x", "Host: localhost"],
        ["http://evil/x"],
        ["http://evil/x", "Host: good"],
        ["http://u:p@good/x", "Host: good"],
        ["/x", "Host: good", "Host: evil"],
        ["/x", "Host: good/evil"],
        ["/x", "Host: u@good"],
        ["//evil/x", "Host: good"],
      ] as const
    ) {
      const { status, body } = await rawRequest(port, `GET ${target} HTTP/1.1`, ...lines);
      if (status === 400) continue;
      assertEquals([target, status], [target, 200]);
      const [https, serverPort, serverName, httpHost, url] = JSON.parse(body) as string[];
      const read = new URL(`http://${httpHost}/x`);
      const expected = ["-", read.port || "80", read.hostname, read.href];
      assertEquals([target, https, serverPort, serverName, url], [target, ...expected]);
    }
    assertEquals((await rawRequest(port, "GET /x HTTP/1.1")).status, 200);
    assertEquals((await rawRequest(port, "GET /x HTTP/1.0")).status, 200);
  },
);

httpTest("bridge closes a file when the client leaves, and when no body is sent", echo, {}, async (
  { front, root },
) => {
  const etag = (await rawRequest(front.port, "HEAD /big.bin HTTP/1.1")).headers.get("etag")!;
  for (let turn = 0; turn < 20; turn++) {
    const socket = connect(front.port, "127.0.0.1");
    await new Promise<void>((resolve) => {
      socket.once("data", () => resolve());
      socket.write(`GET /big.bin HTTP/1.1\r\nHost: localhost:${front.port}\r\n\r\n`);
    });
    if (turn % 2 === 0) socket.destroy();
    else socket.resetAndDestroy();
    for (const line of [`If-None-Match: ${etag}`, 'If-Match: "x"', "Range: bytes=9999999-"]) {
      await rawRequest(front.port, "GET /big.bin HTTP/1.1", line);
    }
    await rawRequest(front.port, "POST /big.bin HTTP/1.1", "Content-Length: 0");
  }
  await until(() => openBelow(root).length === 0, `the files to be closed`);
});

Deno.test({
  name: "bridge waits for a slow application longer than Bun.serve waits for one",
  ignore: !isBun,
  fn: () =>
    withFolder(files, async (root) => {
      const server = serve({ port: 0, quiet: true }, async () => {
        // Bun counts in steps of four seconds.
        await sleep(13_500);
        return new Response("late");
      });
      await server.ready;
      const client = createClient({ port: (server.addr as NetAddr).port });
      const front = await startFront(bridge(client, { root, frontController: "" }));
      try {
        const { status, body } = await rawRequest(front.port, "GET /slow HTTP/1.1");
        assertEquals([status, body], [200, "late"]);
      } finally {
        await bounded(front.close(), "the HTTP server to close");
        await bounded(client.close(), "the client to close");
        await bounded(server.close(), "the server to close");
      }
    }),
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
  const server = serve({ port: 0, quiet: true, onError() {}, shutdownTimeoutMs: 1000 }, (request) => {
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

  const { error } = console;
  const lines: unknown[] = [];
  console.error = (line) => void lines.push(line);
  try {
    await bridge(client)(new Request("http://localhost/"));
  } finally {
    console.error = error;
  }
  assertMatch(lines.join("\n"), /^webfcgi: GET http:\/\/localhost\/: Error: Cannot connect to .* \(ECONNREFUSED\)$/);
  assertEquals(String(lines).match(/ECONNREFUSED/g)?.length, 1, "the cause is told once");
  await client.close();
});
