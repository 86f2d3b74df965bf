/** What an application says that it can do, and requests that share a connection. */

import { type Client, FastCgiError } from "@webfcgi/webfcgi/client";
import { assertEquals, assertGreaterOrEqual, assertLess, assertRejects } from "../std/assert.ts";
import { bounded, sleep, until } from "../helpers/waiting.ts";
import { end, getValuesResult, pairs, stdout } from "../vectors/wire.ts";
import { answer, type AppConnection, clientTest, inClientScene, serveAll, textOrError } from "./application.ts";
import { latin1Bytes } from "../helpers/bytes.ts";

/** Waits until the client has read that the application shares connections. */
function untilShared(connections: readonly AppConnection[]): Promise<void> {
  return until(() => connections.some(({ records, over }) => records[0]?.type === 9 && over), "the answer to be read");
}

/** An application that shares its connections. */
async function serveShared(connection: AppConnection): Promise<void> {
  await connection.until(() => connection.records.length > 0, "a record");
  if (connection.records[0]?.type === 9) {
    connection.send(getValuesResult("FCGI_MPXS_CONNS", "1", "FCGI_MAX_REQS", "50"));
  } else if (connection.records[0]) await serveAll(connection);
}

clientTest("Client.capabilities tells what the application tells", {}, serveShared, async ({ client, connections }) => {
  assertEquals(await client.capabilities(), { maxConnections: undefined, maxRequests: 50, multiplex: true });
  assertEquals(
    connections[0]!.records[0]!.content,
    pairs("FCGI_MAX_CONNS", "", "FCGI_MAX_REQS", "", "FCGI_MPXS_CONNS", ""),
  );
});

clientTest("Client.close gives up asking for capabilities", {}, () => {}, async ({ client, connection }) => {
  const asked = client.capabilities();
  asked.catch(() => {});
  const app = await connection();
  await until(() => app.has(9, undefined, 0), "the question");
  await client.close();
  await assertRejects(() => bounded(asked, "a rejection"), FastCgiError, "The client was closed");
  await app.untilOver();
});

Deno.test("fetch shares connections when the application promises that it can", async () => {
  await inClientScene({ multiplex: true, maxConnections: 2 }, serveShared, async ({ client, connections }) => {
    await client.fetch("/");
    await untilShared(connections);
    const texts = await Promise.all(
      Array.from({ length: 40 }, async (_, at) => (await client.fetch(`/${at}`)).text()),
    );
    assertEquals(texts, Array.from({ length: 40 }, (_, at) => `/${at}`));
    const ids = new Set(connections.flatMap(({ records }) => records.map(({ requestId }) => requestId)));
    assertGreaterOrEqual(ids.size, 16, "several requests under way on a connection");
    assertLess(connections.length, 5);
  });
});

/** A client, and the application's connections, after a first request, when it is known that others may share one. */
async function inSharedScene(
  maxConnections: number,
  visit: (scene: { client: Client; app: AppConnection; apps: readonly AppConnection[] }) => Promise<void>,
): Promise<void> {
  const apps: AppConnection[] = [];
  await inClientScene({ multiplex: true, maxConnections }, async (connection) => {
    await connection.until(() => connection.records.length > 0, "a record");
    if (connection.records[0]?.type === 9) connection.send(getValuesResult("FCGI_MPXS_CONNS", "1"));
    else apps.push(connection);
  }, async ({ client, connections }) => {
    const warm = client.fetch("/");
    await until(() => apps.length === 1 && apps[0]!.has(5, ""), "the first request");
    const app = apps[0]!;
    app.send(...answer("X: y"));
    await (await warm).text();
    await untilShared(connections);
    await visit({ client, app, apps });
  });
}

Deno.test("fetch aborts one request and no other on a shared connection", async () => {
  await inSharedScene(2, async ({ client, app, apps }) => {
    const controller = new AbortController();
    const aborted = client.fetch("/a", { signal: controller.signal });
    aborted.catch(() => {});
    const other = client.fetch("/b");
    await app.untilSent(3);
    app.send(stdout(2, "X: y\r\n\r\nabc"), stdout(3, "X: y\r\n\r\nab"));
    const [one, two] = await Promise.all([aborted, other]);
    controller.abort();
    assertEquals((await textOrError(one) as Error).name, "AbortError");
    await until(() => app.has(2, "", 2), "ABORT_REQUEST");
    // Go ends it at once and still writes what its handler says: none of it may come to a later request.
    app.send(end(2), stdout(2, "late"), stdout(3, "c"));
    const third = client.fetch("/c");
    await until(() => apps.length === 2 && apps[1]!.has(5, ""), "the third request, on a connection of its own");
    app.send(stdout(2, "later"), end(2), stdout(3, "d"), stdout(3), end(3));
    assertEquals(await two.text(), "abcd");
    apps[1]!.send(...answer("X: y", "3"));
    assertEquals(await (await third).text(), "3");
    await app.untilOver();
  });
});

Deno.test("fetch reads on for others when one body of a shared connection is not read", async () => {
  await inSharedScene(1, async ({ client, app }) => {
    const fetches = [client.fetch("/a"), client.fetch("/b")] as const;
    await app.untilSent(3);
    app.send(stdout(2, "X: y\r\n\r\n" + "x".repeat(60_000)), ...Array(4).fill(stdout(2, "x".repeat(60_000))));
    app.send(...answer("X: y", "quick", 3), end(2));
    const [slow, quick] = await Promise.all(fetches);
    assertEquals(await textOrError(quick), "quick");
    assertEquals((await textOrError(slow) as string).length, 300_000);
    // Nothing unread is left on the count: the connection still reads.
    for (let requestId = 4; requestId < 7; requestId++) {
      const next = client.fetch("/");
      await app.untilSent(requestId);
      app.send(...answer("X: y", "y".repeat(50_000), requestId));
      assertEquals((await textOrError(await next) as string).length, 50_000);
    }
  });
});

Deno.test("fetch sends a POST at once over a shared connection that is in use", async () => {
  await inSharedScene(1, async ({ client, app }) => {
    const first = client.fetch("/a");
    await app.untilSent(2);
    const second = client.fetch("/b", { method: "POST", body: "x" });
    await app.untilSent(3);
    app.send(...answer("X: y", "3", 3), ...answer("X: y", "2", 2));
    assertEquals([await textOrError(await first), await textOrError(await second)], ["2", "3"]);
  });
});

Deno.test("fetch shares no connection that the application does not read from", async () => {
  await inSharedScene(2, async ({ client, app, apps }) => {
    app.discard();
    app.pause();
    const blocked = client.fetch("/a", { method: "POST", body: new Uint8Array(32 << 20) });
    await until(() => client.stats().activeRequests === 1, "the long request");
    // What both sockets hold has been written.
    await sleep(50);
    const other = client.fetch("/b");
    await until(() => apps.length === 2, "another connection");
    await apps[1]!.untilSent();
    apps[1]!.send(...answer("X: y", "other"));
    assertEquals(await textOrError(await other), "other");
    app.resume();
    await app.untilSent(2);
    app.send(...answer("X: y", "long", 2));
    assertEquals(await textOrError(await blocked), "long");
  });
});

Deno.test("fetch sends a request elsewhere when the application refuses to share after all", async () => {
  let apps = 0;
  await inClientScene({ multiplex: true, maxConnections: 4 }, async (connection) => {
    await connection.until(() => connection.records.length > 0, "a record");
    if (connection.records[0]?.type === 9) return connection.send(getValuesResult("FCGI_MPXS_CONNS", "1"));
    const isFirst = apps++ === 0;
    await connection.untilSent();
    connection.send(...answer("X: y", "alone"));
    if (!isFirst) return;
    await connection.untilSent(4);
    connection.send(end(3, 0, 1), end(4, 0, 1), ...answer("X: y", "alone", 2));
  }, async ({ client, connections }) => {
    await (await client.fetch("/")).text();
    await untilShared(connections);
    const ends: number[] = [];
    const onEnd = ({ appStatus }: { appStatus: number }): void => void ends.push(appStatus);
    const texts = await Promise.all(
      [1, 2, 3].map(async () => textOrError(await bounded(client.fetch("/", { onEnd }), "a response"))),
    );
    assertEquals([texts, ends], [["alone", "alone", "alone"], [0, 0, 0]]);
    assertEquals(client.stats().retries, 2);
  });
});

Deno.test("fetch sends nothing over a shared connection any more when it was answered before its body was sent", async () => {
  const apps: AppConnection[] = [];
  await inClientScene({ multiplex: true, maxConnections: 2, unknownLengthBodies: "stream" }, async (connection) => {
    await connection.until(() => connection.records.length > 0, "a record");
    if (connection.records[0]?.type === 9) return connection.send(getValuesResult("FCGI_MPXS_CONNS", "1"));
    apps.push(connection);
    const name = `from ${apps.length}`;
    await connection.untilSent();
    connection.send(...answer("X: y", name));
    await connection.until(() => connection.stream(5, 2) === "abc", "the first part");
    connection.send(...answer("X: y", name, 2));
  }, async ({ client, connections }) => {
    const ask = async (init = {}): Promise<string> => (await bounded(client.fetch("/", init), "an answer")).text();
    assertEquals(await ask(), "from 1");
    await untilShared(connections);
    const body = new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(latin1Bytes("abc")) });
    assertEquals(await ask({ method: "POST", body }), "from 1");
    assertEquals(await ask(), "from 2");
    assertEquals(client.stats().retries, 0);
  });
});
