import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FastResponse, RequestAbortedError, serve } from "@webfcgi/webfcgi";
import { FCGI_END_REQUEST, FCGI_GET_VALUES_RESULT } from "@webfcgi/webfcgi/codec";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "../std/assert.ts";
import { TurnedClock } from "../turned_clock.ts";
import { inScene } from "./scene.ts";
import { WebServer } from "./web_server.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";
import { concat, latin1Text } from "../helpers/bytes.ts";
import { recordsOf } from "../helpers/records.ts";

Deno.test("Server.shutdown closes idle kept connections and accepts no more", async () => {
  await inScene({ fetch: () => new Response("hello") }, async ({ server, connect, addr }) => {
    const webs = [await connect(), await connect()];
    for (const web of webs) await web.ask().answer();
    await bounded(server.shutdown(), "shutdown", 3000);
    for (const web of webs) await web.untilEnded();
    await assertRejects(() => WebServer.connect(addr));
    assertEquals(server.stats().connections, 0);
  });
});

Deno.test("Server.shutdown lets requests under way end", async () => {
  const held = gate();
  await inScene({
    async fetch() {
      await held.promise;
      return new Response("late");
    },
  }, async ({ server, connect }) => {
    const web = await connect();
    const asked = web.ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    const shutdown = server.shutdown();
    let over = false;
    shutdown.then(() => over = true);
    await sleep(50);
    assertEquals(over, false);
    held.open();
    assertEquals((await asked.answer()).text, "late");
    await bounded(shutdown, "shutdown", 3000);
    await web.untilEnded();
  });
});

Deno.test("Server.shutdown answers a request that is on the wire", async () => {
  await inScene({ fetch: () => new Response("hello") }, async ({ server, connect }) => {
    const web = await connect();
    await web.ask().answer();
    const asked = web.ask();
    const shutdown = server.shutdown();
    assertEquals((await asked.answer()).text, "hello");
    await bounded(shutdown, "shutdown", 3000);
  });
});

for (
  const [software, last] of [["nginx/1.22.1", FCGI_GET_VALUES_RESULT], ["Apache/2.4.71", FCGI_END_REQUEST]] as const
) {
  Deno.test(`Server.shutdown sends a record of type ${last} last when ${software} keeps the connection`, async () => {
    const held = gate();
    const fetch = async (): Promise<Response> => {
      await held.promise;
      return new Response("hello");
    };
    await inScene({ fetch }, async ({ server, connect }) => {
      const web = await connect({ raw: true });
      web.ask({ params: { SERVER_SOFTWARE: software } });
      await until(() => server.stats().activeRequests === 1, "the request");
      const shutdown = server.shutdown();
      await sleep(50);
      held.open();
      await web.untilEnded();
      assertEquals(recordsOf(concat(web.chunks)).at(-1)?.type, last);
      await bounded(shutdown, "shutdown", 3000);
    });
  });
}

Deno.test("Server.shutdown aborts what still runs at the deadline", async () => {
  let signal: AbortSignal | undefined;
  let completed = "";
  await inScene({
    shutdownTimeoutMs: 100,
    fetch(request, info) {
      signal = request.signal;
      info.completed.catch((error) => completed = String(error));
      return new Promise(() => {});
    },
  }, async ({ server, connect }) => {
    const web = await connect();
    web.ask();
    await until(() => signal !== undefined, "the request");
    await bounded(server.shutdown(), "shutdown", 3000);
    assert(signal?.aborted);
    assertInstanceOf(signal?.reason, RequestAbortedError);
    assertEquals(completed, "AbortError: The server was shut down");
    await web.untilEnded();
  });
});

Deno.test("Server.close aborts everything at once", async () => {
  let signal: AbortSignal | undefined;
  await inScene({
    fetch(request) {
      signal = request.signal;
      return new Promise(() => {});
    },
  }, async ({ server, connect }) => {
    const [busy, idle] = [await connect(), await connect()];
    busy.ask();
    await until(() => signal !== undefined, "the request");
    await bounded(server.close(), "close", 1000);
    assertEquals(String(signal?.reason), "AbortError: The server was closed");
    await busy.untilEnded();
    await idle.untilEnded();
  });
});

Deno.test("Server.close sends what is no record after a response that has begun", async () => {
  await inScene({
    fetch: () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode("a part")),
        }),
      ),
  }, async ({ server, connect }) => {
    const web = await connect({ raw: true });
    web.ask();
    const received = (): Uint8Array => concat(web.chunks);
    await web.until(() => latin1Text(received()).includes("a part"), "the part");
    await bounded(server.close(), "close", 1000);
    await web.untilEnded();
    assertEquals(received().slice(-8), new Uint8Array(8));
  });
});

Deno.test("Server.close lets a response that is queued go out whole", async () => {
  const folder = mkdtempSync(join(tmpdir(), "serve-"));
  try {
    await inScene({
      path: join(folder, "app.sock"),
      // More than the kernel takes for a unix socket, and no more than we queue at once.
      fetch: () => new FastResponse(new Uint8Array(262_000)),
    }, async ({ server, connect }) => {
      const web = await connect();
      web.pause();
      const asked = web.ask();
      await until(() => server.stats().requests === 1 && server.stats().activeRequests === 0, "the response");
      const closed = server.close();
      await sleep(20);
      web.resume();
      assertEquals((await asked.answer()).body.length, 262_000);
      await bounded(closed, "close", 1000);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test("Server.close waits no longer than 2 s for a peer that takes nothing more", async () => {
  const chunk = new Uint8Array(65_536);
  const clock = new TurnedClock();
  await inScene({
    clock,
    fetch: () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) })),
  }, async ({ server, connect }) => {
    const web = await connect({ raw: true });
    web.pause();
    web.ask();
    await sleep(100);
    let isOver = false;
    const closed = server.close().then(() => isOver = true);
    clock.turn(1500);
    await sleep(20);
    assertEquals(isOver, false);
    clock.turn(1000);
    await bounded(closed, "close", 1000);
  });
});

Deno.test("Server.close ends a shutdown under way", async () => {
  await inScene({ shutdownTimeoutMs: 60_000, fetch: () => new Promise(() => {}) }, async ({ server, connect }) => {
    const web = await connect();
    web.ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    const shutdown = server.shutdown();
    await bounded(server.close(), "close", 1000);
    await bounded(shutdown, "shutdown", 1000);
  });
});

Deno.test("Server.shutdown waits for what was handed to waitUntil", async () => {
  const held = gate();
  await inScene({
    fetch(_, info) {
      info.waitUntil(held.promise);
      return new Response("hello");
    },
  }, async ({ server, ask }) => {
    assertEquals((await ask()).text, "hello");
    let over = false;
    const shutdown = server.shutdown().then(() => over = true);
    await sleep(60);
    assertEquals(over, false);
    held.open();
    await bounded(shutdown, "shutdown", 1000);
  });
});

Deno.test("Server.shutdown waits for waitUntil no longer than shutdownTimeoutMs", async () => {
  await inScene({
    shutdownTimeoutMs: 50,
    fetch(_, info) {
      info.waitUntil(new Promise(() => {}));
      return new Response("hello");
    },
  }, async ({ server, ask }) => {
    await ask();
    await bounded(server.shutdown(), "shutdown", 2000);
  });
});

Deno.test("info.waitUntil tells onError what its promise rejects with", async () => {
  await inScene({
    fetch(_, info) {
      info.waitUntil(Promise.reject(new Error("in the background")));
      return new Response("hello");
    },
  }, async ({ ask, errors }) => {
    await ask();
    await until(() => errors.length > 0, "onError");
    assertEquals(errors.splice(0).map(String), ["Error: in the background"]);
  });
});

Deno.test("serve gives up a request after requestTimeoutMs", async () => {
  let reason: unknown;
  await inScene({
    requestTimeoutMs: 10,
    fetch(request) {
      request.signal.addEventListener("abort", () => reason = request.signal.reason);
      return new Promise(() => {});
    },
  }, async ({ connect }) => {
    const web = await connect();
    const answer = await web.ask().answer();
    assertEquals([answer.status, String(reason).includes("requestTimeoutMs")], [503, true]);
  });
});

Deno.test("serve closes an idle connection after idleTimeoutMs", async () => {
  await inScene({ idleTimeoutMs: 10, fetch: () => new Response("hello") }, async ({ connect }) => {
    const web = await connect();
    await web.ask().answer();
    await web.untilEnded();
  });
});

Deno.test("serve closes a connection whose parameters take longer than headTimeoutMs", async () => {
  await inScene({ headTimeoutMs: 10, fetch: () => new Response("hello") }, async ({ connect, errors }) => {
    const web = await connect();
    await web.send(new Uint8Array([1, 1, 0, 1, 0]));
    await web.untilEnded();
    assertEquals(errors.splice(0).map(String), [
      "LimitError: Cannot read request: its parameters have not come whole after 10 ms",
    ]);
  });
});

Deno.test("Server.shutdown closes connections that wait for maxConnections", async () => {
  await inScene({ maxConnections: 1, fetch: () => new Response("hello") }, async ({ server, connect }) => {
    const first = await connect();
    await first.ask().answer();
    const second = await connect();
    await until(() => server.stats().connections === 2, "both connections");
    await bounded(server.shutdown(), "shutdown", 900);
    await first.untilEnded();
    await second.untilEnded();
  });
});

Deno.test("Server.shutdown refuses nothing of what another server took over", async () => {
  const folder = mkdtempSync(join(tmpdir(), "serve-"));
  const path = join(folder, "app.sock");
  const held = gate();
  const options = { path, takeOver: true, quiet: true };
  try {
    const first = serve(options, async () => {
      await held.promise;
      return new Response("first");
    });
    await first.ready;
    const web = await WebServer.connect(first.addr);
    const asked = web.ask();
    await until(() => first.stats().activeRequests === 1, "the request");
    const second = serve(options, () => new Response("second"));
    await second.ready;
    const shutdown = first.shutdown();
    const other = await WebServer.connect(second.addr);
    assertEquals((await other.ask().answer()).text, "second");
    held.open();
    assertEquals((await asked.answer()).text, "first");
    await bounded(shutdown, "shutdown", 3000);
    const third = await WebServer.connect(second.addr);
    assertEquals((await third.ask().answer()).text, "second");
    for (const it of [web, other, third]) await it.close();
    await bounded(second.close(), "close");
    assertEquals(existsSync(path), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
