/** What ends each wait of a client. The clock is turned: no test waits for time to pass. */

import { FastCgiError, LimitError } from "@webfcgi/webfcgi/client";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "../std/assert.ts";
import { bounded, gate, until } from "../helpers/waiting.ts";
import { TurnedClock } from "../turned_clock.ts";
import { end, stderr, stdout } from "../vectors/wire.ts";
import { always, answer, type AppConnection, type ClientScene, clientTest, textOrError } from "./application.ts";
import { latin1Bytes } from "../helpers/bytes.ts";

const ok = answer("X: y", "hello");

/** The error that a promise rejects with, and that names a limit and its side. */
async function limitOf(promise: Promise<unknown>): Promise<[limit: string, side: string]> {
  const error = await assertRejects(() => bounded(promise, "a rejection"), LimitError);
  return [error.limit, error.side];
}

/** Defines a test that has a client of default limits, and its clock. */
function turnedTest(
  name: string,
  options: Parameters<typeof clientTest>[1],
  serve: (connection: AppConnection) => unknown,
  body: (clock: TurnedClock, scene: ClientScene) => Promise<void>,
): void {
  const clock = new TurnedClock();
  clientTest(name, { clock, ...options }, serve, (scene) => body(clock, scene));
}

/** A stream that gives nothing but what a test gives it. */
function slowBody(): { stream: ReadableStream<Uint8Array>; give(text: string): void; cancelled: Promise<unknown> } {
  const cancelled = gate<unknown>();
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start: (it) => void (controller = it),
    cancel: cancelled.open,
  });
  return { stream, give: (text) => controller.enqueue(latin1Bytes(text)), cancelled: cancelled.promise };
}

turnedTest(
  "fetch rejects after queueTimeoutMs when no connection becomes free",
  {
    maxConnections: 1,
    headTimeoutMs: Infinity,
  },
  () => {},
  async (clock, { client, connection }) => {
    const first = client.fetch("/").catch((error) => error);
    await (await connection()).untilSent();
    const waiting = limitOf(client.fetch("/"));
    await until(() => client.stats().queuedRequests === 1, "the second request to wait");
    clock.turn(29_000);
    assertEquals(client.stats().queuedRequests, 1);
    clock.turn(2000);
    assertEquals(await waiting, ["queueTimeoutMs", "upstream"]);
    await client.close();
    assertInstanceOf(await first, FastCgiError);
  },
);

const seen: string[] = [];
turnedTest("fetch rejects after headTimeoutMs when no head comes", {
  onStderr: (text) => void seen.push(text),
}, async (connection) => {
  await connection.untilSent();
  connection.send(stdout(1, "X: y\r\n"), stderr(1, "waiting for a lock"));
}, async (clock, { client, connection }) => {
  const fetched = client.fetch("/");
  const rejected = assertRejects(() => bounded(fetched, "a rejection"), LimitError, "waiting for a lock");
  await until(() => seen.length > 0, "what is on FCGI_STDERR");
  clock.turn(61_000);
  assertEquals((await rejected).limit, "headTimeoutMs");
  await (await connection()).untilOver();
  assertEquals(client.stats().connections, 0);
});

turnedTest("fetch rejects after headTimeoutMs when the head trickles in", {}, () => {}, async (clock, scene) => {
  const rejected = limitOf(scene.client.fetch("/"));
  const app = await scene.connection();
  await app.untilSent();
  for (let sent = 0; sent < 70; sent++) {
    app.send(stdout(1, "X"));
    clock.turn(1000);
  }
  assertEquals(await rejected, ["headTimeoutMs", "upstream"]);
});

turnedTest(
  "fetch does not count the time in which its own body gives nothing as the application's",
  {
    unknownLengthBodies: "stream",
    bodyTimeoutMs: Infinity,
  },
  () => {},
  async (clock, { client, connection }) => {
    const { stream, give } = slowBody();
    const fetched = client.fetch("/", { method: "POST", body: stream });
    const app = await connection();
    give("a");
    await until(() => app.stream(5) === "a", "the first part");
    clock.turn(1_000_000);
    app.send(...ok);
    assertEquals(await (await fetched).text(), "hello");
  },
);

for (const [how, options] of [["is collected", {}], ["is sent", { unknownLengthBodies: "stream" }]] as const) {
  turnedTest(
    `fetch rejects when its body gives too little within bodyTimeoutMs while it ${how}`,
    options,
    () => {},
    async (
      clock,
      { client, connections, connection },
    ) => {
      const { stream, give, cancelled } = slowBody();
      const rejected = limitOf(client.fetch("/", { method: "POST", body: stream }));
      give("a".repeat(1024));
      if (how === "is sent") await until(() => connections[0]?.stream(5) !== undefined, "a connection");
      // Each KiB counts as progress; a byte now and then does not.
      for (let turns = 0; turns < 4; turns++) {
        await new Promise((resolve) => setTimeout(resolve));
        clock.turn(50_000);
        give("b".repeat(1024));
      }
      for (let turns = 0; turns < 7; turns++) {
        await new Promise((resolve) => setTimeout(resolve));
        assertEquals(client.stats().queuedRequests + client.stats().activeRequests, 1, `after ${turns} seconds`);
        clock.turn(8000);
        give("c");
      }
      clock.turn(8000);
      assertEquals(await rejected, ["bodyTimeoutMs", "request"]);
      assertInstanceOf(await bounded(cancelled, "the body to be cancelled"), LimitError);
      if (how === "is sent") await (await connection()).untilOver();
      else assertEquals(connections.length, 0, "no worker of the application has been held");
      const { connections: open, queuedRequests, activeRequests } = client.stats();
      assertEquals([open, queuedRequests, activeRequests], [0, 0, 0]);
    },
  );
}

turnedTest("fetch holds no connection while little of its body of known length has come", {}, always(...ok), async (
  clock,
  { client, connections },
) => {
  const { stream } = slowBody();
  const headers = { "content-length": "1000000" };
  const stalled = limitOf(client.fetch("/", { method: "POST", body: stream, headers }));
  await until(() => client.stats().queuedRequests === 1, "the body to be waited for");
  assertEquals(await (await client.fetch("/")).text(), "hello", "others go on");
  assertEquals(connections.length, 1);
  clock.turn(61_000);
  assertEquals(await stalled, ["bodyTimeoutMs", "request"]);
});

turnedTest(
  "fetch rejects when a Filter's file gives too little within bodyTimeoutMs",
  {},
  () => {},
  async (clock, { client, connections }) => {
    const { stream, cancelled } = slowBody();
    const rejected = limitOf(client.fetch("/", { role: "filter", method: "POST", body: "x", data: stream }));
    await until(() => client.stats().queuedRequests === 1, "the file to be waited for");
    clock.turn(61_000);
    assertEquals([await rejected, connections.length], [["bodyTimeoutMs", "request"], 0]);
    await bounded(cancelled, "the file to be cancelled");
  },
);

turnedTest(
  "fetch rejects after requestTimeoutMs while its body is collected",
  { requestTimeoutMs: 5000 },
  () => {},
  async (
    clock,
    { client, connections },
  ) => {
    const rejected = limitOf(client.fetch("/", { method: "POST", body: slowBody().stream }));
    await until(() => client.stats().queuedRequests === 1, "the body to be waited for");
    clock.turn(6000);
    assertEquals([await rejected, connections.length], [["requestTimeoutMs", "request"], 0]);
  },
);

for (const how of ["comes", "is read"] as const) {
  turnedTest(`Response body fails after bodyTimeoutMs in which nothing ${how}`, {}, async (connection) => {
    await connection.untilSent();
    connection.send(stdout(1, "X: y\r\n\r\n"));
    if (how === "is read") { for (let sent = 0; sent < 5; sent++) connection.send(stdout(1, "x".repeat(60_000))); }
  }, async (clock, { client }) => {
    const response = await client.fetch("/");
    await until(() => (clock.turn(30_000), client.stats().connections === 0), "the client to give up");
    const error = await textOrError(response);
    assertInstanceOf(error, LimitError);
    assertEquals([error.limit, error.side], ["bodyTimeoutMs", "upstream"]);
  });
}

turnedTest("Response body goes on beyond bodyTimeoutMs when something comes", {}, () => {}, async (clock, scene) => {
  const fetched = scene.client.fetch("/");
  const app = await scene.connection();
  await app.untilSent();
  app.send(stdout(1, "X: y\r\n\r\n"));
  const reader = (await fetched).body!.getReader();
  for (let sent = 0; sent < 8; sent++) {
    clock.turn(40_000);
    app.send(stdout(1, "x"));
    assertEquals((await bounded(reader.read(), "a part")).value, latin1Bytes("x"));
  }
  app.send(end(1));
  assert((await bounded(reader.read(), "the end")).done);
});

turnedTest("Response body fails after requestTimeoutMs whatever comes", { requestTimeoutMs: 10_000 }, () => {}, async (
  clock,
  { client, connection },
) => {
  const fetched = client.fetch("/");
  const app = await connection();
  await app.untilSent();
  app.send(stdout(1, "X: y\r\n\r\n"));
  const reader = (await fetched).body!.getReader();
  for (let sent = 0; sent < 9; sent++) {
    app.send(stdout(1, "x"));
    await bounded(reader.read(), "a part");
    clock.turn(1000);
  }
  clock.turn(2000);
  assertEquals(await limitOf(reader.read()), ["requestTimeoutMs", "upstream"]);
});

turnedTest("fetch rejects after headTimeoutMs when the application reads nothing", {}, (it) => it.pause(), async (
  clock,
  { client, connection },
) => {
  const rejected = limitOf(client.fetch("/", { method: "POST", body: new Uint8Array(32 << 20) }));
  await connection();
  // The application may know of the connection before the client does.
  await until(() => client.stats().connections === 1, "the client to be connected");
  await until(() => (clock.turn(20_000), client.stats().activeRequests === 0), "the client to give up");
  assertEquals(await rejected, ["headTimeoutMs", "upstream"]);
});

turnedTest("Client closes a kept connection after idleTimeoutMs", { keepAlive: true }, always(...ok), async (
  clock,
  { client, connection },
) => {
  await (await client.fetch("/")).text();
  const app = await connection();
  clock.turn(750);
  assertEquals([client.stats().idleConnections, app.over], [1, false]);
  clock.turn(500);
  await app.untilOver();
  assertEquals(client.stats().connections, 0);
});

turnedTest("Client.capabilities rejects after headTimeoutMs, and asks twice", {}, () => {}, async (clock, scene) => {
  const rejected = limitOf(scene.client.capabilities());
  const app = await scene.connection();
  await until(() => app.has(9, undefined, 0), "the question");
  clock.turn(300);
  await until(() => app.records.length === 2, "the question again");
  clock.turn(60_000);
  assertEquals(await rejected, ["headTimeoutMs", "upstream"]);
  await app.untilOver();
});

turnedTest(
  "A time-out is no one's fault while the machine sleeps",
  {},
  () => {},
  async (clock, { client, connection }) => {
    const fetched = client.fetch("/");
    const app = await connection();
    await app.untilSent();
    for (let slept = 0; slept < 10; slept++) {
      clock.skip(1_000_000);
      clock.turn(1000);
    }
    app.send(...ok);
    assertEquals(await (await bounded(fetched, "the response")).text(), "hello");
  },
);

turnedTest(
  "No limit of time ends anything when it is Infinity",
  {
    headTimeoutMs: Infinity,
    queueTimeoutMs: Infinity,
    bodyTimeoutMs: Infinity,
    idleTimeoutMs: Infinity,
    connectTimeoutMs: Infinity,
    keepAlive: true,
  },
  () => {},
  async (clock, { client, connection }) => {
    const first = client.fetch("/");
    const app = await connection();
    await app.untilSent(1);
    app.send(...ok);
    await (await first).text();
    clock.turn(10_000_000);
    const second = client.fetch("/");
    await app.untilSent(2);
    clock.turn(10_000_000);
    app.send(stdout(2, "X: y\r\n\r\n"));
    const response = await second;
    clock.turn(10_000_000);
    app.send(stdout(2, "hello"), end(2));
    assertEquals(await response.text(), "hello");
    assertEquals(client.stats().idleConnections, 1);
  },
);
