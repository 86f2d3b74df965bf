import { type Client, FastCgiError, LimitError, ProtocolError } from "@webfcgi/webfcgi/client";
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "../std/assert.ts";
import { bounded, gate, sleep, until } from "../server/scene.ts";
import { end, getValuesResult, latin1, pairs, stderr, stdout } from "../vectors/wire.ts";
import { always, answer, type AppConnection, clientTest, inClientScene, textOrError } from "./application.ts";

const ok = answer("X: y", "hello");

/** Answers every request of a connection as soon as its STDIN has ended, until the connection ends. */
async function serveAll(connection: AppConnection): Promise<void> {
  for (let answered = 0; !connection.over;) {
    const requests = connection.records.filter(({ type, content }) => type === 5 && content === "");
    for (; answered < requests.length; answered++) {
      const { requestId } = requests[answered]!;
      connection.send(...answer("X: y", connection.params(requestId).REQUEST_URI, requestId));
    }
    await sleep(1);
  }
}

clientTest("fetch opens a connection for each request by default, and closes it", {}, always(...ok), async (scene) => {
  for (let sent = 0; sent < 3; sent++) assertEquals(await (await scene.client.fetch("/")).text(), "hello");
  assertEquals(scene.connections.length, 3);
  await until(() => scene.connections.every(({ ended }) => ended), "the client to close");
  assertEquals(scene.client.stats().connections, 0);
});

clientTest("fetch keeps a connection when keepConn is true", { keepAlive: true }, serveAll, async (scene) => {
  for (let sent = 0; sent < 3; sent++) assertEquals((await scene.client.fetch("/")).status, 200);
  assertEquals(scene.connections.length, 1);
  assertEquals(scene.connections[0]!.stream(1), "\0\x01\x01\0\0\0\0\0".repeat(3), "FCGI_KEEP_CONN, id 1 each time");
  const { connections, idleConnections, requests } = scene.client.stats();
  assertEquals([connections, idleConnections, requests], [1, 1, 3]);
});

clientTest(
  "Client closes a kept connection after idleTimeoutMs",
  { keepAlive: true, idleTimeoutMs: 50 },
  serveAll,
  async ({ client, connection }) => {
    await client.fetch("/");
    const app = await connection();
    await app.untilOver();
    assertEquals(client.stats().connections, 0);
  },
);

clientTest("fetch opens no more than maxConnections, and the rest wait", { maxConnections: 2 }, async (connection) => {
  await connection.untilSent();
  await sleep(5);
  connection.send(...ok);
}, async ({ client, connections }) => {
  let most = 0;
  const requests = Array.from({ length: 9 }, async () => {
    const response = await client.fetch("/");
    most = Math.max(most, client.stats().connections);
    return response.text();
  });
  assertEquals(await Promise.all(requests), Array(9).fill("hello"));
  assertEquals([most <= 2, connections.length], [true, 9]);
});

clientTest(
  "fetch rejects at once beyond maxQueuedRequests",
  { maxConnections: 1, maxQueuedRequests: 2 },
  () => {},
  async ({ client }) => {
    const waiting = [1, 2, 3].map(() => client.fetch("/").catch((error) => error));
    await sleep(10);
    const error = await assertRejects(() => bounded(client.fetch("/"), "a rejection", 1000), LimitError);
    assertEquals([error.limit, error.max], ["maxQueuedRequests", 2]);
    assertEquals(client.stats().queuedRequests, 2);
    await client.close();
    for (const result of await Promise.all(waiting)) assertInstanceOf(result, FastCgiError);
  },
);

clientTest(
  "fetch rejects after queueTimeoutMs when no connection becomes free",
  { maxConnections: 1, queueTimeoutMs: 60 },
  () => {},
  async ({ client }) => {
    const first = client.fetch("/").catch((error) => error);
    await sleep(10);
    const error = await assertRejects(() => bounded(client.fetch("/"), "a rejection"), LimitError);
    assertEquals(error.limit, "queueTimeoutMs");
    await client.close();
    await first;
  },
);

clientTest("fetch rejects after headTimeoutMs when no head comes", { headTimeoutMs: 60 }, async (connection) => {
  await connection.untilSent();
  connection.send(stderr(1, "waiting for a lock"), stdout(1, "X: y\r\n"));
}, async ({ client, connection }) => {
  const error = await assertRejects(() => bounded(client.fetch("/"), "a rejection"), LimitError);
  assertEquals(error.limit, "headTimeoutMs");
  assertStringIncludes(error.message, "waiting for a lock");
  const app = await connection();
  await app.untilOver();
  assertEquals(client.stats().connections, 0);
});

clientTest("fetch rejects after headTimeoutMs when the head trickles in", { headTimeoutMs: 80 }, async (connection) => {
  await connection.untilSent();
  for (let sent = 0; sent < 200 && !connection.over; sent++) {
    connection.send(stdout(1, "X"));
    await sleep(10);
  }
}, async ({ client }) => {
  const error = await assertRejects(() => bounded(client.fetch("/"), "a rejection", 1000), LimitError);
  assertEquals(error.limit, "headTimeoutMs");
});

clientTest(
  "fetch does not count the time in which its own body gives nothing",
  { headTimeoutMs: 60 },
  () => {},
  async ({ client, connection }) => {
    const more = gate();
    const body = ReadableStream.from((async function* () {
      yield latin1("a");
      await more.promise;
      yield latin1("b");
    })()) as ReadableStream<Uint8Array>;
    const fetched = client.fetch("/", { method: "POST", body, headers: { "content-length": "2" } });
    const app = await connection();
    await sleep(200);
    more.open();
    await app.untilSent();
    app.send(...ok);
    assertEquals(await (await fetched).text(), "hello");
  },
);

for (const how of ["comes", "is read"] as const) {
  clientTest(
    `Response body fails after bodyTimeoutMs in which nothing ${how}`,
    { bodyTimeoutMs: 80 },
    async (connection) => {
      await connection.untilSent();
      connection.send(stdout(1, "X: y\r\n\r\n"));
      if (how === "is read") { for (let sent = 0; sent < 5; sent++) connection.send(stdout(1, "x".repeat(60_000))); }
    },
    async ({ client }) => {
      const response = await client.fetch("/");
      if (how === "is read") await until(() => client.stats().connections === 0, "the client to give up");
      const error = await textOrError(response);
      assertInstanceOf(error, LimitError);
      assertEquals(error.limit, "bodyTimeoutMs");
    },
  );
}

clientTest(
  "Response body goes on beyond bodyTimeoutMs when something comes",
  { bodyTimeoutMs: 150 },
  async (connection) => {
    await connection.untilSent();
    connection.send(stdout(1, "X: y\r\n\r\n"));
    for (let sent = 0; sent < 8; sent++) {
      await sleep(40);
      connection.send(stdout(1, "x"));
    }
    connection.send(end(1));
  },
  async ({ client }) => {
    assertEquals(await textOrError(await client.fetch("/")), "xxxxxxxx");
  },
);

clientTest(
  "Response body fails after requestTimeoutMs whatever comes",
  { requestTimeoutMs: 100 },
  async (connection) => {
    await connection.untilSent();
    connection.send(stdout(1, "X: y\r\n\r\n"));
    while (!connection.over) {
      connection.send(stdout(1, "x"));
      await sleep(5);
    }
  },
  async ({ client }) => {
    const error = await textOrError(await client.fetch("/"));
    assertInstanceOf(error, LimitError);
    assertEquals(error.limit, "requestTimeoutMs");
  },
);

clientTest(
  "fetch rejects after headTimeoutMs when the application reads nothing",
  { headTimeoutMs: 100 },
  (connection) => connection.pause(),
  async ({ client }) => {
    const body = new Uint8Array(32 << 20);
    const error = await assertRejects(
      () => bounded(client.fetch("/", { method: "POST", body }), "a rejection"),
      LimitError,
    );
    assertEquals(error.limit, "headTimeoutMs");
  },
);

clientTest("fetch reads no more of a body than the application takes", {}, (connection) => {
  connection.pause();
  connection.discard();
}, async ({ client, connection }) => {
  let given = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      given += 65_536;
      controller.enqueue(new Uint8Array(65_536));
      if (given === 64 << 20) controller.close();
    },
  }, { highWaterMark: 0 });
  const fetched = client.fetch("/", { method: "POST", body, headers: { "content-length": String(64 << 20) } });
  const app = await connection();
  await sleep(300);
  assertLess(given, 16 << 20, "what both sockets hold, and not much more");
  app.resume();
  await app.untilSent();
  assertGreaterOrEqual(app.length, 64 << 20);
  app.send(...ok);
  assertEquals(await (await fetched).text(), "hello");
});

clientTest(
  "fetch rejects with the signal's reason and sends ABORT_REQUEST",
  {},
  () => {},
  async ({ client, connection }) => {
    const controller = new AbortController();
    const fetched = client.fetch("/", { signal: controller.signal });
    fetched.catch(() => {});
    const app = await connection();
    await app.untilSent();
    const reason = new Error("changed my mind");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => fetched), reason);
    await until(() => app.has(2) && app.ended, "ABORT_REQUEST and the end of the connection");
    assertEquals(client.stats().connections, 0);
  },
);

clientTest(
  "fetch opens no connection when the signal is aborted already",
  {},
  () => {},
  async ({ client, connections }) => {
    const reason = new Error("never wanted");
    assertStrictEquals(await assertRejects(() => client.fetch("/", { signal: AbortSignal.abort(reason) })), reason);
    await sleep(10);
    assertEquals(connections.length, 0);
  },
);

for (const documentRoot of [undefined, "/srv/www"]) {
  const controller = new AbortController();
  const isFile = (): Promise<boolean> => sleep(1).then(() => (controller.abort(), true));
  clientTest(
    `fetch sends nothing when the signal is aborted while ${documentRoot ? "the script is looked for" : "it begins"}`,
    { ...(documentRoot ? { documentRoot, isFile } : {}) },
    () => {},
    async ({ client, connections }) => {
      const fetched = client.fetch("/a.php", { signal: controller.signal });
      fetched.catch(() => {});
      if (documentRoot === undefined) controller.abort();
      assertEquals(((await assertRejects(() => bounded(fetched, "a rejection"))) as Error).name, "AbortError");
      await sleep(10);
      assertEquals(connections.length, 0);
    },
  );
}

clientTest(
  "fetch leaves the queue when the signal is aborted",
  { maxConnections: 1 },
  () => {},
  async ({ client, connections }) => {
    const first = client.fetch("/").catch((error) => error);
    await sleep(10);
    const controller = new AbortController();
    const second = client.fetch("/", { signal: controller.signal });
    second.catch(() => {});
    await until(() => client.stats().queuedRequests === 1, "the queue");
    controller.abort();
    assertEquals(((await assertRejects(() => second)) as Error).name, "AbortError");
    assertEquals([client.stats().queuedRequests, connections.length], [0, 1]);
    await client.close();
    await first;
  },
);

clientTest("fetch is aborted while it collects its body", {}, () => {}, async ({ client }) => {
  const controller = new AbortController();
  let cancelled: unknown;
  const body = new ReadableStream<Uint8Array>({ cancel: (reason) => void (cancelled = reason) });
  const fetched = client.fetch("/", { method: "POST", body, signal: controller.signal });
  fetched.catch(() => {});
  await sleep(5);
  controller.abort();
  const error = await assertRejects(() => bounded(fetched, "a rejection"));
  assertEquals([(error as Error).name, cancelled], ["AbortError", error]);
});

for (const way of ["signal", "cancel"] as const) {
  clientTest(
    `Response body is given up by its ${way}, and the application is told`,
    {},
    () => {},
    async ({ client, connection }) => {
      const controller = new AbortController();
      const fetched = client.fetch("/", { signal: controller.signal });
      const app = await connection();
      await app.untilSent();
      app.send(stdout(1, "X: y\r\n\r\nabc"));
      const response = await fetched;
      if (way === "cancel") {
        await response.body!.cancel("enough");
      } else {
        const text = textOrError(response);
        await sleep(5);
        controller.abort();
        assertEquals((await text as Error).name, "AbortError");
      }
      await until(() => app.has(2) && app.ended, "ABORT_REQUEST and the end of the connection");
      assertEquals(client.stats().connections, 0);
    },
  );
}

clientTest(
  "Response body fails at once when the signal is aborted, whatever has come of it",
  {},
  () => {},
  async ({ client, connection }) => {
    const controller = new AbortController();
    const fetched = client.fetch("/", { signal: controller.signal });
    const app = await connection();
    await app.untilSent();
    app.send(stdout(1, "X: y\r\n\r\nab"), stdout(1, "cd"), stdout(1, "ef"));
    const reader = (await fetched).body!.getReader();
    assertEquals((await reader.read()).value, latin1("ab"));
    controller.abort();
    assertEquals(((await assertRejects(() => reader.read())) as Error).name, "AbortError");
  },
);

clientTest("fetch cancels its body when it is aborted", {}, () => {}, async ({ client, connection }) => {
  const controller = new AbortController();
  const cancelled = gate<unknown>();
  const body = new ReadableStream<Uint8Array>({
    start: (stream) => stream.enqueue(latin1("abc")),
    cancel: (reason) => cancelled.open(reason),
  });
  const headers = { "content-length": "9" };
  const fetched = client.fetch("/", { method: "POST", body, headers, signal: controller.signal });
  fetched.catch(() => {});
  const app = await connection();
  await until(() => app.stream(5) === "abc", "the first part");
  controller.abort();
  const error = await assertRejects(() => fetched);
  assertStrictEquals(await bounded(cancelled.promise, "the cancellation"), error);
});

clientTest(
  "fetch takes an answer that comes before the body is sent, and keeps no such connection",
  { keepAlive: true },
  async (connection) => {
    await connection.until(() => connection.stream(5) !== "", "the first part");
    connection.send(...answer("Status: 413", "too large"));
  },
  async ({ client, connection }) => {
    const cancelled = gate();
    const body = new ReadableStream<Uint8Array>({
      start: (stream) => stream.enqueue(latin1("abc")),
      cancel: () => cancelled.open(),
    });
    const response = await client.fetch("/", { method: "POST", body, headers: { "content-length": "9" } });
    assertEquals([response.status, await response.text()], [413, "too large"]);
    await bounded(cancelled.promise, "the cancellation");
    const app = await connection();
    await app.untilOver();
  },
);

Deno.test("fetch sends nothing over a shared connection any more when it was answered before its body was sent", async () => {
  const apps: AppConnection[] = [];
  await inClientScene({ multiplex: true, maxConnections: 2 }, async (connection) => {
    await connection.until(() => connection.records.length > 0, "a record");
    if (connection.records[0]?.type === 9) return connection.send(getValuesResult("FCGI_MPXS_CONNS", "1"));
    apps.push(connection);
    const name = `from ${apps.length}`;
    await connection.untilSent();
    connection.send(...answer("X: y", name));
    await connection.until(() => connection.stream(5) === "abc", "the first part");
    connection.send(...answer("X: y", name));
  }, async ({ client }) => {
    const ask = async (init = {}): Promise<string> => (await bounded(client.fetch("/", init), "an answer")).text();
    assertEquals(await ask(), "from 1");
    await sleep(50);
    const body = new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(latin1("abc")) });
    assertEquals(await ask({ method: "POST", body, headers: { "content-length": "9" } }), "from 1");
    assertEquals(await ask(), "from 2");
    assertEquals(client.stats().retries, 0);
  });
});

clientTest(
  "fetch sends a safe request once more when a kept connection turns out to be stale",
  { keepAlive: true },
  async (connection, index) => {
    await connection.untilSent();
    connection.send(...answer("X: y", `from ${index}`));
    await connection.until(() => connection.records.filter(({ type }) => type === 1).length === 2, "a second one");
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
    ["something has come back", {}, [stderr(1, "hm")]],
  ] as const
) {
  clientTest(`fetch sends no request once more when ${why}`, { keepAlive: true }, async (connection) => {
    await connection.untilSent();
    connection.send(...ok);
    await connection.until(() => connection.records.filter(({ type }) => type === 1).length === 2, "a second one");
    connection.send(...before);
    await sleep(5);
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
    () => index > 0 || connection.records.filter(({ type }) => type === 1).length === 2,
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
    await sleep(5);
    connection.send(stdout(1, "X: z\r\n\r\n"), end(1));
  },
  async ({ client, connection }) => {
    await client.fetch("/");
    const app = await connection();
    await app.untilOver();
    assertEquals(client.stats().connections, 0);
  },
);

clientTest(
  "fetch rejects when the application hangs up at once",
  {},
  (connection) => connection.close(),
  async ({ client }) => {
    const results = await Promise.all(
      [1, 2, 3].map(() => bounded(client.fetch("/").catch((error) => error), "an error")),
    );
    for (const error of results) assertInstanceOf(error, ProtocolError);
    assertEquals(client.stats().connections, 0);
  },
);

clientTest("Client.close aborts what is under way", { maxConnections: 1 }, () => {}, async ({ client, connection }) => {
  const first = client.fetch("/");
  first.catch(() => {});
  const second = client.fetch("/");
  second.catch(() => {});
  await (await connection()).untilSent();
  await bounded(client.close(), "close");
  for (const fetched of [first, second]) await assertRejects(() => fetched, FastCgiError, "The client was closed");
  await assertRejects(() => client.fetch("/"), TypeError, "the client is closed");
  await assertRejects(() => client.capabilities(), TypeError, "the client is closed");
  await bounded(client.close(), "close again");
});

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

clientTest("Client.capabilities rejects when there is no answer", { headTimeoutMs: 100 }, (connection, index) => {
  if (index === 0) connection.end();
}, async ({ client }) => {
  await assertRejects(() => bounded(client.capabilities(), "a rejection"), ProtocolError, "closed the connection");
  await assertRejects(() => bounded(client.capabilities(), "a rejection"), LimitError, "headTimeoutMs");
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
    await until(() => connections.some(({ records }) => records[0]?.type === 9), "the question");
    await sleep(50);
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
  }, async ({ client }) => {
    const warm = client.fetch("/");
    await until(() => apps.length === 1 && apps[0]!.has(5, ""), "the first request");
    const app = apps[0]!;
    app.send(...answer("X: y"));
    await warm;
    await sleep(50);
    await visit({ client, app, apps });
  });
}

Deno.test("fetch aborts one request and no other on a shared connection", async () => {
  await inSharedScene(2, async ({ client, app, apps }) => {
    const controller = new AbortController();
    const aborted = client.fetch("/1", { signal: controller.signal });
    aborted.catch(() => {});
    const other = client.fetch("/2");
    await until(() => app.has(5, "", 2), "both requests");
    app.send(stdout(1, "X: y\r\n\r\nabc"), stdout(2, "X: y\r\n\r\nab"));
    const [one, two] = await Promise.all([aborted, other]);
    controller.abort();
    assertEquals((await textOrError(one) as Error).name, "AbortError");
    await until(() => app.has(2, "", 1), "ABORT_REQUEST");
    // Go ends it at once and still writes what its handler says: none of it may come to a later request.
    app.send(end(1), stdout(1, "late"), stdout(2, "c"));
    const third = client.fetch("/3");
    await until(() => apps.length === 2 && apps[1]!.has(5, ""), "the third request, on a connection of its own");
    app.send(stdout(1, "later"), end(1), stdout(2, "d"), stdout(2), end(2));
    assertEquals(await two.text(), "abcd");
    apps[1]!.send(...answer("X: y", "3"));
    assertEquals(await (await third).text(), "3");
    await app.untilOver();
  });
});

Deno.test("fetch reads on for others when one body of a shared connection is not read", async () => {
  await inSharedScene(1, async ({ client, app }) => {
    const fetches = [client.fetch("/1"), client.fetch("/2")] as const;
    await until(() => app.has(5, "", 2), "both requests");
    app.send(stdout(1, "X: y\r\n\r\n" + "x".repeat(60_000)), ...Array(4).fill(stdout(1, "x".repeat(60_000))));
    app.send(...answer("X: y", "quick", 2), end(1));
    const [slow, quick] = await Promise.all(fetches);
    assertEquals(await textOrError(quick), "quick");
    assertEquals((await textOrError(slow) as string).length, 300_000);
    // Nothing unread is left on the count: the connection still reads.
    for (let sent = 0; sent < 3; sent++) {
      const next = client.fetch("/");
      const before = app.records.length;
      await until(() => app.records.slice(before).some(({ type, content }) => type === 5 && content === ""), "it");
      app.send(...answer("X: y", "y".repeat(50_000)));
      assertEquals((await textOrError(await next) as string).length, 50_000);
    }
  });
});

Deno.test("fetch sends a request elsewhere when the application refuses to share after all", async () => {
  await inClientScene({ multiplex: true, maxConnections: 4 }, async (connection) => {
    await connection.until(() => connection.records.length > 0, "a record");
    if (connection.records[0]?.type === 9) return connection.send(getValuesResult("FCGI_MPXS_CONNS", "1"));
    const seen = new Set<number>();
    while (!connection.over) {
      for (const { requestId, type, content } of connection.records.slice()) {
        if (type !== 5 || content !== "") continue;
        if (requestId > 1 && !seen.has(requestId)) connection.send(end(requestId, 0, 1));
        seen.add(requestId);
      }
      const done = connection.records.filter(({ type, requestId, content }) =>
        type === 5 && requestId === 1 && content === ""
      );
      if (done.length > 0) {
        await sleep(20);
        connection.send(...answer("X: y", "alone"));
        connection.records.splice(0);
        seen.clear();
      }
      await sleep(1);
    }
  }, async ({ client }) => {
    await client.fetch("/");
    await sleep(50);
    const ends: number[] = [];
    const onEnd = ({ appStatus }: { appStatus: number }): void => void ends.push(appStatus);
    const texts = await Promise.all(
      [1, 2, 3].map(async () => textOrError(await bounded(client.fetch("/", { onEnd }), "a response"))),
    );
    assertEquals([texts, ends], [["alone", "alone", "alone"], [0, 0, 0]]);
    assert(client.stats().retries > 0);
  });
});
