import { assertEquals, assertGreater, assertLess } from "../std/assert.ts";
import { inScene, serveTest } from "../server/scene.ts";
import { FCGI_GET_VALUES } from "@webfcgi/webfcgi/codec";
import { FastResponse } from "@webfcgi/webfcgi";
import { recordBytes, requestBytes, type WebServer } from "../server/web_server.ts";
import { gate, sleep, until } from "../helpers/waiting.ts";
import { concat } from "../helpers/bytes.ts";
import { heldMiB } from "../helpers/held_memory.ts";

const MiB = 1_048_576;
/** Sent again and again: the tests' own memory must not grow. */
const chunk = new Uint8Array(65_528).fill(7);

/** Fails if the process holds so many MiB more than before, garbage not counted. */
async function assertGrowthBelow(limit: number, before: number): Promise<void> {
  let grown = heldMiB() - before;
  for (const deadline = Date.now() + 3000; grown >= limit && Date.now() < deadline;) {
    await sleep(20);
    grown = heldMiB() - before;
  }
  assertLess(grown, limit);
}

/** Sends a body until its end, or until nothing has been taken for a while; resolves to the bytes handed to the socket. */
async function upload(web: WebServer, requestId: number, bytes: number): Promise<number> {
  let sent = 0;
  while (sent < bytes) {
    const part = bytes - sent < chunk.length ? chunk.subarray(0, bytes - sent) : chunk;
    sent += part.length;
    const writing = web.stdin(requestId, part);
    if (await Promise.race([writing.then(() => false), sleep(300).then(() => true)])) {
      writing.catch(() => {});
      return sent;
    }
  }
  return sent;
}

Deno.test("serve holds little of a large response when the web server stops reading", async () => {
  const total = 64 * MiB;
  let given = 0;
  await inScene({
    fetch: () =>
      new Response(
        new ReadableStream({
          pull(controller): void {
            if (given >= total) return controller.close();
            const part = new Uint8Array(Math.min(65_536, total - given));
            given += part.length;
            controller.enqueue(part);
          },
        }, { highWaterMark: 0 }),
      ),
  }, async ({ connect }) => {
    const web = await connect();
    const before = heldMiB();
    const asked = web.ask({ discard: true });
    web.pause();
    let last = -1;
    while (last !== given) {
      last = given;
      await sleep(100);
    }
    // What the two kernel buffers of the loopback hold, and no more.
    assertLess(given, 16 * MiB);
    await assertGrowthBelow(32, before);
    web.resume();
    await asked.answer();
    assertEquals(given, total);
    assertGreater(asked.length, total);
  });
});

Deno.test("serve holds little of a large upload that no one reads, and answers the next request", async () => {
  const held = gate();
  const total = 96 * MiB;
  await inScene({
    async fetch(request) {
      if (request.method === "POST") await held.promise;
      return new Response("ok");
    },
  }, async ({ connect }) => {
    const web = await connect();
    const before = heldMiB();
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: String(total) } });
    const first = await upload(web, 1, total);
    assertLess(first, 32 * MiB);
    await assertGrowthBelow(40, before);
    held.open();
    assertEquals((await asked.answer()).text, "ok");
    // The rest of it is late, and dropped.
    let sent = first;
    while (sent < total) sent += await upload(web, 1, Math.min(8 * MiB, total - sent));
    assertEquals(sent, total);
    web.stdinEnd(1);
    assertEquals((await web.ask().answer()).text, "ok");
    await assertGrowthBelow(40, before);
  });
});

serveTest("serve drops the rest of an upload that was answered early", {
  fetch: () => new Response("early", { status: 403 }),
}, async ({ connect }) => {
  const web = await connect();
  for (let i = 0; i < 3; i++) {
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: String(2 * MiB) } });
    await upload(web, 1, 2 * MiB);
    assertEquals((await asked.answer()).text, "early");
    web.stdinEnd(1);
  }
});

serveTest("serve drops the rest of an upload on a connection that is not kept", {
  fetch: () => new Response("early"),
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.begin({ method: "POST", keepConn: false, params: { CONTENT_LENGTH: String(4 * MiB) } });
  await upload(web, 1, 4 * MiB);
  assertEquals((await asked.answer()).text, "early");
});

serveTest("serve echoes 64 MiB while they come, and holds little of them", {
  fetch: (request) => new Response(request.body),
}, async ({ connect }) => {
  const web = await connect();
  const before = heldMiB();
  const total = 64 * MiB;
  const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: String(total) }, discard: true });
  const half = await upload(web, 1, total / 2);
  await web.until(() => asked.length >= half, "the first half");
  await assertGrowthBelow(16, before);
  await upload(web, 1, total - half);
  web.stdinEnd(1);
  await asked.answer();
  assertEquals(asked.length, total + "Status: 200 OK\r\n\r\n".length);
  await assertGrowthBelow(16, before);
});

serveTest("serve uploads and downloads 8 MiB whole", {
  fetch: async (request) => new Response(await request.arrayBuffer()),
}, async ({ connect }) => {
  const web = await connect();
  const sent = Uint8Array.from({ length: 8 * MiB }, (_, i) => i * 31 + (i >> 8) * 17 + (i >> 16));
  const { body } = await web.ask({ method: "POST", body: sent }).answer();
  assertEquals(body.length, sent.length);
  assertEquals(body.findIndex((byte, i) => byte !== sent[i]), -1);
});

Deno.test("serve takes the bodies of several requests that wait on one connection", async () => {
  const held = gate();
  let begun = 0;
  await inScene({
    async fetch(request) {
      begun++;
      await held.promise;
      return new Response(String((await request.arrayBuffer()).byteLength));
    },
  }, async ({ connect }) => {
    const web = await connect();
    const params = { CONTENT_LENGTH: "200000" };
    const asked = [1, 2, 3, 4].map((requestId) => web.begin({ requestId, method: "POST", params }));
    for (const { requestId } of asked) {
      web.protocol.stdin(requestId, new Uint8Array(200_000));
      web.protocol.stdinEnd(requestId);
    }
    const fifth = web.begin({ requestId: 5, method: "POST", params: { CONTENT_LENGTH: "0" } });
    web.flush();
    await until(() => begun === 5, "all handlers");
    held.open();
    for (const one of asked) assertEquals((await one.answer()).text, "200000");
    assertEquals((await fifth.answer()).text, "0");
  });
});

for (
  const [what, bytes] of [
    ["requests", requestBytes(true, ...Array.from({ length: 4000 }, (_, at) => at + 1))],
    ["questions", recordBytes(FCGI_GET_VALUES, 0, "\x0f\0FCGI_MPXS_CONNS")],
  ] as const
) {
  Deno.test(`serve reads no more ${what} while a web server does not read the answers`, async () => {
    await inScene({ fetch: () => new FastResponse("x".repeat(2000)) }, async ({ connect, ask }) => {
      const web = await connect({ raw: true });
      const before = heldMiB();
      const many = concat(new Array(Math.ceil(65_536 / bytes.length)).fill(bytes));
      web.pause();
      let sent = 0;
      for (let full = false; !full && sent < 64 * MiB; sent += many.length) {
        const writing = web.send(many);
        full = await Promise.race([writing.then(() => false, () => false), sleep(300).then(() => true)]);
      }
      assertLess(sent, 32 * MiB);
      await assertGrowthBelow(64, before);
      assertEquals((await ask()).text.length, 2000);
    });
  });
}
