import { connect as netConnect, type Socket } from "node:net";
import type { NetAddr } from "@webfcgi/webfcgi";
import { FastResponse, LimitError, RequestAbortedError } from "@webfcgi/webfcgi";
import { FCGI_BEGIN_REQUEST, FCGI_PARAMS, FCGI_STDIN } from "@webfcgi/webfcgi/codec";
import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "../std/assert.ts";
import { FakeConnection } from "./fake_connection.ts";
import { bounded, gate, inScene, type Scene, type SceneOptions, sleep, until } from "./scene.ts";
import { concat, encode, latin1, recordBytes, requestBytes, type WebServer } from "./web_server.ts";

/** Answers `/ok` at once, whatever else it does. */
function orOk(fetch: SceneOptions["fetch"]): NonNullable<SceneOptions["fetch"]> {
  return (request, info) => request.url.endsWith("/ok") ? new Response("ok") : fetch!(request, info);
}

/** Defines a test whose server must answer at once when all is over. */
function timeTest(name: string, options: SceneOptions, body: (scene: Scene) => Promise<void>): void {
  const fetch = orOk(options.fetch ?? (() => new Response("hello")));
  Deno.test(name, () =>
    inScene({ ...options, fetch }, async (scene) => {
      seen.length = 0;
      await body(scene);
      assertEquals((await bounded(scene.ask({ uri: "/ok" }), "an answer at once", 1000)).text, "ok");
    }));
}

/** Takes out the only error that was told of, which is of this limit. */
function takeLimit(errors: unknown[], limit: string, max: number): LimitError {
  assertEquals(errors.length, 1);
  const [error] = errors.splice(0);
  assertInstanceOf(error, LimitError);
  assertEquals([error.code, error.limit, error.max], ["LIMIT", limit, max]);
  return error;
}

/** Sends bytes one by one until the application has closed the connection; resolves to how many it took. */
async function drip(web: WebServer, bytes: Uint8Array, ms = 4): Promise<number> {
  let sent = 0;
  while (sent < bytes.length && !web.over) {
    await web.send(bytes.slice(sent, ++sent));
    await sleep(ms);
  }
  return sent;
}

// The head of a request.

timeTest("serve closes a connection without a word when nothing comes on it for headTimeoutMs", {
  headTimeoutMs: 40,
}, async ({ connect, server }) => {
  const web = await connect({ raw: true });
  await web.untilEnded();
  assertEquals(web.chunks, []);
  await until(() => server.stats().connections === 0, "the connection to go");
});

for (
  const [what, bytes] of [
    ["a request", requestBytes(true, 1)],
    ["the parameters of a request", concat([requestBytes(true, 1).slice(0, 24), new Uint8Array(400).fill(1)])],
    ["a management record", recordBytes(77, 0, "x".repeat(1000))],
    [
      "padding",
      (() => {
        const record = concat([recordBytes(77, 0), new Uint8Array(255)]);
        record[6] = 255;
        return record;
      })(),
    ],
  ] as const
) {
  timeTest(`serve closes the connection after headTimeoutMs when ${what} comes byte by byte`, {
    headTimeoutMs: 60,
  }, async ({ connect, errors }) => {
    const web = await connect({ raw: true });
    assertLess(await drip(web, bytes), bytes.length);
    await web.untilEnded();
    const { message } = takeLimit(errors, "headTimeoutMs", 60);
    assertEquals(message, "Cannot read request: its parameters have not come whole after 60 ms");
  });
}

timeTest("serve closes the connection after headTimeoutMs when other requests on it come whole", {
  headTimeoutMs: 60,
}, async ({ connect, errors }) => {
  const web = await connect();
  web.begin({ requestId: 9 });
  // Without the record that ends its parameters.
  await web.send(concat(web.protocol.writer.take()).slice(0, -8));
  for (let id = 100; !web.over; id++) {
    web.ask({ requestId: id });
    await sleep(5);
    assertLess(id, 300);
  }
  takeLimit(errors, "headTimeoutMs", 60);
});

timeTest("serve closes the connection after headTimeoutMs when a request has only begun to begin", {
  headTimeoutMs: 40,
  fetch: async () => {
    await sleep(20);
    return new Response("hello");
  },
}, async ({ connect, errors }) => {
  const web = await connect();
  const asked = web.ask();
  await web.send(recordBytes(FCGI_BEGIN_REQUEST, 2, [0, 1, 1]).slice(0, 5));
  assertEquals((await asked.answer()).text, "hello");
  await web.untilEnded();
  takeLimit(errors, "headTimeoutMs", 40);
});

timeTest("serve closes a connection on which no request comes within headTimeoutMs, whatever else does", {
  headTimeoutMs: 60,
}, async ({ connect }) => {
  const web = await connect();
  for (let count = 0; !web.over; count++) {
    // Of no request that is active; and a question.
    await web.send(recordBytes(FCGI_PARAMS, 1, "x".repeat(50)));
    web.protocol.getValues(["FCGI_MAX_REQS"]);
    web.flush();
    await sleep(5);
    assertLess(count, 200);
  }
});

timeTest("serve waits for ever between requests when there is only headTimeoutMs", {
  headTimeoutMs: 60,
}, async ({ connect }) => {
  const web = await connect();
  for (let i = 0; i < 2; i++) {
    assertEquals((await web.ask().answer()).text, "hello");
    await sleep(120);
  }
  web.protocol.getValues(["FCGI_MAX_REQS"]);
  web.flush();
  await sleep(120);
  assertEquals([web.over, web.values?.[0]], [false, "FCGI_MAX_REQS"]);
});

Deno.test("serve counts no time against parameters while it is it that does not read", async () => {
  const held = gate();
  await inScene({
    headTimeoutMs: 60,
    async fetch(request) {
      if (request.method === "POST") await held.promise;
      return new Response(String((await request.arrayBuffer()).byteLength));
    },
  }, async ({ connect }) => {
    const web = await connect();
    const size = 3_000_000;
    const upload = web.begin({ requestId: 1, method: "POST", params: { CONTENT_LENGTH: String(size) } });
    web.flush();
    const behind = web.begin({ requestId: 2 });
    const bytes = concat(web.protocol.writer.take());
    web.send(bytes.slice(0, -8));
    web.protocol.stdin(1, new Uint8Array(size));
    web.protocol.stdinEnd(1);
    web.flush();
    web.send(bytes.slice(-8));
    web.stdinEnd(2);
    await sleep(200);
    assertEquals(web.over, false);
    held.open();
    assertEquals([(await upload.answer()).text, (await behind.answer()).text], [String(size), "0"]);
  });
});

Deno.test("serve closes a connection that has waited headTimeoutMs for maxConnections", async () => {
  await inScene({ maxConnections: 1, headTimeoutMs: 100, fetch: () => new Response("hello") }, async (scene) => {
    const { connect, errors, server } = scene;
    const first = await connect();
    assertEquals((await first.ask().answer()).text, "hello");
    const second = await connect({ raw: true });
    second.ask();
    await second.untilEnded();
    assertEquals(second.chunks, []);
    const { message } = takeLimit(errors, "maxConnections", 1);
    assertEquals(message, "Cannot serve connection: 1 others have been open for 100 ms");
    await until(() => server.stats().connections === 1, "it to go");
    assertEquals((await first.ask().answer()).text, "hello");
  });
});

// The body.

for (
  const [how, read] of [
    ["text", (request: Request) => request.text()],
    ["a stream", (request: Request) => new Response(request.body).text()],
  ] as const
) {
  for (const [what, ms] of [["pauses", 0], ["comes byte by byte", 4]] as const) {
    timeTest(`serve answers 408 after bodyTimeoutMs when a body read as ${how} ${what}`, {
      bodyTimeoutMs: 60,
      fetch: async (request) => new Response(await read(request)),
    }, async ({ connect, errors }) => {
      const web = await connect();
      const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "1000" } });
      web.flush();
      for (let sent = 0; sent < 900 && asked.end === undefined; sent++) {
        if (sent === 0 || ms > 0) await web.stdin(1, "x");
        await sleep(ms);
      }
      const answer = await asked.answer();
      assertEquals([answer.status, answer.text], [408, "408 Request Timeout\n"]);
      assertStringIncludes(takeLimit(errors, "bodyTimeoutMs", 60).message, "Cannot read request body: only ");
      // The rest of it is late.
      await web.stdin(1, "x");
      web.stdinEnd(1);
      assertEquals((await web.ask({ uri: "/ok" }).answer()).text, "ok");
    });
  }
}

timeTest("serve answers 408 after bodyTimeoutMs when nothing of a body comes, known length or not", {
  bodyTimeoutMs: 30,
  fetch: async (request) => new Response(await request.text()),
}, async ({ connect, errors }) => {
  for (const CONTENT_LENGTH of ["5", undefined]) {
    const web = await connect();
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH } });
    web.flush();
    assertEquals((await asked.answer()).status, 408);
    assertStringIncludes(takeLimit(errors, "bodyTimeoutMs", 30).message, "none for 30 ms");
  }
});

timeTest("serve reads a slow body whole when each bodyTimeoutMs has 1,024 bytes of it", {
  bodyTimeoutMs: 400,
  fetch: async (request) => new Response(String((await request.text()).length)),
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "8192" } });
  for (let i = 0; i < 16; i++) {
    await web.stdin(1, "x".repeat(512));
    await sleep(40);
  }
  web.stdinEnd(1);
  assertEquals((await asked.answer()).text, "8192");
});

timeTest("serve counts no time against a body while its handler does not read", {
  bodyTimeoutMs: 20,
  async fetch(request) {
    await sleep(100);
    return new Response(String((await request.text()).length));
  },
}, async ({ connect }) => {
  const web = await connect();
  for (const length of [100, 200_000]) {
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: String(length) } });
    web.stdin(1, "x".repeat(length));
    web.stdinEnd(1);
    assertEquals((await asked.answer()).text, String(length));
  }
});

Deno.test("serve counts no time in which it could not look, by whatever it was held up", async () => {
  const { now } = performance;
  await inScene({
    bodyTimeoutMs: 400,
    headTimeoutMs: 400,
    fetch: async (request) => new Response(await request.text()),
  }, async ({ connect }) => {
    const [body, head] = [await connect(), await connect()];
    const slow = body.begin({ method: "POST", params: { CONTENT_LENGTH: "5" } });
    await body.stdin(1, "he");
    const late = head.begin();
    const bytes = concat(head.protocol.writer.take());
    await head.send(bytes.slice(0, 30));
    await sleep(20);
    try {
      // As after a handler that computes for ten minutes, or a machine that slept.
      performance.now = () => now.call(performance) + 600_000;
      await sleep(120);
      await body.stdin(1, "llo");
      body.stdinEnd(1);
      await head.send(bytes.slice(30), recordBytes(FCGI_STDIN, 1));
      assertEquals([(await slow.answer()).text, (await late.answer()).status], ["hello", 200]);
    } finally {
      performance.now = now;
    }
  });
});

// The whole request.

timeTest("serve closes an idle connection after idleTimeoutMs, and no busy one", {
  idleTimeoutMs: 80,
  async fetch() {
    await sleep(120);
    return new Response("hello");
  },
}, async ({ connect, server }) => {
  const web = await connect();
  for (let i = 0; i < 2; i++) {
    assertEquals((await web.ask().answer()).text, "hello");
    await sleep(20);
    assertEquals(web.over, false);
  }
  await web.untilEnded();
  await until(() => server.stats().connections === 0, "the connection to go");
});

timeTest("serve answers 503 after requestTimeoutMs when no response has begun", {
  requestTimeoutMs: 30,
  fetch(request, info) {
    request.signal.addEventListener("abort", () => seen.push(request.signal.reason));
    info.completed.then(() => seen.push("sent"));
    return new Promise(() => {});
  },
}, async ({ connect }) => {
  const web = await connect();
  const answer = await web.ask().answer();
  assertEquals([answer.status, answer.text, answer.end.appStatus], [503, "503 Service Unavailable\n", 0]);
  await until(() => seen.length === 2, "the signal and completed");
  const [reason, fate] = seen.splice(0);
  assertInstanceOf(reason, RequestAbortedError);
  assertEquals([reason.message, fate], ["The request took longer than requestTimeoutMs, 30", "sent"]);
  assertEquals((await web.ask({ uri: "/ok" }).answer()).text, "ok");
});

timeTest("serve answers 503 after requestTimeoutMs when the body drips or the stream gives nothing", {
  requestTimeoutMs: 40,
  async fetch(request) {
    if (request.method === "POST") return new Response(await request.text());
    return new Response(new ReadableStream({ cancel: (reason) => void seen.push(reason) }));
  },
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "1000" } });
  while (asked.end === undefined) {
    await web.stdin(1, "x");
    await sleep(5);
  }
  assertEquals((await asked.answer()).status, 503);
  assertEquals((await web.ask({ requestId: 2 }).answer()).status, 503);
  assertEquals(seen.splice(0).map((reason) => reason instanceof RequestAbortedError), [true]);
});
const seen: unknown[] = [];

/** A stream that gives one part, and no more. */
function oncePart(): Response {
  let pulls = 0;
  return new Response(
    new ReadableStream({
      pull: (controller) => pulls++ === 0 ? controller.enqueue(encode("first")) : new Promise<void>(() => {}),
      cancel: (reason) => void seen.push(reason),
    }, { highWaterMark: 0 }),
  );
}

timeTest("serve breaks a response off after requestTimeoutMs when its head is out", {
  requestTimeoutMs: 40,
  fetch: oncePart,
}, async ({ connect }) => {
  const web = await connect({ raw: true });
  web.ask();
  await web.untilEnded();
  const got = latin1(concat(web.chunks));
  assertStringIncludes(got, "first");
  assertEquals(got.slice(-8), "\0".repeat(8));
  assertEquals(seen.splice(0).map((reason) => reason instanceof RequestAbortedError), [true]);
});

timeTest("serve ends with appStatus 1 after requestTimeoutMs when others are on the connection", {
  requestTimeoutMs: 40,
  fetch: (request) => request.url.endsWith("/first") ? oncePart() : new Promise(() => {}),
}, async ({ connect }) => {
  const web = await connect();
  const first = web.begin({ requestId: 1, uri: "/first" });
  const sibling = web.ask({ requestId: 2 });
  const { text, end } = await first.answer();
  assertEquals([text, end.appStatus], ["first", 1]);
  assertEquals((await sibling.answer()).status, 503);
  assertEquals((await web.ask({ uri: "/ok" }).answer()).text, "ok");
  assertEquals(seen.splice(0).length, 1);
});

// A peer that does not read, or does not go.

for (
  const [what, make] of [
    ["bytes", () => new Response(new Uint8Array(64_000_000))],
    ["a FastResponse", () => new FastResponse(new Uint8Array(64_000_000))],
    ["a stream", () => {
      const pull = (controller: ReadableStreamDefaultController): void => controller.enqueue(new Uint8Array(65_536));
      return new Response(new ReadableStream({ pull, cancel: (reason) => void seen.push(reason) }));
    }],
  ] as const
) {
  timeTest(`serve closes the connection when nothing is taken of ${what} for writeTimeoutMs`, {
    writeTimeoutMs: 150,
    fetch(request, info) {
      info.completed.catch((error) => seen.push(error));
      request.signal.addEventListener("abort", () => seen.push(request.signal.reason));
      return make();
    },
  }, async ({ connect, errors, server }) => {
    const web = await connect({ raw: true });
    web.pause();
    web.ask();
    await until(() => errors.length > 0, "the error");
    await until(() => server.stats().connections === 0, "the connection to be closed");
    const { message } = takeLimit(errors, "writeTimeoutMs", 150);
    assertEquals(message, "Cannot send response: the web server has not taken what waits for it in 150 ms");
    await until(() => seen.length === (what === "a stream" ? 3 : 2), "all to be told");
    for (const reason of seen.splice(0)) {
      assertInstanceOf(reason, RequestAbortedError);
      assertInstanceOf(reason.cause, LimitError);
    }
  });
}

timeTest("serve sends all to a slow web server when it takes something each writeTimeoutMs", {
  writeTimeoutMs: 500,
  fetch: () => new Response(new Uint8Array(24_000_000)),
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.ask({ discard: true });
  const began = performance.now();
  for (let most = 0; asked.end === undefined; most += 2_400_000) {
    web.pause();
    await sleep(80);
    web.resume();
    await web.until(() => asked.length > most || asked.end !== undefined || web.over, "more");
    assertEquals(web.over, false);
  }
  assertGreater(performance.now() - began, 500);
  assertGreater(asked.length, 24_000_000);
});

/** A peer that never ends its side by itself. */
async function stubborn(addr: unknown): Promise<Socket> {
  const { hostname, port } = addr as NetAddr;
  const socket = netConnect({ host: hostname, port, allowHalfOpen: true });
  socket.on("error", () => {});
  socket.resume();
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

timeTest("serve closes the connection drainTimeoutMs after the last response when the web server goes on sending", {
  drainTimeoutMs: 100,
}, async ({ addr, server }) => {
  const socket = await stubborn(addr);
  const began = performance.now();
  socket.write(concat([requestBytes(false, 1).slice(0, -8), recordBytes(FCGI_STDIN, 1, "x")]));
  await bounded(new Promise((resolve) => socket.once("end", resolve)), "the end of the response", 1000);
  assertEquals(server.stats().connections, 1);
  while (server.stats().connections > 0) {
    if (!socket.destroyed) socket.write(recordBytes(FCGI_STDIN, 1, "late"));
    await sleep(5);
    assertLess(performance.now() - began, 5000);
  }
  assertGreater(performance.now() - began, 90);
  socket.destroy();
  await new Promise((resolve) => socket.closed ? resolve(0) : socket.once("close", resolve));
});

timeTest("serve does not wait for drainTimeoutMs when the web server closes", {
  drainTimeoutMs: 60_000,
}, async ({ ask, server }) => {
  assertEquals((await ask()).text, "hello");
  await bounded(until(() => server.stats().connections === 0, "the connection to go"), "the end", 1000);
});

Deno.test("Server.shutdown waits for requests when shutdownTimeoutMs is Infinity", async () => {
  const held = gate();
  await inScene({
    shutdownTimeoutMs: Infinity,
    async fetch() {
      await held.promise;
      return new Response("late");
    },
  }, async ({ connect, server }) => {
    const web = await connect();
    const asked = web.ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    const shutdown = server.shutdown();
    await sleep(50);
    held.open();
    assertEquals((await asked.answer()).text, "late");
    await bounded(shutdown, "shutdown", 1000);
  });
});

Deno.test("serve has a clock of a quarter of the shortest time-out, and of a second at most", async () => {
  const long = { headTimeoutMs: 9000, bodyTimeoutMs: 9000, writeTimeoutMs: 9000, drainTimeoutMs: 9000 };
  const cases: readonly (readonly [options: SceneOptions, periodMs: number])[] = [
    [{}, 500],
    [long, 1000],
    [{ ...long, headTimeoutMs: 0, bodyTimeoutMs: 0 }, 1000],
    [{ ...long, idleTimeoutMs: 200 }, 50],
    [{ ...long, requestTimeoutMs: 120 }, 30],
    [{ ...long, bodyTimeoutMs: 2 }, 1],
  ];
  const real = globalThis.setInterval;
  for (const [options, periodMs] of cases) {
    const periods: unknown[] = [];
    globalThis.setInterval = ((tick: () => void, ms: number) => {
      periods.push(ms);
      return real(tick, ms);
    }) as typeof setInterval;
    try {
      await inScene({ ...options, fetch: () => new Response("hello") }, async ({ ask }) => {
        assertEquals((await ask()).text, "hello");
      });
    } finally {
      globalThis.setInterval = real;
    }
    assertEquals(periods[0], periodMs);
  }
});

// What takes too long to wait for: with a clock and a socket of the test's own.

Deno.test("a connection whose web server has ended its side is closed after 10 s when the handler never answers", async () => {
  const reasons: unknown[] = [];
  const fake = new FakeConnection({
    fetch(request) {
      request.signal.addEventListener("abort", () => reasons.push(request.signal.reason));
      return new Promise(() => {});
    },
  });
  fake.connection.received(requestBytes(true, 1), true);
  fake.connection.ended();
  await sleep(2);
  assertEquals(reasons.length, 1);
  for (let i = 0; i < 9; i++) fake.tick(1000);
  assertEquals(fake.calls, []);
  fake.tick(1000);
  assertEquals(fake.calls, ["close"]);
  fake.connection.closed();
  assertEquals([reasons.length, fake.errors], [1, []]);
});

/** A request with a body, up to the body. */
function putBytes(): Uint8Array {
  const whole = requestBytes(true, 1);
  whole.set(encode("PUT"), latin1(whole).indexOf("GET"));
  return whole.slice(0, -8);
}

Deno.test("a connection whose web server has ended its side lives while an answer is taken", async () => {
  const fake = new FakeConnection({ fetch: () => new FastResponse(new Uint8Array(2_000_000)) });
  fake.takes = false;
  fake.connection.received(requestBytes(true, 1), true);
  fake.connection.ended();
  await sleep(2);
  for (let i = 0; i < 3; i++) {
    fake.tick(9000);
    fake.connection.drained();
    await sleep(1);
  }
  assertEquals(fake.calls, ["write", "write", "write", "write"]);
  fake.tick(10_000);
  assertEquals(fake.calls.at(-1), "close");
  fake.connection.closed();
});

Deno.test("a paused connection reads 64 KiB more at each tick, and 8 MiB in all", () => {
  const fake = new FakeConnection({ fetch: () => new Promise(() => {}) });
  const record = recordBytes(FCGI_STDIN, 1, "x".repeat(65_528));
  fake.connection.received(putBytes(), true);
  let read = 0;
  const fill = (): void => {
    while (!fake.paused) {
      fake.connection.received(record, true);
      read += 65_528;
      assertLess(read, 16_000_000);
    }
  };
  fill();
  assertEquals(read, 2 * 65_528);
  let ticks = 0;
  for (let before = 0; before !== read; ticks++) {
    before = read;
    fake.tick(1000);
    fill();
  }
  assertEquals(ticks, 129);
  assertLess(read, 8_388_608 + 3 * 65_536);
  assertEquals(fake.calls, []);
});

Deno.test("parameters are not late when the connection was not read while they were under way", async () => {
  let body: ReadableStream | null = null;
  const fake = new FakeConnection({
    headTimeoutMs: 10_000,
    fetch(request) {
      body = request.body;
      return new Promise(() => {});
    },
  });
  fake.connection.received(recordBytes(FCGI_BEGIN_REQUEST, 2, [0, 1, 1, 0, 0, 0, 0, 0]), true);
  fake.connection.received(putBytes(), true);
  for (let i = 0; i < 20; i++) {
    while (!fake.paused) fake.connection.received(recordBytes(FCGI_STDIN, 1, "x".repeat(65_528)), true);
    fake.tick(1000);
  }
  await body!.cancel();
  assertEquals(fake.paused, false);
  for (let i = 0; i < 9; i++) fake.tick(1000);
  assertEquals([fake.calls, fake.errors], [[], []]);
  fake.tick(1000);
  assertEquals([fake.calls, fake.errors.map(String)], [
    ["close"],
    ["LimitError: Cannot read request: its parameters have not come whole after 10000 ms"],
  ]);
});

Deno.test("parameters that never end are late by their own request's time", () => {
  const begin = (id: number): Uint8Array => recordBytes(FCGI_BEGIN_REQUEST, id, [0, 1, 1, 0, 0, 0, 0, 0]);
  const fake = new FakeConnection({ headTimeoutMs: 10_000, fetch: () => new Promise(() => {}) });
  fake.connection.received(begin(1), true);
  for (let i = 0; i < 9; i++) {
    fake.tick(1000);
    // The first two end in time, each after the next has begun: the third's time is its own.
    if (i === 3) fake.connection.received(begin(2), true);
    if (i === 5) fake.connection.received(concat([recordBytes(FCGI_PARAMS, 1), begin(3)]), true);
    if (i === 7) fake.connection.received(recordBytes(FCGI_PARAMS, 2), true);
  }
  for (let i = 9; i < 15; i++) fake.tick(1000);
  assertEquals([fake.calls, fake.errors], [["write", "write"], []]);
  fake.tick(1000);
  assertEquals(fake.calls.includes("close"), true);
  assertEquals(fake.errors.length, 1);
  assert(fake.errors[0] instanceof LimitError);
});

Deno.test("request.text rejects with what timed out, and only once", async () => {
  let first: unknown;
  await inScene({
    bodyTimeoutMs: 20,
    async fetch(request) {
      first = await assertRejects(() => request.text());
      await sleep(40);
      assertEquals(request.signal.aborted, false);
      return new Response("late", { status: 499 });
    },
  }, async ({ connect }) => {
    const web = await connect();
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
    web.flush();
    assertEquals((await asked.answer()).status, 499);
    assertInstanceOf(first, LimitError);
  });
});
