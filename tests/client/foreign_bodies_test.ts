/** Requests whose bodies the runtime, or another library, has made: nothing that they do ends the process. */

import { LimitError } from "@webfcgi/webfcgi/client";
import { assertEquals, assertGreaterOrEqual, assertRejects } from "../std/assert.ts";
import { bounded } from "../helpers/waiting.ts";
import { answer, clientTest } from "./application.ts";

const ok = answer("Content-Type: text/plain", "hello");

/** What a runtime makes bodies of; each is sent as the body of a Request. */
const kinds: readonly [string, () => NonNullable<ConstructorParameters<typeof Response>[0]>][] = [
  ["text", () => "x".repeat(100_000)],
  ["bytes", () => new Uint8Array(100_000)],
  ["a Blob", () => new Blob([new Uint8Array(100_000)])],
  ["URLSearchParams", () => new URLSearchParams({ a: "x".repeat(100_000) })],
  ["FormData of 8 MiB", () => {
    const form = new FormData();
    form.set("a", "1");
    form.set("file", new File([new Uint8Array(8 << 20)], "f"));
    return form;
  }],
  ["a stream that throws when it is cancelled", () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(100_000)),
      cancel: () => {
        throw new Error("on purpose");
      },
    })],
  ["a byte stream", () =>
    new ReadableStream({
      type: "bytes",
      pull: (controller: ReadableByteStreamController) => controller.enqueue(new Uint8Array(100_000)),
    })],
  ["an iterator whose end fails", () =>
    ReadableStream.from<Uint8Array>({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false, value: new Uint8Array(100_000) }),
        return: () => Promise.reject(new Error("on purpose")),
      }),
    })],
];
for (const [name, make] of kinds) {
  const request = (signal?: AbortSignal): Request =>
    new Request(
      "http://a/",
      { method: "POST", body: make(), duplex: "half", ...(signal && { signal }) } as RequestInit,
    );
  clientTest(
    `fetch outlives a Request of ${name} that is refused, aborted or left`,
    {
      maxBufferedBodyBytes: 50_000,
    },
    () => {},
    async ({ client, connections }) => {
      await assertRejects(() => bounded(client.fetch(request()), "a refusal"), LimitError);
      const controller = new AbortController();
      const aborted = client.fetch(request(controller.signal));
      controller.abort();
      await assertRejects(() => bounded(aborted, "an abort"), Error);
      await assertRejects(() => client.fetch(request(), { params: { A: "x".repeat(300_000) } }), LimitError);
      // What the runtime throws comes a few turns later.
      await new Promise((resolve) => setTimeout(resolve, 20));
      assertEquals([connections.length, client.stats().queuedRequests], [0, 0]);
    },
  );
}

clientTest("fetch sends a Request of 8 MiB of FormData by default", {}, (app) => app.discard(), async (scene) => {
  const body = kinds.find(([name]) => name.startsWith("FormData"))![1]();
  const fetched = scene.client.fetch(new Request("http://a/", { method: "POST", body }));
  const app = await scene.connection();
  await app.untilSent();
  assertGreaterOrEqual(app.length, 8 << 20);
  app.send(...ok);
  assertEquals(await (await fetched).text(), "hello");
});

clientTest("fetch rejects a Request whose body is another library's", {}, () => {}, async ({ client }) => {
  const request = { method: "POST", url: "http://a/", headers: new Headers(), body: { pipe() {} }, bodyUsed: false };
  await assertRejects(() => client.fetch(request as unknown as Request), TypeError, "which cannot be sent");
});
