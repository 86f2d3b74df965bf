/** Requests that are aborted, by a signal, by their body or with the client. */

import { FastCgiError } from "@webfcgi/webfcgi/client";
import { assertEquals, assertRejects, assertStrictEquals } from "../std/assert.ts";
import { bounded, gate, until } from "../helpers/waiting.ts";
import { stdout } from "../vectors/wire.ts";
import { clientTest, textOrError } from "./application.ts";
import { latin1Bytes } from "../helpers/bytes.ts";

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
    assertEquals([connections.length, client.stats().requests], [0, 1]);
  },
);

clientTest(
  "fetch sends nothing when the signal is aborted while it begins",
  {},
  () => {},
  async ({ client, connections }) => {
    const controller = new AbortController();
    const fetched = client.fetch("/", { signal: controller.signal });
    fetched.catch(() => {});
    controller.abort();
    assertEquals(((await assertRejects(() => bounded(fetched, "a rejection"))) as Error).name, "AbortError");
    assertEquals([connections.length, client.stats().connections], [0, 0]);
  },
);

clientTest(
  "fetch leaves the queue when the signal is aborted",
  { maxConnections: 1 },
  () => {},
  async ({ client, connections }) => {
    const first = client.fetch("/").catch((error) => error);
    await until(() => connections.length === 1, "the first request");
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
  await until(() => client.stats().queuedRequests === 1, "it to be waited for");
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
        await Promise.resolve();
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
    assertEquals((await reader.read()).value, latin1Bytes("ab"));
    controller.abort();
    assertEquals(((await assertRejects(() => reader.read())) as Error).name, "AbortError");
  },
);

clientTest(
  "fetch cancels its body when it is aborted",
  { unknownLengthBodies: "stream" },
  () => {},
  async ({ client, connection }) => {
    const controller = new AbortController();
    const cancelled = gate<unknown>();
    const body = new ReadableStream<Uint8Array>({
      start: (stream) => stream.enqueue(latin1Bytes("abc")),
      cancel: (reason) => cancelled.open(reason),
    });
    const fetched = client.fetch("/", { method: "POST", body, signal: controller.signal });
    fetched.catch(() => {});
    const app = await connection();
    await until(() => app.stream(5) === "abc", "the first part");
    controller.abort();
    const error = await assertRejects(() => fetched);
    assertStrictEquals(await bounded(cancelled.promise, "the cancellation"), error);
  },
);

clientTest("Client.close aborts what is under way", { maxConnections: 1 }, () => {}, async ({ client, connection }) => {
  const first = client.fetch("/");
  first.catch(() => {});
  const second = client.fetch("/");
  second.catch(() => {});
  await (await connection()).untilSent();
  await bounded(client.close(), "close");
  for (const fetched of [first, second]) {
    const error = await assertRejects(() => fetched, FastCgiError, "The client was closed");
    assertEquals([error.code, error.side], ["ABORTED", "upstream"]);
  }
  await assertRejects(() => client.fetch("/"), TypeError, "the client is closed");
  await assertRejects(() => client.capabilities(), TypeError, "the client is closed");
  await bounded(client.close(), "close again");
});

clientTest("Client.close rejects what has only just begun", {}, () => {}, async ({ client, connections }) => {
  const form = new FormData();
  form.set("a", "1");
  const begun = [client.fetch("/"), client.fetch("/", { method: "POST", body: form })];
  const rejected = begun.map((fetched) => assertRejects(() => fetched, FastCgiError, "The client was closed"));
  await client.close();
  await Promise.all(rejected);
  assertEquals([connections.length, client.stats().queuedRequests], [0, 0]);
});
