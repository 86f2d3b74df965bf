/** The client against our own server, on one runtime back to back. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { authorized, type Handlers, type NetAddr, serve, type ServeOptions } from "@webfcgi/webfcgi";
import { authorizerVariables, type Client, type ClientOptions, createClient } from "@webfcgi/webfcgi/client";
import { assertEquals, assertInstanceOf, assertLess } from "../std/assert.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";
import { textOrError } from "./application.ts";

/** What the process holds on to in the heap. */
async function liveBytes(): Promise<number> {
  await sleep(20);
  const { Bun } = globalThis as { readonly Bun?: { gc(force: boolean): void } };
  if (Bun === undefined) {
    setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
  } else {
    Bun.gc(true);
  }
  return process.memoryUsage().heapUsed;
}

/** Runs `body` with a client of a server of ours. */
async function between(
  options: ClientOptions,
  handlers: Handlers & ServeOptions,
  body: (client: Client, server: ReturnType<typeof serve>) => Promise<void>,
): Promise<void> {
  const where = handlers.path === undefined ? { port: 0 } : {};
  const server = serve({ ...where, quiet: true, onError: () => {}, shutdownTimeoutMs: 1000, ...handlers });
  await server.ready;
  const { addr } = server;
  const client = createClient({
    ...(addr.transport === "tcp" ? { port: (addr as NetAddr).port } : { path: handlers.path! }),
    onStderr: () => {},
    ...options,
  });
  try {
    await body(client, server);
  } finally {
    await bounded(client.close(), "the client to close");
    await bounded(server.close(), "the server to close");
  }
}

const echo: Handlers = {
  fetch: async (request, info) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/body") return new Response(request.body);
    if (pathname === "/length") return new Response(String((await request.bytes()).length));
    if (pathname === "/big") return new Response(new Uint8Array(8 << 20).fill(7));
    const headers = [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-q", request.headers.get("x-q") ?? ""]];
    return new Response(
      [request.method, request.url, await request.text(), info.remoteAddr.transport].join(" "),
      { status: 201, headers: headers as [string, string][] },
    );
  },
};

const modes: readonly [string, ClientOptions][] = [
  ["each on a connection of its own", {}],
  ["on kept connections", { keepAlive: true }],
  ["on shared connections", { multiplex: true, maxConnections: 2 }],
];

for (const [name, options] of modes) {
  Deno.test(`fetch and serve understand each other ${name}`, () =>
    between(options, echo, async (client) => {
      for (let round = 0; round < 3; round++) {
        const init = { method: "PROPFIND", body: "b\u00f6dy", headers: { "x-q": "\xe4" } };
        const response = await client.fetch("https://example.com:444/a%2Fb//c?d=%20", init);
        assertEquals([response.status, response.headers.get("x-q")], [201, "\xe4"]);
        assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
        assertEquals(await response.text(), "PROPFIND https://example.com:444/a%2Fb//c?d=%20 b\u00f6dy tcp");
        const big = new Uint8Array(await (await client.fetch("/big")).arrayBuffer());
        assertEquals([big.length, big.every((byte) => byte === 7)], [8 << 20, true]);
        const body = new Uint8Array(5_000_000).fill(round);
        assertEquals(await (await client.fetch("/length", { method: "POST", body })).text(), "5000000");
        const back = new Uint8Array(await (await client.fetch("/body", { method: "PUT", body })).arrayBuffer());
        assertEquals([back.length, back.every((byte) => byte === round)], [5_000_000, true]);
        assertEquals((await client.fetch("/", { method: "HEAD" })).body, null);
      }
    }));

  Deno.test({
    name: `fetch answers 10,000 requests in a row and 200 at once ${name}`,
    fn: () =>
      between({ ...options, maxConnections: 8 }, echo, async (client, server) => {
        const ask = async (path: string): Promise<void> => {
          assertEquals(await (await client.fetch(path)).text(), `GET http://localhost${path}  tcp`);
        };
        for (let asked = 0; asked < 1000; asked++) await ask("/warm");
        const before = await liveBytes();
        for (let asked = 0; asked < 9000; asked++) await ask("/x");
        assertLess(await liveBytes() - before, 9000 * 200, "less than 200 bytes of a request are held on to");
        for (let round = 0; round < 3; round++) {
          await Promise.all(Array.from({ length: 200 }, (_, at) => ask(`/${round}/${at}`)));
        }
        const { connections, activeRequests, queuedRequests, requests } = client.stats();
        assertEquals([connections <= 8, activeRequests, queuedRequests, requests], [true, 0, 0, 10_600]);
        await until(() => server.stats().activeRequests === 0, "the server to have ended all");
      }),
  });
}

Deno.test("fetch works over a unix socket", async () => {
  const folder = mkdtempSync(join(tmpdir(), "webfcgi-client-"));
  try {
    await between({}, { ...echo, path: join(folder, "app.sock") }, async (client) => {
      assertEquals(await (await client.fetch("/")).text(), "GET http://localhost/  tcp");
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test("fetch takes a request that our own server gave a handler", () =>
  between({}, echo, (inner) =>
    between({}, { fetch: (request) => inner.fetch(request) }, async (outer) => {
      const init = { method: "M-SEARCH", body: "hello", headers: { "x-q": "1" } };
      const response = await outer.fetch("http://example.com/a?b", init);
      assertEquals([response.status, response.headers.get("x-q")], [201, "1"]);
      assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
      assertEquals(await response.text(), "M-SEARCH http://example.com/a?b hello tcp");
      const body = new Uint8Array(3_000_000).fill(5);
      const back = await outer.fetch("http://example.com/body", { method: "POST", body });
      assertEquals((await back.arrayBuffer()).byteLength, 3_000_000);
    })));

Deno.test("fetch passes an abort on through a handler", async () => {
  const aborted = gate<string>();
  const application: Handlers = {
    fetch: (request) =>
      new Promise((_, reject) =>
        request.signal.addEventListener("abort", () => {
          aborted.open((request.signal.reason as Error).name);
          reject(request.signal.reason);
        })
      ),
  };
  await between({}, application, (inner) =>
    between({}, { fetch: (request) => inner.fetch(request) }, async (outer) => {
      const controller = new AbortController();
      const fetched = outer.fetch("/", { signal: controller.signal });
      fetched.catch(() => {});
      await until(() => inner.stats().activeRequests === 1, "the request");
      await sleep(20);
      controller.abort();
      assertEquals(await bounded(aborted.promise, "the abort"), "AbortError");
      await until(() => inner.stats().activeRequests === 0, "the end of the request");
    }));
});

for (const [name, options] of modes) {
  Deno.test(`Response body breaks when the handler's stream does ${name}`, () =>
    between(options, {
      fetch: (request) => {
        if (new URL(request.url).pathname === "/slow") return sleep(100).then(() => new Response("slow"));
        let sent = 0;
        return new Response(
          new ReadableStream<Uint8Array>({
            async pull(controller) {
              await sleep(10);
              if (sent++ < 3) controller.enqueue(new Uint8Array(10));
              else controller.error(new Error("on purpose"));
            },
          }),
        );
      },
    }, async (client) => {
      await client.fetch("/slow");
      await sleep(50);
      const slow = client.fetch("/slow");
      const response = await client.fetch("/");
      assertEquals(response.status, 200);
      assertInstanceOf(await textOrError(response), Error);
      assertEquals(await (await slow).text(), "slow");
    }));
}

Deno.test("fetch asks an Authorizer", () =>
  between({}, {
    ...echo,
    authorizer: (request, { params }) => {
      const hidden = ["CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME"].filter((name) =>
        params.has(name)
      );
      if (request.headers.get("authorization") !== "yes") return new Response(`no ${hidden}`, { status: 401 });
      return authorized({ REMOTE_USER: "anna" });
    },
  }, async (client) => {
    const allowed = await client.fetch("/a", { role: "authorizer", headers: { authorization: "yes" } });
    assertEquals(authorizerVariables(allowed), { REMOTE_USER: "anna" });
    const denied = await client.fetch("/a", { role: "authorizer", method: "POST", body: "never sent" });
    assertEquals([authorizerVariables(denied), denied.status, await denied.text()], [undefined, 401, "no "]);
  }));

for (const size of [3, 200_000]) {
  Deno.test(`fetch gives a Filter its body and a file of ${size} bytes`, () =>
    between({ keepAlive: true }, {
      ...echo,
      filter: async (request, info) => {
        const data = new Uint8Array(await new Response(info.data).arrayBuffer());
        return Response.json([
          await request.text(),
          data.length,
          data.every((byte) => byte === 7),
          info.dataLength,
          info.dataLastModified?.toISOString(),
        ]);
      },
    }, async (client) => {
      for (const data of [new Uint8Array(size).fill(7), new Blob([new Uint8Array(size).fill(7)])]) {
        const dataLastModified = new Date(86_400_000);
        const response = await client.fetch("/", { role: "filter", method: "POST", body: "x", data, dataLastModified });
        assertEquals(await response.json(), ["x", size, true, size, "1970-01-02T00:00:00.000Z"]);
      }
      assertEquals(client.stats().connections, 1);
    }));
}

Deno.test("Client.capabilities tells what our server says", () =>
  between({}, { ...echo, maxConnections: 5, maxRequests: 6 }, async (client) => {
    assertEquals(await client.capabilities(), { maxConnections: 5, maxRequests: 6, multiplex: true });
  }));
