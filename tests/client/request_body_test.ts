/** Bodies of requests: how they are collected, sent and ended. */

import { FastCgiError, LimitError } from "@webfcgi/webfcgi/client";
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
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";
import { end, stdout } from "../vectors/wire.ts";
import { always, answer, clientTest } from "./application.ts";
import { latin1Bytes } from "../helpers/bytes.ts";

const ok = answer("Content-Type: text/plain", "hello");

clientTest("fetch collects a body of unknown length", {}, always(...ok), async ({ client, connections }) => {
  const body = ReadableStream.from([latin1Bytes("ab"), latin1Bytes("cd")]) as ReadableStream<Uint8Array>;
  await client.fetch("/", { method: "POST", body, duplex: "half" });
  assertEquals([connections[0]!.stream(5), connections[0]!.params().CONTENT_LENGTH], ["abcd", "4"]);
});

clientTest(
  "fetch rejects a body of unknown length that is longer than maxBufferedBodyBytes",
  { maxBufferedBodyBytes: 3 },
  () => {},
  async ({ client, connections }) => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(latin1Bytes("ab")),
      cancel: () => void (cancelled = true),
    });
    const error = await assertRejects(() => client.fetch("/", { method: "POST", body }), LimitError);
    assertEquals([error.limit, error.max, cancelled, connections.length], ["maxBufferedBodyBytes", 3, true, 0]);
    assertStringIncludes(error.message, "maxBufferedBodyBytes, 3");
  },
);

clientTest(
  "fetch sends a body of unknown length as it comes when unknownLengthBodies is stream",
  { unknownLengthBodies: "stream" },
  () => {},
  async ({ client, connection }) => {
    const more = gate();
    const body = ReadableStream.from((async function* () {
      yield latin1Bytes("ab");
      await more.promise;
      yield latin1Bytes("cd");
    })()) as ReadableStream<Uint8Array>;
    const fetched = client.fetch("/", { method: "POST", body });
    const app = await connection();
    await until(() => app.stream(5) === "ab", "the first part");
    // Full duplex: the answer begins while the body is still coming.
    app.send(stdout(1, "Status: 200\r\n\r\nearly "));
    const response = await bounded(fetched, "the response");
    more.open();
    await app.untilSent();
    assertEquals([app.stream(5), app.params().CONTENT_LENGTH], ["abcd", ""]);
    app.send(stdout(1, "late"), end(1));
    assertEquals(await response.text(), "early late");
  },
);

for (const [length, sent] of [["5", "only 4 of"], ["3", "more than"]] as const) {
  clientTest(
    `fetch sends nothing when its body is not the ${length} bytes of its Content-Length`,
    {},
    () => {},
    async ({ client, connections }) => {
      const body = ReadableStream.from([latin1Bytes("abcd")]) as ReadableStream<Uint8Array>;
      const headers = { "content-length": length };
      await assertRejects(() => client.fetch("/", { method: "POST", body, headers }), TypeError, sent);
      assertEquals(connections.length, 0);
    },
  );
}

for (const [extra, sent] of [[-1, "only 2097151 of"], [1, "more than"]] as const) {
  clientTest(
    `fetch ends the connection when its long body has ${sent} the bytes of its Content-Length`,
    {},
    (app) => app.discard(),
    async ({ client, connection }) => {
      const parts = [new Uint8Array(1 << 20), new Uint8Array((1 << 20) + extra)];
      const body = ReadableStream.from(parts) as ReadableStream<Uint8Array>;
      const headers = { "content-length": String(2 << 20) };
      await assertRejects(() => client.fetch("/", { method: "POST", body, headers }), TypeError, sent);
      const app = await connection();
      await app.untilOver();
      assert(!app.has(5, ""), "the body never ended well");
    },
  );
}

clientTest("fetch rejects with what the body fails with", {}, () => {}, async ({ client }) => {
  const thrown = new Error("on purpose");
  const body = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(thrown) });
  const headers = { "content-length": "5" };
  assertStrictEquals(await assertRejects(() => client.fetch("/", { method: "POST", body, headers })), thrown);
  const unknown = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(thrown) });
  assertStrictEquals(await assertRejects(() => client.fetch("/", { method: "POST", body: unknown })), thrown);
});

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
  "fetch takes an answer that comes before the body is sent, and keeps no such connection",
  { keepAlive: true, unknownLengthBodies: "stream" },
  async (connection) => {
    await connection.until(() => connection.stream(5) !== "", "the first part");
    connection.send(...answer("Status: 413", "too large"));
  },
  async ({ client, connection }) => {
    const cancelled = gate();
    const body = new ReadableStream<Uint8Array>({
      start: (stream) => stream.enqueue(latin1Bytes("abc")),
      cancel: () => cancelled.open(),
    });
    const response = await client.fetch("/", { method: "POST", body });
    assertEquals([response.status, await response.text()], [413, "too large"]);
    await bounded(cancelled.promise, "the cancellation");
    const app = await connection();
    await app.untilOver();
  },
);

clientTest("fetch reads a body of known length ahead, and sends every byte of a longer one", {}, (app) => {
  app.discard();
}, async ({ client, connections, connection }) => {
  let given = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      assertEquals(connections.length, given > 1 << 20 ? connections.length : 0, "no connection before 1 MiB has come");
      given += 100_000;
      controller.enqueue(new Uint8Array(100_000));
      if (given === 3_000_000) controller.close();
    },
  }, { highWaterMark: 0 });
  const fetched = client.fetch("/", { method: "POST", body, headers: { "content-length": "3000000" } });
  const app = await connection();
  await app.untilSent();
  const sent = app.records.filter(({ type }) => type === 5).length;
  assert(sent > 3_000_000 / 65_536);
  app.send(...ok);
  assertEquals(await (await fetched).text(), "hello");
});

clientTest(
  "fetch sends the bytes of a body that was read ahead in order",
  {},
  () => {},
  async ({ client, connection }) => {
    const parts = Array.from({ length: 50 }, (_, at) => new Uint8Array(40_000).fill(at));
    const body = ReadableStream.from(parts) as ReadableStream<Uint8Array>;
    const fetched = client.fetch("/", { method: "POST", body, headers: { "content-length": "2000000" } });
    const app = await connection();
    await app.untilSent();
    const sent = app.stream(5);
    assertEquals(sent.length, 2_000_000);
    for (let at = 0; at < sent.length; at += 999) {
      if (sent.charCodeAt(at) !== Math.floor(at / 40_000)) throw new Error(`byte ${at} is ${sent.charCodeAt(at)}`);
    }
    app.send(...ok);
    await (await fetched).text();
  },
);

/** A body of `bytes` bytes that does not end. */
function endless(bytes: number): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(bytes)) });
}

clientTest(
  "fetch collects four times maxBufferedBodyBytes and no more, and has room again when a request has ended",
  { maxBufferedBodyBytes: 1000 },
  always(...ok),
  async ({ client, connections }) => {
    const controller = new AbortController();
    const waiting = [1000, 1000, 1000, 1000].map((bytes) =>
      client.fetch("/", { method: "POST", body: endless(bytes), signal: controller.signal }).catch((error) =>
        error.name
      )
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    const error = await assertRejects(() => client.fetch("/", { method: "POST", body: endless(1) }), LimitError);
    assertEquals([error.limit, error.max, error.side], ["maxBufferedBytes", 4000, "upstream"]);
    assertEquals(connections.length, 0);
    // What has a length needs no room: it is sent as it comes.
    const known = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(latin1Bytes("abc"));
        controller.close();
      },
    });
    const headers = { "content-length": "3" };
    assertEquals((await client.fetch("/", { method: "POST", body: known, headers })).status, 200);
    assertEquals(connections[0]!.stream(5), "abc");
    controller.abort();
    assertEquals(await Promise.all(waiting), Array(4).fill("AbortError"));
    // An abort in the very turn in which a body has been read whole makes room, too.
    for (let sent = 0; sent < 60; sent++) {
      const late = new AbortController();
      let stream!: ReadableStreamDefaultController<Uint8Array>;
      const body = new ReadableStream<Uint8Array>({ start: (it) => void (stream = it) });
      const fetched = client.fetch("/", { method: "POST", body, signal: late.signal });
      stream.enqueue(new Uint8Array(1000));
      await until(() => client.stats().queuedRequests === 1, "the body to be waited for");
      stream.close();
      for (let turn = 0; turn < sent % 12; turn++) await null;
      late.abort();
      await fetched.then((response) => response.text(), () => {});
    }
    for (let sent = 0; sent < 8; sent++) {
      const body = ReadableStream.from([new Uint8Array(1000)]) as ReadableStream<Uint8Array>;
      await (await client.fetch("/", { method: "POST", body })).text();
    }
  },
);

clientTest(
  "fetch rejects at once when maxQueuedRequests wait for their bodies",
  { maxQueuedRequests: 2 },
  () => {},
  async ({
    client,
  }) => {
    const waiting = [1, 2].map(() => client.fetch("/", { method: "POST", body: endless(1) }).catch((error) => error));
    await until(() => client.stats().queuedRequests === 2, "two to wait");
    const cancelled = gate<unknown>();
    const body = new ReadableStream<Uint8Array>({ cancel: cancelled.open });
    const error = await assertRejects(() => client.fetch("/", { method: "POST", body }), LimitError);
    assertEquals([error.limit, error.side], ["maxQueuedRequests", "upstream"]);
    await bounded(cancelled.promise, "the body to be cancelled");
    await client.close();
    for (const result of await Promise.all(waiting)) assertInstanceOf(result, FastCgiError);
    assertEquals(client.stats().queuedRequests, 0);
  },
);

clientTest(
  "fetch lets go of its body when parameters are refused",
  { maxParamsBytes: 100 },
  () => {},
  async ({ client }) => {
    const cancelled = gate<unknown>();
    const body = new ReadableStream<Uint8Array>({
      start: (stream) => {
        stream.enqueue(new Uint8Array(2 << 20));
      },
      cancel: cancelled.open,
    });
    const headers = { "content-length": String(4 << 20) };
    await assertRejects(() => client.fetch("/", { method: "POST", body, headers }), LimitError, "maxParamsBytes");
    assertInstanceOf(await bounded(cancelled.promise, "the body to be cancelled"), LimitError);
  },
);

clientTest("fetch sends an Authorizer no body, and cancels the one it was given", {}, async (app) => {
  await app.until(() => app.stream(4) !== "" && app.has(4, ""), "the parameters");
  app.send(...ok);
}, async (scene) => {
  const cancelled = gate<unknown>();
  const body = new ReadableStream<Uint8Array>({ cancel: cancelled.open });
  const response = await scene.client.fetch("/", { role: "authorizer", method: "POST", body });
  assertEquals(await response.text(), "hello");
  await bounded(cancelled.promise, "the body to be cancelled");
  assertEquals(scene.connections[0]!.stream(5), "");
});
