import { resolveClient } from "../../src/client/client_options.ts";
import { FastCgiClient } from "../../src/client/fast_cgi_client.ts";
import type { Accept, Transport, TransportSink } from "../../src/runtime/transport.ts";
import { assertEquals, assertRejects } from "../std/assert.ts";
import { bounded, gate, until } from "../server/scene.ts";

/** A client whose connections open when a test says so, and how many are being opened and have been closed. */
function slowToConnect(connectTimeoutMs: number) {
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
  const client = new FastCgiClient(resolveClient({ connectTimeoutMs }), connect);
  return { client, sockets, connected };
}

Deno.test("fetch rejects after connectTimeoutMs, and a connection that opens later is closed", async () => {
  const { client, sockets, connected } = slowToConnect(50);
  const asked = [client.fetch("/"), client.fetch("/")];
  for (const fetched of asked) {
    const error = await assertRejects(
      () => bounded(fetched, "a rejection"),
      Error,
      "took longer than connectTimeoutMs, 50",
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
  const { client, sockets, connected } = slowToConnect(0);
  const asked = [client.fetch("/"), client.capabilities()];
  for (const promise of asked) promise.catch(() => {});
  await until(() => sockets.opening === 2, "both to connect");
  await bounded(client.close(), "the client to close");
  for (const promise of asked) await assertRejects(() => bounded<unknown>(promise, "a rejection"), Error, "was closed");
  connected.open();
  await until(() => sockets.closed === 2, "both to be closed");
});
