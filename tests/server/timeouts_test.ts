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
import { DRAIN_TIMEOUT_MS } from "../../src/server/timeouts.ts";
import { TurnedClock } from "../turned_clock.ts";
import { FakeConnection } from "./fake_connection.ts";
import { inScene, type Scene, type SceneOptions } from "./scene.ts";
import { recordBytes, requestBytes } from "./web_server.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";
import { concat, latin1Text, utf8Bytes } from "../helpers/bytes.ts";

/** What a test of time-outs has of its server, whose clock only the test turns. */
interface TimeScene extends Scene {
  readonly clock: TurnedClock;
  /** Resolves when the server has read what was sent to it before: it has then answered on another connection. */
  settle(): Promise<void>;
}

/** Answers `/ok` at once, whatever else it does. */
function orOk(fetch: SceneOptions["fetch"]): NonNullable<SceneOptions["fetch"]> {
  return (request, info) => request.url.endsWith("/ok") ? new Response("ok") : fetch!(request, info);
}

/** Defines a test whose server must answer at once when all is over. */
function timeTest(name: string, options: SceneOptions, body: (scene: TimeScene) => Promise<void>): void {
  const fetch = orOk(options.fetch ?? (() => new Response("hello")));
  Deno.test(name, () => {
    const clock = new TurnedClock();
    return inScene({ ...options, fetch, clock }, async (scene) => {
      const settle = async (): Promise<void> => {
        assertEquals((await bounded(scene.ask({ uri: "/ok" }), "an answer")).text, "ok");
      };
      seen.length = 0;
      await body({ ...scene, clock, settle });
      await settle();
    });
  });
}

/** Takes out the only error that was reported, which is of this limit. */
function takeLimit(errors: unknown[], limit: string, max: number): LimitError {
  assertEquals(errors.length, 1);
  const [error] = errors.splice(0);
  assertInstanceOf(error, LimitError);
  assertEquals([error.code, error.limit, error.max], ["LIMIT", limit, max]);
  return error;
}

// The head of a request.

timeTest("serve closes a connection without a word when nothing comes on it for headTimeoutMs", {
  headTimeoutMs: 1000,
}, async ({ connect, server, clock }) => {
  const web = await connect({ raw: true });
  await until(() => server.stats().connections === 1, "the connection");
  clock.turn(1000);
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
    headTimeoutMs: 1000,
  }, async ({ connect, errors, clock, settle }) => {
    const web = await connect({ raw: true });
    for (let sent = 0; sent < 4; sent++) {
      await web.send(bytes.slice(sent, sent + 1));
      await settle();
      assertEquals(errors, []);
      clock.turn(250);
    }
    await web.untilEnded();
    const { message } = takeLimit(errors, "headTimeoutMs", 1000);
    assertEquals(message, "Cannot read request: its parameters have not come whole after 1000 ms");
  });
}

timeTest("serve closes the connection after headTimeoutMs when other requests on it come whole", {
  headTimeoutMs: 1000,
}, async ({ connect, errors, clock }) => {
  const web = await connect();
  web.begin({ requestId: 9 });
  // Without the record that ends its parameters.
  await web.send(concat(web.protocol.writer.take()).slice(0, -8));
  for (let id = 100; id < 104; id++) {
    assertEquals((await web.ask({ requestId: id }).answer()).text, "hello");
    clock.turn(250);
  }
  await web.untilEnded();
  takeLimit(errors, "headTimeoutMs", 1000);
});

timeTest("serve closes the connection after headTimeoutMs when a request has only begun to begin", {
  headTimeoutMs: 1000,
}, async ({ connect, errors, clock, settle }) => {
  const web = await connect();
  const asked = web.ask();
  await web.send(recordBytes(FCGI_BEGIN_REQUEST, 2, [0, 1, 1]).slice(0, 5));
  assertEquals((await asked.answer()).text, "hello");
  await settle();
  clock.turn(1000);
  await web.untilEnded();
  takeLimit(errors, "headTimeoutMs", 1000);
});

timeTest("serve closes a connection on which no request comes within headTimeoutMs, whatever else does", {
  headTimeoutMs: 1000,
}, async ({ connect, clock, settle }) => {
  const web = await connect();
  for (let count = 0; count < 4; count++) {
    assertEquals(web.over, false);
    // Of no request that is active; and a question.
    await web.send(recordBytes(FCGI_PARAMS, 1, "x".repeat(50)));
    web.protocol.getValues(["FCGI_MAX_REQS"]);
    web.flush();
    await settle();
    clock.turn(250);
  }
  await web.untilEnded();
});

timeTest("serve waits forever between requests when there is only headTimeoutMs", {
  headTimeoutMs: 1000,
}, async ({ connect, clock, settle }) => {
  const web = await connect();
  for (let i = 0; i < 2; i++) {
    assertEquals((await web.ask().answer()).text, "hello");
    clock.turn(1_000_000);
  }
  web.protocol.getValues(["FCGI_MAX_REQS"]);
  web.flush();
  await settle();
  clock.turn(1_000_000);
  await settle();
  assertEquals([web.over, web.values?.[0]], [false, "FCGI_MAX_REQS"]);
});

const held = { open: (): void => {} };

timeTest("serve counts no time against parameters while it is it that does not read", {
  headTimeoutMs: 1000,
  async fetch(request) {
    const { promise, open } = gate();
    held.open = open;
    if (request.method === "POST") await promise;
    return new Response(String((await request.arrayBuffer()).byteLength));
  },
}, async ({ connect, clock, settle, server }) => {
  const web = await connect();
  const size = 3_000_000;
  const upload = web.begin({ requestId: 1, method: "POST", params: { CONTENT_LENGTH: String(size) } });
  web.flush();
  await until(() => server.stats().activeRequests === 1, "the upload");
  const { open } = held;
  const behind = web.begin({ requestId: 2 });
  const bytes = concat(web.protocol.writer.take());
  web.send(bytes.slice(0, -8));
  web.protocol.stdin(1, new Uint8Array(size));
  web.protocol.stdinEnd(1);
  web.flush();
  web.send(bytes.slice(-8));
  web.stdinEnd(2);
  for (let i = 0; i < 20; i++) {
    await settle();
    clock.turn(250);
  }
  assertEquals(web.over, false);
  open();
  assertEquals([(await upload.answer()).text, (await behind.answer()).text], [String(size), "0"]);
});

Deno.test("serve closes a connection that has waited headTimeoutMs for maxConnections", async () => {
  const clock = new TurnedClock();
  await inScene({ maxConnections: 1, clock, fetch: () => new Response("hello") }, async (scene) => {
    const { connect, errors, server } = scene;
    const first = await connect();
    assertEquals((await first.ask().answer()).text, "hello");
    const second = await connect({ raw: true });
    second.ask();
    await until(() => server.stats().connections === 2, "the connection");
    clock.turn(30_000);
    await second.untilEnded();
    assertEquals(second.chunks, []);
    const { message } = takeLimit(errors, "maxConnections", 1);
    assertEquals(message, "Cannot serve connection: 1 others have been open for 30000 ms");
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
  for (const [what, pieces] of [["pauses", [500]], ["comes byte by byte", [500, 1, 1, 1]]] as const) {
    timeTest(`serve answers 408 after bodyTimeoutMs when a body read as ${how} ${what}`, {
      bodyTimeoutMs: 1000,
      fetch: async (request) => new Response(await read(request)),
    }, async ({ connect, errors, clock, settle }) => {
      const web = await connect();
      const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "1000" } });
      for (const bytes of pieces) {
        await web.stdin(1, "x".repeat(bytes));
        await settle();
        assertEquals(errors, []);
        clock.turn(1000 / pieces.length);
      }
      const answer = await asked.answer();
      assertEquals([answer.status, answer.text], [408, "408 Request Timeout\n"]);
      assertStringIncludes(takeLimit(errors, "bodyTimeoutMs", 1000).message, "Cannot read request body: only ");
      // The rest of it is late.
      await web.stdin(1, "x");
      web.stdinEnd(1);
      assertEquals((await web.ask({ uri: "/ok" }).answer()).text, "ok");
    });
  }
}

timeTest("serve answers 408 after bodyTimeoutMs when nothing of a body comes, known length or not", {
  bodyTimeoutMs: 1000,
  fetch: async (request) => new Response(await request.text()),
}, async ({ connect, errors, clock, settle }) => {
  for (const CONTENT_LENGTH of ["5", undefined]) {
    const web = await connect();
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH } });
    web.flush();
    await settle();
    clock.turn(1000);
    assertEquals((await asked.answer()).status, 408);
    assertStringIncludes(takeLimit(errors, "bodyTimeoutMs", 1000).message, "none for 1000 ms");
  }
});

timeTest("serve reads a slow body whole when each bodyTimeoutMs has 1,024 bytes of it", {
  bodyTimeoutMs: 1000,
  fetch: async (request) => new Response(String((await request.text()).length)),
}, async ({ connect, clock, settle }) => {
  const web = await connect();
  const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "8192" } });
  for (let i = 0; i < 16; i++) {
    await web.stdin(1, "x".repeat(512));
    await settle();
    clock.turn(375);
  }
  web.stdinEnd(1);
  assertEquals((await asked.answer()).text, "8192");
});

timeTest("serve counts no time against a body while its handler does not read", {
  bodyTimeoutMs: 1000,
  async fetch(request) {
    const { promise, open } = gate();
    held.open = open;
    await promise;
    return new Response(String((await request.text()).length));
  },
}, async ({ connect, clock, settle }) => {
  const web = await connect();
  for (const length of [100, 200_000]) {
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: String(length) } });
    web.stdin(1, "x".repeat(length));
    await settle();
    clock.turn(5000);
    web.stdinEnd(1);
    held.open();
    assertEquals((await asked.answer()).text, String(length));
  }
});

timeTest("serve counts no time in which it could not look, whatever held it up", {
  bodyTimeoutMs: 1000,
  headTimeoutMs: 1000,
  fetch: async (request) => new Response(await request.text()),
}, async ({ connect, clock, settle }) => {
  const [body, head] = [await connect(), await connect()];
  const slow = body.begin({ method: "POST", params: { CONTENT_LENGTH: "5" } });
  await body.stdin(1, "he");
  const late = head.begin();
  const bytes = concat(head.protocol.writer.take());
  await head.send(bytes.slice(0, 30));
  await settle();
  // As after a handler that computes for ten minutes, or a machine that slept.
  clock.skip(600_000);
  clock.turn(250);
  await body.stdin(1, "llo");
  body.stdinEnd(1);
  await head.send(bytes.slice(30), recordBytes(FCGI_STDIN, 1));
  assertEquals([(await slow.answer()).text, (await late.answer()).status], ["hello", 200]);
});

// The whole request.

timeTest("serve closes an idle connection after idleTimeoutMs, and no busy one", {
  idleTimeoutMs: 1000,
  async fetch() {
    const { promise, open } = gate();
    held.open = open;
    await promise;
    return new Response("hello");
  },
}, async ({ connect, server, clock }) => {
  const web = await connect();
  for (let i = 0; i < 2; i++) {
    const asked = web.ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    clock.turn(5000);
    held.open();
    assertEquals((await asked.answer()).text, "hello");
    clock.turn(750);
    assertEquals(web.over, false);
  }
  clock.turn(250);
  await web.untilEnded();
  await until(() => server.stats().connections === 0, "the connection to go");
});

timeTest("serve answers 503 after requestTimeoutMs when no response has begun", {
  requestTimeoutMs: 1000,
  fetch(request, info) {
    request.signal.addEventListener("abort", () => seen.push(request.signal.reason));
    info.completed.then(() => seen.push("sent"));
    return new Promise(() => {});
  },
}, async ({ connect, server, clock }) => {
  const web = await connect();
  const asked = web.ask();
  await until(() => server.stats().activeRequests === 1, "the request");
  clock.turn(750);
  assertEquals(seen, []);
  clock.turn(250);
  const answer = await asked.answer();
  assertEquals([answer.status, answer.text, answer.end.appStatus], [503, "503 Service Unavailable\n", 0]);
  await until(() => seen.length === 2, "the signal and completed");
  const [reason, fate] = seen.splice(0);
  assertInstanceOf(reason, RequestAbortedError);
  assertEquals([reason.message, fate], ["The request took longer than requestTimeoutMs, 1000", "sent"]);
  assertEquals((await web.ask({ uri: "/ok" }).answer()).text, "ok");
});

timeTest("serve answers 503 after requestTimeoutMs when the body drips or the stream gives nothing", {
  requestTimeoutMs: 1000,
  async fetch(request) {
    if (request.method === "POST") return new Response(await request.text());
    return new Response(new ReadableStream({ cancel: (reason) => void seen.push(reason) }));
  },
}, async ({ connect, clock, settle }) => {
  const web = await connect();
  const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "1000" } });
  for (let i = 0; i < 4; i++) {
    await web.stdin(1, "x");
    await settle();
    clock.turn(250);
  }
  assertEquals((await asked.answer()).status, 503);
  const second = web.ask({ requestId: 2 });
  await settle();
  clock.turn(1000);
  assertEquals((await second.answer()).status, 503);
  assertEquals(seen.splice(0).map((reason) => reason instanceof RequestAbortedError), [true]);
});
const seen: unknown[] = [];

/** A stream that gives one part, and no more. */
function oncePart(): Response {
  let pulls = 0;
  return new Response(
    new ReadableStream({
      pull: (controller) => pulls++ === 0 ? controller.enqueue(utf8Bytes("first")) : new Promise<void>(() => {}),
      cancel: (reason) => void seen.push(reason),
    }, { highWaterMark: 0 }),
  );
}

timeTest("serve breaks a response off after requestTimeoutMs when its head is out", {
  requestTimeoutMs: 1000,
  fetch: oncePart,
}, async ({ connect, clock }) => {
  const web = await connect({ raw: true });
  web.ask();
  await web.until(() => latin1Text(concat(web.chunks)).includes("first"), "the first part");
  clock.turn(1000);
  await web.untilEnded();
  const got = latin1Text(concat(web.chunks));
  assertEquals(got.slice(-8), "\0".repeat(8));
  assertEquals(seen.splice(0).map((reason) => reason instanceof RequestAbortedError), [true]);
});

timeTest("serve ends with appStatus 1 after requestTimeoutMs when others are on the connection", {
  requestTimeoutMs: 1000,
  fetch: (request) => request.url.endsWith("/first") ? oncePart() : new Promise(() => {}),
}, async ({ connect, clock, server }) => {
  const web = await connect();
  const first = web.begin({ requestId: 1, uri: "/first" });
  const sibling = web.ask({ requestId: 2 });
  await until(() => server.stats().activeRequests === 2 && first.length > 0, "the first part");
  clock.turn(1000);
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
    fetch(request, info) {
      info.completed.catch((error) => seen.push(error));
      request.signal.addEventListener("abort", () => seen.push(request.signal.reason));
      return make();
    },
  }, async ({ connect, errors, server, clock }) => {
    const web = await connect({ raw: true });
    web.pause();
    web.ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    await until(() => {
      clock.turn(30_000);
      return errors.length > 0;
    }, "the error");
    await until(() => server.stats().connections === 0, "the connection to be closed");
    const { message } = takeLimit(errors, "writeTimeoutMs", 120_000);
    assertEquals(message, "Cannot send response: the web server has not taken what waits for it in 120000 ms");
    await until(() => seen.length === (what === "a stream" ? 3 : 2), "all to be told");
    for (const reason of seen.splice(0)) {
      assertInstanceOf(reason, RequestAbortedError);
      assertInstanceOf(reason.cause, LimitError);
    }
  });
}

timeTest("serve sends all to a slow web server when it takes something each writeTimeoutMs", {
  fetch: () => new Response(new Uint8Array(24_000_000)),
}, async ({ connect, clock, server }) => {
  const web = await connect();
  const asked = web.ask({ discard: true });
  await until(() => server.stats().activeRequests === 1, "the request");
  let turns = 0;
  for (let most = 0; asked.end === undefined; most += 2_400_000) {
    web.pause();
    clock.turn(20_000);
    turns++;
    web.resume();
    await web.until(() => asked.length > most || asked.end !== undefined || web.over, "more");
    assertEquals(web.over, false);
  }
  assertGreater(turns * 20_000, 120_000);
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

timeTest(
  "serve closes the connection 2 s after the last response when the web server goes on sending",
  {},
  async (scene) => {
    const { addr, server, clock } = scene;
    const socket = await stubborn(addr);
    socket.write(concat([requestBytes(false, 1).slice(0, -8), recordBytes(FCGI_STDIN, 1, "x")]));
    await bounded(new Promise((resolve) => socket.once("end", resolve)), "the end of the response", 1000);
    assertEquals(DRAIN_TIMEOUT_MS, 2000);
    for (let i = 0; i < 4; i++) {
      await sleep(2);
      assertEquals(server.stats().connections, 1);
      socket.write(recordBytes(FCGI_STDIN, 1, "late"));
      clock.turn(500);
    }
    await until(() => server.stats().connections === 0, "the connection to go");
    socket.destroy();
    await new Promise((resolve) => socket.closed ? resolve(0) : socket.once("close", resolve));
  },
);

timeTest("serve does not wait for 2 s when the web server closes", {}, async ({ ask, server }) => {
  assertEquals((await ask()).text, "hello");
  await bounded(until(() => server.stats().connections === 0, "the connection to go"), "the end", 1000);
});

for (const [shutdownTimeoutMs, aborts] of [[0, 0], [5000, 5000], [Infinity, undefined]] as const) {
  const what = aborts === undefined ? "never aborts requests" : `aborts requests after ${aborts} ms`;
  Deno.test(`Server.shutdown ${what} when shutdownTimeoutMs is ${shutdownTimeoutMs}`, async () => {
    const clock = new TurnedClock();
    const held = gate();
    let aborted = false;
    await inScene({
      clock,
      shutdownTimeoutMs,
      async fetch(request) {
        request.signal.addEventListener("abort", () => aborted = true);
        await held.promise;
        return new Response("late");
      },
    }, async ({ connect, server }) => {
      const web = await connect();
      const asked = web.ask();
      await until(() => server.stats().activeRequests === 1, "the request");
      const shutdown = server.shutdown();
      if (aborts !== undefined && aborts > 0) {
        clock.turn(aborts - 1);
        assertEquals(aborted, false);
        clock.turn(1);
      } else if (aborts === undefined) {
        clock.turn(1_000_000_000);
        await sleep(0);
        clock.turn(1000);
        assertEquals(aborted, false);
        held.open();
        assertEquals((await asked.answer()).text, "late");
      }
      await bounded(shutdown, "shutdown", 1000);
      assertEquals(aborted, aborts !== undefined);
    });
  });
}

Deno.test("serve has a clock of a quarter of the shortest time-out, and of half a second at most", async () => {
  const none = { headTimeoutMs: Infinity, bodyTimeoutMs: Infinity, writeTimeoutMs: Infinity };
  const cases: readonly (readonly [options: SceneOptions, periodMs: number])[] = [
    [{}, 500],
    [none, 500],
    [{ idleTimeoutMs: 200 }, 50],
    [{ ...none, requestTimeoutMs: 120 }, 30],
    [{ bodyTimeoutMs: 2 }, 1],
  ];
  for (const [options, periodMs] of cases) {
    const clock = new TurnedClock();
    await inScene({ ...options, clock, fetch: () => new Response("hello") }, async ({ connect, server }) => {
      assertEquals(clock.periodsMs, []);
      const web = await connect();
      assertEquals((await web.ask().answer()).text, "hello");
      assertEquals(clock.periodsMs, [periodMs]);
      await web.close();
      await until(() => server.stats().connections === 0, "the connection to go");
      assertEquals(clock.periodsMs, []);
    });
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
  whole.set(utf8Bytes("PUT"), latin1Text(whole).indexOf("GET"));
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

timeTest("request.text rejects with what timed out, and only once", {
  bodyTimeoutMs: 1000,
  async fetch(request) {
    const { promise, open } = gate();
    held.open = open;
    seen.push(await assertRejects(() => request.text()));
    await promise;
    assertEquals(request.signal.aborted, false);
    return new Response("late", { status: 499 });
  },
}, async ({ connect, clock, settle }) => {
  const web = await connect();
  const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
  web.flush();
  await settle();
  clock.turn(1000);
  await until(() => seen.length > 0, "the error");
  clock.turn(5000);
  held.open();
  assertEquals((await asked.answer()).status, 499);
  assertInstanceOf(seen.pop(), LimitError);
});
