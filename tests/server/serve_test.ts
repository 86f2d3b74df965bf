import { existsSync, lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Addr, type Handler, type NetAddr, serve, type ServeOptions, type Server } from "@webfcgi/webfcgi";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std/assert.ts";
import { bounded, gate, inScene, serveTest, sleep, until } from "./scene.ts";
import { WebServer } from "./web_server.ts";

const hello: Handler = () => new Response("hello");
const quiet = { port: 0, onListen: () => {} };

/** Asks a server once. */
async function textOf(addr: Addr): Promise<string> {
  const web = await WebServer.connect(addr);
  try {
    return (await web.ask({ keepConn: false }).answer()).text;
  } finally {
    await web.close();
  }
}

Deno.test("serve takes options and a handler", async () => {
  const server = serve(quiet, hello);
  await server.ready;
  assertEquals(await textOf(server.addr), "hello");
  await bounded(server.shutdown(), "shutdown");
});

Deno.test("serve takes handlers among the options", async () => {
  const server = serve({ ...quiet, fetch: hello });
  await server.ready;
  assertEquals(await textOf(server.addr), "hello");
  await bounded(server.shutdown(), "shutdown");
});

Deno.test("serve takes a handler alone and listens on port 9000 of the loopback address", async () => {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => void lines.push(line);
  const server = serve(hello);
  try {
    await server.ready;
    assertEquals(server.addr, { transport: "tcp", hostname: "127.0.0.1", port: 9000 });
    assertEquals(lines, ["Listening for FastCGI on 127.0.0.1:9000"]);
    assertEquals(await textOf(server.addr), "hello");
  } catch (error) {
    // Another program may have the port; then the error names it.
    assertMatch(String(error), /127\.0\.0\.1:9000/);
  } finally {
    console.log = log;
    await bounded(server.close().catch(() => {}), "close");
  }
});

Deno.test("serve throws a TypeError when there is no handler", () => {
  assertThrows(() => serve({ port: 0 } as never), TypeError, "Cannot serve: there is no handler");
  assertThrows(() => serve({ port: 0, fetch: 5 } as never), TypeError, "a handler is number, not a function");
  assertThrows(() => serve({ port: 0 }, "x" as never), TypeError, "a handler is string, not a function");
});

Deno.test("serve throws a TypeError when the options name two places", () => {
  assertThrows(() => serve({ port: 0, path: "/x" }, hello), TypeError, "give one of port, path and fd");
  assertThrows(() => serve({ path: "/x", fd: 0 }, hello), TypeError, "give one of port, path and fd");
});

for (
  const [options, message] of [
    [{ maxConnections: 0 }, "maxConnections is 0, less than 1"],
    [{ maxRequests: -1 }, "maxRequests is -1, less than 1"],
    [{ maxParamsBytes: NaN }, "maxParamsBytes is NaN"],
    [{ maxBodyBytes: -1 }, "maxBodyBytes is -1, less than 0"],
    [{ headTimeoutMs: -1 }, "headTimeoutMs is -1"],
    [{ idleTimeoutMs: -1 }, "idleTimeoutMs is -1"],
    [{ requestTimeoutMs: -1 }, "requestTimeoutMs is -1"],
    [{ shutdownTimeoutMs: -1 }, "shutdownTimeoutMs is -1"],
  ] as const
) {
  Deno.test(`serve throws a RangeError when ${message}`, () => {
    assertThrows(() => serve({ port: 0, ...options }, hello), RangeError, `Cannot serve: ${message}`);
  });
}

Deno.test("serve throws a TypeError when mount is no path", () => {
  for (const mount of ["app", "/app/", "/"]) {
    assertThrows(() => serve({ port: 0, mount }, hello), TypeError, `Cannot serve: mount is "${mount}"`);
  }
});

Deno.test("Server.addr throws before ready and tells the chosen port after it", async () => {
  const server = serve(quiet, hello);
  assertThrows(() => server.addr, TypeError, "await ready");
  await server.ready;
  const addr = server.addr as NetAddr;
  assertEquals([addr.transport, addr.hostname], ["tcp", "127.0.0.1"]);
  assert(addr.port > 0);
  await bounded(server.close(), "close");
});

Deno.test("serve calls onListen once with the address", async () => {
  const seen: Addr[] = [];
  const server = serve({ port: 0, onListen: (addr) => void seen.push(addr) }, hello);
  await server.ready;
  assertEquals(seen, [server.addr]);
  await bounded(server.close(), "close");
});

for (const promise of ["ready", "finished"] as const) {
  Deno.test(`Server.${promise} rejects when the port is taken`, async () => {
    const first = serve(quiet, hello);
    await first.ready;
    const { port } = first.addr as NetAddr;
    const second = serve({ ...quiet, port }, hello);
    const error = await assertRejects(() => bounded(second[promise], promise), Error);
    assertStringIncludes(error.message, `127.0.0.1:${port}`);
    await bounded(first.close(), "close");
    await sleep(5);
  });
}

Deno.test("Server.ready rejects when onListen throws", async () => {
  const thrown = new Error("on purpose");
  const server = serve({
    port: 0,
    onListen() {
      throw thrown;
    },
  }, hello);
  assertEquals(await assertRejects(() => bounded(server.ready, "ready")), thrown);
});

serveTest("Server.stats counts what has been and what is", { fetch: hello }, async ({ server, connect }) => {
  assertEquals(server.stats(), { connections: 0, activeRequests: 0, requests: 0, errors: 0 });
  const web = await connect();
  for (let i = 0; i < 3; i++) await web.ask().answer();
  assertEquals(server.stats(), { connections: 1, activeRequests: 0, requests: 3, errors: 0 });
});

Deno.test("Server.stats counts requests under way and errors", async () => {
  const held = gate<Response>();
  let calls = 0;
  await inScene({
    fetch() {
      if (calls++ === 0) return held.promise;
      throw new Error("on purpose");
    },
  }, async ({ server, connect, errors }) => {
    const [one, two] = [await connect(), await connect()];
    const first = one.ask();
    await until(() => server.stats().activeRequests === 1, "the first request");
    await two.ask().answer();
    assertEquals(server.stats(), { connections: 2, activeRequests: 1, requests: 2, errors: 1 });
    held.open(new Response("late"));
    assertEquals((await first.answer()).text, "late");
    assertEquals(server.stats().activeRequests, 0);
    assertEquals(errors.splice(0).length, 1);
  });
});

Deno.test("Server ends when it is disposed", async () => {
  const server = serve(quiet, hello);
  await server.ready;
  await bounded(server[Symbol.asyncDispose](), "disposal");
  await bounded(server.finished, "finished");
});

Deno.test("Server.unref and ref can be called at any time", async () => {
  const server = serve(quiet, hello);
  server.unref();
  server.ref();
  await server.ready;
  const web = await WebServer.connect(server.addr);
  await web.ask().answer();
  server.unref();
  server.ref();
  assertEquals((await web.ask().answer()).text, "hello");
  await web.close();
  await bounded(server.close(), "close");
  server.unref();
  server.ref();
});

Deno.test("Server ends when signal is aborted", async () => {
  const controller = new AbortController();
  const server = serve({ ...quiet, signal: controller.signal }, hello);
  await server.ready;
  const { addr } = server;
  controller.abort();
  await bounded(server.finished, "finished");
  await assertRejects(() => WebServer.connect(addr));
});

Deno.test("Server ends when signal was aborted before", async () => {
  const server = serve({ ...quiet, signal: AbortSignal.abort() }, hello);
  await bounded(server.ready, "ready");
  await bounded(server.finished, "finished");
  await assertRejects(() => WebServer.connect(server.addr));
});

Deno.test("Server ends when signal is aborted while it begins to listen", async () => {
  const controller = new AbortController();
  const server = serve({ ...quiet, signal: controller.signal }, hello);
  controller.abort();
  await bounded(server.finished, "finished");
  await assertRejects(() => WebServer.connect(server.addr));
});

for (const end of ["shutdown", "close"] as const) {
  Deno.test(`Server.${end} ends a server that does not listen yet`, async () => {
    const server = serve(quiet, hello);
    await bounded(server[end](), end);
    await assertRejects(() => WebServer.connect(server.addr));
  });

  Deno.test(`Server.${end} can be called twice`, async () => {
    const server = serve(quiet, hello);
    await server.ready;
    await bounded(Promise.all([server[end](), server[end]()]), end);
    await bounded(server[end](), end);
  });

  Deno.test(`Server.${end} rejects when the server could not listen`, async () => {
    const server = serve({ path: "/nowhere/to/be/found.sock" }, hello);
    await assertRejects(() => bounded(server[end](), end), Error, "/nowhere/to/be/found.sock");
  });
}

/** Runs `body` with the path of a socket in a folder of its own. */
async function withPath(body: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "serve-"));
  try {
    await body(join(folder, "app.sock"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

Deno.test("serve listens on a unix socket of the mode asked for, and removes it", () =>
  withPath(async (path) => {
    for (const [options, mode] of [[{ path }, 0o660], [{ path, mode: 0o600 }, 0o600]] as const) {
      await inScene({ ...options, fetch: (_, info) => Response.json(info.peerAddr) }, async ({ addr, ask }) => {
        assertEquals(addr, { transport: "unix", path });
        assertEquals(lstatSync(path).mode & 0o777, mode);
        assertEquals((await ask()).text, '{"transport":"unix","path":""}');
      });
      assertEquals(existsSync(path), false);
    }
  }));

Deno.test("serve refuses a unix socket that is in use", () =>
  withPath(async (path) => {
    await inScene({ path, fetch: hello }, async ({ ask }) => {
      const second: Server = serve({ path, onListen: () => {} } satisfies ServeOptions, hello);
      const error = await assertRejects(() => bounded(second.ready, "ready"));
      assertInstanceOf(error, Error);
      assertStringIncludes(error.message, path);
      assertEquals((await ask()).text, "hello");
    });
  }));

Deno.test("serve rejects ready when the path of the unix socket is too long", async () => {
  const server = serve({ path: "/tmp/" + "x".repeat(103) }, hello);
  await assertRejects(() => bounded(server.ready, "ready"), Error, "107");
});
