import { resolveClient } from "../../src/client/client_options.ts";
import { FastCgiClient } from "../../src/client/fast_cgi_client.ts";
import type { Accept, Transport, TransportSink } from "../../src/runtime/transport.ts";
import { FastCgiError, LimitError, ProtocolError } from "@webfcgi/webfcgi/client";
import { assertEquals, assertInstanceOf, assertRejects } from "../std/assert.ts";
import { bounded, gate, until } from "../helpers/waiting.ts";
import { TurnedClock } from "../turned_clock.ts";
import { always, answer, clientTest } from "./application.ts";

const ok = answer("X: y", "hello");

/** A client whose connections open when a test says so, and how many are being opened and have been closed. */
function slowToConnect(connectTimeoutMs: number, clock = new TurnedClock()) {
  const connected = gate();
  const sockets = { opening: 0, closed: 0 };
  const connect = async (open: Accept): Promise<Transport> => {
    sockets.opening++;
    await connected.promise;
    const ignore = (): void => {};
    let closed = false;
    const close = (): void => {
      if (closed) return;
      closed = true;
      sockets.closed++;
      queueMicrotask(() => sink.closed());
    };
    const transport: Transport = {
      remoteAddr: { transport: "unix", path: "" },
      write: () => true,
      shutdown: () => true,
      pause: ignore,
      resume: ignore,
      ref: ignore,
      unref: ignore,
      close,
      reset: close,
    };
    const sink: TransportSink = open(transport);
    return transport;
  };
  const client = new FastCgiClient(resolveClient({ connectTimeoutMs }), connect, clock);
  return { clock, client, sockets, connected };
}

Deno.test("fetch rejects after connectTimeoutMs, and a connection that opens later is closed", async () => {
  const { clock, client, sockets, connected } = slowToConnect(10_000);
  const asked = [client.fetch("/"), client.fetch("/")];
  for (const fetched of asked) fetched.catch(() => {});
  await until(() => sockets.opening === 2, "both to connect");
  clock.turn(11_000);
  for (const fetched of asked) {
    const error = await assertRejects(
      () => bounded(fetched, "a rejection"),
      Error,
      "took longer than connectTimeoutMs, 10000",
    );
    assertEquals((error as Error & { limit?: string }).limit, "connectTimeoutMs");
  }
  const { connections, activeRequests, queuedRequests } = client.stats();
  assertEquals([connections, activeRequests, queuedRequests, sockets.opening], [0, 0, 0, 2]);
  connected.open();
  await until(() => sockets.closed === 2, "both to be closed");
  assertEquals(client.stats().connections, 0);
  await bounded(client.close(), "the client to close");
});

Deno.test("Client.close rejects what waits for a connection, and closes one that opens later", async () => {
  const { client, sockets, connected } = slowToConnect(Infinity);
  const asked = [client.fetch("/"), client.capabilities()];
  for (const promise of asked) promise.catch(() => {});
  await until(() => sockets.opening === 2, "both to connect");
  await bounded(client.close(), "the client to close");
  for (const promise of asked) await assertRejects(() => bounded<unknown>(promise, "a rejection"), Error, "was closed");
  connected.open();
  await until(() => sockets.closed === 2, "both to be closed");
});

clientTest(
  "fetch opens no more than maxConnections, and the rest wait",
  { maxConnections: 2 },
  always(...ok),
  async ({ client, connections }) => {
    let most = 0;
    const requests = Array.from({ length: 9 }, async () => {
      const response = await client.fetch("/");
      most = Math.max(most, client.stats().connections);
      return response.text();
    });
    assertEquals(await Promise.all(requests), Array(9).fill("hello"));
    assertEquals([most <= 2, connections.length], [true, 9]);
  },
);

clientTest(
  "fetch rejects at once beyond maxQueuedRequests",
  { maxConnections: 1, maxQueuedRequests: 2 },
  () => {},
  async ({ client }) => {
    const waiting = [1, 2, 3].map(() => client.fetch("/").catch((error) => error));
    await until(() => client.stats().queuedRequests === 2, "two to wait");
    const error = await assertRejects(() => bounded(client.fetch("/"), "a rejection", 1000), LimitError);
    assertEquals([error.limit, error.max], ["maxQueuedRequests", 2]);
    assertEquals(client.stats().queuedRequests, 2);
    await client.close();
    for (const result of await Promise.all(waiting)) assertInstanceOf(result, FastCgiError);
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
