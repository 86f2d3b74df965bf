/** Connections that are kept for further requests, and what happens when the application closes one. */

import { ProtocolError } from "@webfcgi/webfcgi/client";
import { assertEquals, assertRejects } from "../std/assert.ts";
import { until } from "../helpers/waiting.ts";
import { TurnedClock } from "../turned_clock.ts";
import { end, stderr, stdout } from "../vectors/wire.ts";
import { always, answer, type AppConnection, clientTest, serveAll } from "./application.ts";

const ok = answer("X: y", "hello");

clientTest("fetch opens a connection for each request by default, and closes it", {}, always(...ok), async (scene) => {
  for (let sent = 0; sent < 3; sent++) assertEquals(await (await scene.client.fetch("/")).text(), "hello");
  assertEquals(scene.connections.length, 3);
  await until(() => scene.connections.every(({ ended }) => ended), "the client to close");
  assertEquals(scene.client.stats().connections, 0);
});

clientTest("fetch keeps a connection when keepAlive is true", { keepAlive: true }, serveAll, async (scene) => {
  for (let sent = 0; sent < 3; sent++) assertEquals((await scene.client.fetch("/")).status, 200);
  assertEquals(scene.connections.length, 1);
  const begun = scene.connections[0]!.records.filter(({ type }) => type === 1);
  assertEquals(begun.map(({ requestId }) => requestId), [1, 2, 3], "an id of its own for each");
  assertEquals(begun.map(({ content }) => content), Array(3).fill("\0\x01\x01\0\0\0\0\0"), "FCGI_KEEP_CONN");
  const { connections, idleConnections, requests } = scene.client.stats();
  assertEquals([connections, idleConnections, requests], [1, 1, 3]);
});

clientTest(
  "fetch sends a safe request once more when a kept connection turns out to be stale",
  { keepAlive: true },
  async (connection, index) => {
    await connection.untilSent();
    connection.send(...answer("X: y", `from ${index}`));
    await connection.until(() => connection.begun.length === 2, "a second one");
    connection.reset();
  },
  async ({ client, connections }) => {
    assertEquals(await (await client.fetch("/")).text(), "from 0");
    assertEquals(await (await client.fetch("/")).text(), "from 1");
    assertEquals([connections.length, client.stats().retries], [2, 1]);
  },
);

for (
  const [why, init, before] of [
    ["it is not safe", { method: "POST", body: "x" }, []],
    ["something has come back", {}, [stderr(2, "hm")]],
  ] as const
) {
  clientTest(`fetch sends no request once more when ${why}`, { keepAlive: true }, async (connection) => {
    await connection.untilSent();
    connection.send(...ok);
    await connection.until(() => connection.begun.length === 2, "a second one");
    connection.send(...before);
    connection.end();
  }, async ({ client, connections }) => {
    assertEquals(await (await client.fetch("/")).text(), "hello");
    const error = await assertRejects(() => client.fetch("/", init), ProtocolError);
    assertEquals([error.code, connections.length, client.stats().retries], ["UNEXPECTED_END", 1, 0]);
  });
}

clientTest("fetch sends a request once more and no oftener", { keepAlive: true }, async (connection, index) => {
  await connection.untilSent();
  if (index === 0) connection.send(...ok);
  await connection.until(
    () => index > 0 || connection.begun.length === 2,
    "a second one",
  );
  connection.end();
}, async ({ client, connections }) => {
  await client.fetch("/");
  await assertRejects(() => client.fetch("/"), ProtocolError);
  assertEquals([connections.length, client.stats().retries], [2, 1]);
});

clientTest(
  "Client takes a kept connection that the application closes out of use",
  { keepAlive: true },
  async (connection) => {
    await connection.untilSent();
    connection.send(...ok);
    connection.end();
  },
  async ({ client, connections }) => {
    for (let sent = 1; sent <= 3; sent++) {
      assertEquals(await (await client.fetch("/", { method: "POST" })).text(), "hello");
      await until(() => client.stats().connections === 0, "the connection to be gone");
      assertEquals(connections.length, sent);
    }
  },
);

clientTest(
  "Client closes a kept connection on which something comes unasked",
  { keepAlive: true },
  async (connection) => {
    await connection.untilSent();
    connection.send(...ok);
    connection.send(stdout(1, "X: z\r\n\r\n"), end(1));
  },
  async ({ client, connection }) => {
    await client.fetch("/");
    const app = await connection();
    await app.untilOver();
    assertEquals(client.stats().connections, 0);
  },
);

const clock = new TurnedClock();
const post = { method: "POST", body: "x" };

/** Answers the first request of a connection and, if it comes, a second one. */
async function serveTwice(connection: AppConnection): Promise<void> {
  for (const requestId of [1, 2]) {
    await connection.untilSent(requestId);
    if (!connection.over) connection.send(...answer("X: y", `request ${requestId}`, requestId));
  }
}

clientTest("fetch gives the runtime time to report a closed connection before a POST goes over it", {
  keepAlive: true,
  clock,
}, async (connection, index) => {
  if (index > 0) return await serveTwice(connection);
  await connection.untilSent();
  connection.send(...ok);
  await connection.until(() => false, "the end");
}, async ({ client, connections }) => {
  await (await client.fetch("/")).text();
  const fetched = client.fetch("/", post);
  await until(() => client.stats().queuedRequests === 1, "the POST to wait");
  // PHP-FPM does the same after pm.max_requests: it closes, and swallows what comes meanwhile.
  connections[0]!.end();
  await until(() => client.stats().connections === 0 || connections.length > 1, "the end to be noticed");
  assertEquals(await (await fetched).text(), "request 1");
  assertEquals([connections.length, connections[0]!.begun, client.stats().retries], [2, [1], 0]);
});

for (
  const [how, idleMs, turns] of [["just been used", 0, 5], ["been idle for 3 ms", 3, 2], ["been idle", 50, 1]] as const
) {
  const clock = new TurnedClock();
  clientTest(
    `fetch sends a POST ${turns} ms later over a connection that has ${how}, a GET at once`,
    {
      keepAlive: true,
      clock,
    },
    serveAll,
    async ({ client, connections }) => {
      await (await client.fetch("/")).text();
      assertEquals(await (await client.fetch("/get")).text(), "/get");
      clock.turn(idleMs);
      const fetched = client.fetch("/post", post);
      for (let turned = 0; turned < turns; turned++) {
        await until(() => client.stats().queuedRequests === 1, "the POST to wait");
        assertEquals([client.stats().idleConnections, connections[0]!.begun], [1, [1, 2]]);
        clock.turn(1);
      }
      assertEquals(await (await fetched).text(), "/post");
      assertEquals([connections.length, connections[0]!.begun], [1, [1, 2, 3]]);
    },
  );
}

const abortClock = new TurnedClock();
clientTest(
  "fetch gives its connection back when it is aborted before a POST goes over it",
  {
    keepAlive: true,
    clock: abortClock,
  },
  serveAll,
  async ({ client, connections }) => {
    await (await client.fetch("/")).text();
    const controller = new AbortController();
    const fetched = client.fetch("/", { ...post, signal: controller.signal });
    await until(() => client.stats().queuedRequests === 1, "the POST to wait");
    controller.abort();
    await assertRejects(() => fetched, DOMException);
    abortClock.turn(10);
    assertEquals(await (await client.fetch("/next")).text(), "/next");
    assertEquals([connections.length, connections[0]!.begun, client.stats().queuedRequests], [1, [1, 2], 0]);
  },
);

clientTest(
  "Client.close aborts a POST that waits for its connection",
  {
    keepAlive: true,
    clock: new TurnedClock(),
  },
  serveAll,
  async ({ client }) => {
    await (await client.fetch("/")).text();
    const rejected = assertRejects(() => client.fetch("/", post), Error, "The client was closed");
    await until(() => client.stats().queuedRequests === 1, "the POST to wait");
    await client.close();
    await rejected;
  },
);

clientTest("fetch takes no late records of the request before for the response", { keepAlive: true }, async (app) => {
  await app.untilSent(1);
  app.send(...ok);
  await app.untilSent(2);
  app.send(stdout(1, "X: late\r\n\r\nsecret"), end(1));
}, async ({ client }) => {
  assertEquals(await (await client.fetch("/")).text(), "hello");
  const error = await assertRejects(() => client.fetch("/", { method: "POST" }), ProtocolError, "for request 1");
  assertEquals([error.code, error.side], ["BAD_ORDER", "upstream"]);
});
