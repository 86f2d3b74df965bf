import { existsSync, lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Addr, type Handler, serve, type ServeOptions, type Server } from "@webfcgi/webfcgi";
import { FCGI_AUTHORIZER } from "@webfcgi/webfcgi/codec";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std/assert.ts";
import { inScene, serveTest } from "./scene.ts";
import { WebServer } from "./web_server.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";

const hello: Handler = () => new Response("hello");
const quiet = { port: 0, quiet: true };

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

for (
  const [what, options, expected] of [
    ["where it listens", {}, /^webfcgi: listening on 127\.0\.0\.1:\d+$/],
    ["nothing when quiet", { quiet: true }, undefined],
    ["nothing when there is onListen", { onListen: () => {} }, undefined],
  ] as const
) {
  Deno.test(`serve tells the console ${what}`, async () => {
    const lines = await consoleOf(async () => {
      const server = serve({ port: 0, ...options }, hello);
      await server.ready;
      await bounded(server.close(), "close");
    });
    assertEquals(lines.length, expected === undefined ? 0 : 1);
    if (expected !== undefined) assertMatch(lines[0]!, expected);
  });
}

/** What the console is told while `body` runs. */
async function consoleOf(body: () => Promise<void>): Promise<string[]> {
  const { log, warn, error } = console;
  const lines: string[] = [];
  console.log = console.warn = console.error = (line: string) => void lines.push(line);
  try {
    await body();
  } finally {
    Object.assign(console, { log, warn, error });
  }
  return lines;
}

Deno.test("serve takes handlers of other roles beside the handler", async () => {
  const authorizer: Handler = () => new Response("authorizer");
  const server = serve({ ...quiet, authorizer }, hello);
  await server.ready;
  const web = await WebServer.connect(server.addr);
  assertEquals((await web.ask().answer()).text, "hello");
  assertEquals((await web.ask({ role: FCGI_AUTHORIZER }).answer()).text, "authorizer");
  await web.close();
  await bounded(server.shutdown(), "shutdown");
});

Deno.test("serve gives back an object that has the members of Server and no others", async () => {
  const server = serve(quiet, hello);
  const members = Object.getOwnPropertyNames(Object.getPrototypeOf(server)).filter((name) => name !== "constructor");
  assertEquals(Object.keys(server), []);
  assertEquals(members.sort(), ["addr", "close", "finished", "ready", "ref", "shutdown", "stats", "unref"]);
  await bounded(server.shutdown(), "shutdown");
});

Deno.test("Server.addr throws before ready and tells the chosen port after it", async () => {
  const server = serve(quiet, hello);
  assertThrows(() => server.addr, TypeError, "await ready");
  await server.ready;
  const { addr } = server;
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
    const { port } = first.addr;
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
  assertEquals(counts(server), [0, 0, 0, 0]);
  const web = await connect();
  for (let i = 0; i < 3; i++) await web.ask().answer();
  assertEquals(counts(server), [1, 0, 3, 0]);
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
    assertEquals(counts(server), [2, 1, 2, 1]);
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
      const second = serve({ path, quiet: true }, hello);
      const error = await assertRejects(() => bounded(second.ready, "ready"));
      assertInstanceOf(error, Error);
      assertStringIncludes(error.message, path);
      assertEquals((await ask()).text, "hello");
    });
  }));

Deno.test("serve tells the console who may connect to a unix socket", () =>
  withPath(async (path) => {
    const [line, ...more] = await consoleOf(async () => {
      const server = serve({ path, mode: 0o600 }, hello);
      await server.ready;
      assertEquals(server.addr, { transport: "unix", path });
      await bounded(server.shutdown(), "shutdown");
    });
    assertMatch(line!, /^webfcgi: listening on unix:\S+app\.sock \(mode 0600, owner \S+, group \S+\)$/);
    assertEquals(more, []);
  }));

Deno.test("serve listens on an address that is text", () =>
  withPath(async (path) => {
    for (const address of [`unix:${path}`, path, "0", "127.0.0.1:0", "[::1]:0"]) {
      const server = serve({ address, quiet: true }, hello);
      await server.ready;
      assertEquals(await textOf(server.addr), "hello");
      await bounded(server.shutdown(), "shutdown");
    }
  }));

Deno.test("serve warns when other machines may connect and allowedPeers says nothing of it", async () => {
  for (
    const [options, expected] of [
      [{ hostname: "0.0.0.0" }, 1],
      [{ hostname: "::" }, 1],
      [{ hostname: "0.0.0.0", allowedPeers: ["10.0.0.0/8"] }, 0],
      [{ hostname: "127.0.0.1" }, 0],
      [{ hostname: "localhost" }, 0],
      [{ hostname: "::1" }, 0],
    ] as const
  ) {
    const lines = await consoleOf(async () => {
      const server = serve({ ...quiet, ...options }, hello);
      await server.ready;
      await bounded(server.shutdown(), "shutdown");
    });
    assertEquals(lines.length, expected, JSON.stringify(options));
    if (expected > 0) {
      assertMatch(
        lines[0]!,
        /^webfcgi: on \S+ other machines may connect, .*allowedPeers \(webfcgi serve: --allow-peers\)$/,
      );
    }
  }
});

Deno.test("serve closes the connections of peers that are not in allowedPeers at once, and says so once", async () => {
  const lines = await consoleOf(async () => {
    const server = serve({ ...quiet, allowedPeers: ["10.0.0.0/8", "::1"] }, hello);
    await server.ready;
    for (let i = 0; i < 3; i++) {
      const web = await WebServer.connect(server.addr, { raw: true });
      web.ask();
      await web.untilEnded();
      assertEquals(web.chunks, []);
      await web.close();
    }
    assertEquals(counts(server), [0, 0, 0, 0]);
    await bounded(server.shutdown(), "shutdown");
  });
  assertEquals(lines, ["webfcgi: refused the connections of 127.0.0.1: it is not in allowedPeers"]);
});

Deno.test("serve serves the peers in allowedPeers", async () => {
  const server = serve({ ...quiet, allowedPeers: ["10.0.0.0/8", "127.0.0.1"] }, hello);
  await server.ready;
  assertEquals(await textOf(server.addr), "hello");
  await bounded(server.shutdown(), "shutdown");
});

/** Runs `body` with environment variables set. */
async function withEnvironment(variables: Record<string, string>, body: () => Promise<void>): Promise<void> {
  Object.assign(process.env, variables);
  try {
    await body();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

Deno.test("serve keeps to FCGI_WEB_SERVER_ADDRS, over TCP and besides allowedPeers", () =>
  withPath(async (path) => {
    const refused = (peer: string, list: string): string =>
      `webfcgi: refused the connections of ${peer}: it is not in ${list}`;
    const addresses = "FCGI_WEB_SERVER_ADDRS";
    for (
      const [value, options, lines] of [
        ["10.0.0.1,127.0.0.1", {}, []],
        ["10.0.0.1, 10.0.0.2", {}, [refused("127.0.0.1", addresses)]],
        ["", {}, []],
        ["127.0.0.1", { allowedPeers: ["10.0.0.0/8"] }, [refused("127.0.0.1", "allowedPeers")]],
        ["10.0.0.1", { allowedPeers: ["127.0.0.0/8"] }, [refused("127.0.0.1", addresses)]],
        ["127.0.0.1", { path, port: undefined }, [refused("a unix socket", addresses)]],
      ] as const
    ) {
      const told = await consoleOf(() =>
        withEnvironment({ [addresses]: value }, async () => {
          const server = serve({ ...quiet, ...options } as ServeOptions, hello);
          await server.ready;
          const web = await WebServer.connect(server.addr, { raw: true });
          web.ask({ keepConn: false });
          await web.untilEnded();
          assertEquals(web.chunks.length > 0, lines.length === 0);
          await web.close();
          await bounded(server.shutdown(), "shutdown");
        })
      );
      assertEquals(told, [...lines]);
    }
    await withEnvironment({ [addresses]: "localhost" }, async () => {
      const server = serve(quiet, hello);
      await assertRejects(() => server.ready, TypeError, `Cannot serve: ${addresses} has "localhost" in it`);
    });
  }));

Deno.test("serve says that systemd's socket is not used when an address is named", async () => {
  for (
    const [LISTEN_PID, LISTEN_FDS, expected] of [
      [
        process.pid,
        1,
        /^webfcgi: systemd offers a socket \(LISTEN_FDS\), but the options name 127\.0\.0\.1:\d+; name no/,
      ],
      [process.pid + 1, 1, undefined],
      [process.pid, 0, undefined],
    ] as const
  ) {
    const lines = await consoleOf(() =>
      withEnvironment({ LISTEN_PID: String(LISTEN_PID), LISTEN_FDS: String(LISTEN_FDS) }, async () => {
        const server = serve(quiet, hello);
        await server.ready;
        await bounded(server.shutdown(), "shutdown");
      })
    );
    assertEquals(lines.length, expected === undefined ? 0 : 1);
    if (expected !== undefined) assertMatch(lines[0]!, expected);
  }
});

/** Connections, requests under way, requests and errors. */
function counts(server: Server): number[] {
  const { connections, activeRequests, requests, errors } = server.stats();
  return [connections, activeRequests, requests, errors];
}
