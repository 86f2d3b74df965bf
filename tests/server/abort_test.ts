import { FastResponse, type HandlerInfo, RequestAbortedError, serveConnection } from "@webfcgi/webfcgi";
import { FCGI_ABORT_REQUEST, FCGI_END_REQUEST, FCGI_STDIN, FCGI_STDOUT } from "@webfcgi/webfcgi/codec";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "../std/assert.ts";
import { inScene, type Scene, type SceneOptions } from "./scene.ts";
import { recordBytes, requestBytes, type WebServer } from "./web_server.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";
import { concat, utf8Bytes } from "../helpers/bytes.ts";
import { recordsOf } from "../helpers/records.ts";

/** How a web server gives a request up. */
const ways: readonly (readonly [name: string, giveUp: (web: WebServer) => unknown])[] = [
  ["sends ABORT_REQUEST", (web): void => {
    web.protocol.abort(1);
    web.flush();
  }],
  ["ends its side", (web) => web.halfClose()],
  ["closes the connection", (web) => web.close()],
  ["resets the connection", (web) => web.reset()],
];

/** What a watched request came to. */
class Watch {
  request: Request | undefined;
  reasons: unknown[] = [];
  completed = "";
  notes: string[] = [];
  cancelled: unknown[] = [];
  /** What ends the record that was under way. */
  rest = new Uint8Array(0);

  see(request: Request, info: HandlerInfo): void {
    this.request = request;
    request.signal.addEventListener("abort", () => this.reasons.push(request.signal.reason));
    info.completed.then(() => this.completed = "sent", (error) => this.completed = String(error));
  }
}

/** Defines a test of each way to give a request up, in one phase. */
function abortTest(
  phase: string,
  make: (watch: Watch) => SceneOptions,
  reach: (scene: Scene, watch: Watch, web: WebServer) => Promise<void>,
  check: (watch: Watch, name: string) => Promise<void> | void,
  nativeToo = true,
): void {
  for (const nativeRequest of nativeToo ? [false, true] : [false]) {
    for (const [name, giveUp] of ways) {
      const suffix = nativeRequest ? " (native)" : "";
      Deno.test(`request.signal fires once when the web server ${name} ${phase}${suffix}`, async () => {
        const watch = new Watch();
        await inScene({ request: nativeRequest ? "native" : "lazy", ...make(watch) }, async (scene) => {
          const { server, connect, ask, errors } = scene;
          const web = await connect({ node: true });
          await reach(scene, watch, web);
          if (name === "sends ABORT_REQUEST" && watch.rest.length > 0) await web.send(watch.rest);
          await giveUp(web);
          await until(() => watch.reasons.length > 0, "the signal");
          await until(() => watch.completed !== "", "completed to settle");
          await until(() => server.stats().activeRequests === 0, "the request to end");
          const [reason] = watch.reasons;
          assertInstanceOf(reason, RequestAbortedError);
          assertEquals([reason.name, reason.code], ["AbortError", "ABORTED"]);
          assert(watch.request!.signal.aborted);
          await check(watch, name);
          if (name === "sends ABORT_REQUEST") {
            // The connection lives on.
            web.resume();
            const answer = await web.ask({ requestId: 2, uri: "/ok" }).answer();
            assertEquals(answer.text, "ok");
          }
          await web.close();
          assertEquals((await ask({ uri: "/ok" })).text, "ok");
          await sleep(2);
          assertEquals(watch.reasons.length, 1);
          assertEquals(errors.map(String), []);
        });
      });
    }
  }
}

const ok = (request: Request): boolean => request.url.endsWith("/ok");

abortTest("while the handler waits", (watch) => ({
  async fetch(request, info) {
    if (ok(request)) return new Response("ok");
    watch.see(request, info);
    await new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
    });
    return new Response("never");
  },
}), async ({ server }, watch, web) => {
  web.ask();
  await until(() => watch.request !== undefined, "the handler");
  assertEquals(server.stats().activeRequests, 1);
}, () => {});

// The socket is paused then, and tells nothing by itself.
abortTest(
  "while more of the body waits than is held",
  (watch) => ({
    async fetch(request, info) {
      if (ok(request)) return new Response("ok");
      watch.see(request, info);
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      return new Response("late");
    },
  }),
  async (_, watch, web) => {
    web.begin({ method: "POST", params: { CONTENT_LENGTH: "300000" } });
    await web.stdin(1, new Uint8Array(100_000));
    await until(() => watch.request !== undefined, "the handler");
    await sleep(20);
  },
  () => {},
  false,
);

abortTest("while the handler reads the body", (watch) => ({
  async fetch(request, info) {
    if (ok(request)) return new Response("ok");
    watch.see(request, info);
    try {
      return new Response(await request.text());
    } catch (error) {
      watch.notes.push(String(error));
      throw error;
    }
  },
}), async (_, watch, web) => {
  web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
  await web.stdin(1, "half");
  await until(() => watch.request !== undefined, "the handler");
}, async (watch) => {
  await until(() => watch.notes.length > 0, "the body to fail");
  assertEquals(watch.notes.length, 1);
});

abortTest("while the handler reads the body as a stream", (watch) => ({
  async fetch(request, info) {
    if (ok(request)) return new Response("ok");
    watch.see(request, info);
    const reader = request.body!.getReader();
    watch.notes.push(String((await reader.read()).value?.length));
    const error = await assertRejects(() => reader.read());
    watch.notes.push(error === request.signal.reason ? "the reason" : String(error));
    throw error;
  },
}), async (_, watch, web) => {
  web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
  await web.stdin(1, "half");
  await until(() => watch.notes.length === 1, "the first part");
}, async (watch) => {
  await until(() => watch.notes.length > 1, "the body to fail");
  assertEquals(watch.notes, ["4", "the reason"]);
});

abortTest("while a response waits for its stream", (watch) => ({
  fetch(request, info) {
    if (ok(request)) return new Response("ok");
    watch.see(request, info);
    let pulls = 0;
    return new Response(
      new ReadableStream({
        pull(controller): Promise<void> | void {
          if (pulls++ === 0) controller.enqueue(utf8Bytes("first"));
          else return new Promise(() => {});
        },
        cancel: (reason) => void watch.cancelled.push(reason),
      }, { highWaterMark: 0 }),
    );
  },
}), async (_, __, web) => {
  const asked = web.ask();
  await web.until(() => asked.bodyText === "first", "the first part");
}, async (watch) => {
  await until(() => watch.cancelled.length > 0, "the stream to be cancelled");
  assertEquals(watch.cancelled.length, 1);
  assertStrictEquals(watch.cancelled[0], watch.reasons[0]);
  assert(watch.completed.startsWith("AbortError"), watch.completed);
});

abortTest("while a response waits for a web server that does not read", (watch) => ({
  fetch(request, info) {
    if (ok(request)) return new Response("ok");
    watch.see(request, info);
    return new Response(
      new ReadableStream({
        pull: (controller) => {
          watch.notes.push("pull");
          controller.enqueue(new Uint8Array(65_536));
        },
        cancel: (reason) => void watch.cancelled.push(reason),
      }, { highWaterMark: 0 }),
    );
  },
}), async (_, watch, web) => {
  web.pause();
  web.ask({ discard: true });
  // Until the stream is no longer pulled: all buffers on the way are full.
  let before = -1;
  while (watch.notes.length === 0 || watch.notes.length !== before) {
    before = watch.notes.length;
    await sleep(50);
  }
  web.resume();
  web.pause();
}, async (watch) => {
  await until(() => watch.cancelled.length > 0, "the stream to be cancelled");
  assertEquals(watch.cancelled.length, 1);
});

abortTest("before the body", (watch) => ({
  async fetch(request, info) {
    if (ok(request)) return new Response("ok");
    watch.see(request, info);
    const error = await assertRejects(() => request.text());
    watch.notes.push(error === request.signal.reason ? "the reason" : String(error));
    throw error;
  },
}), async (_, watch, web) => {
  web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
  await web.flush();
  await until(() => watch.request !== undefined, "the handler");
}, async (watch) => {
  await until(() => watch.notes.length > 0, "the body to fail");
  assertEquals(watch.notes.length, 1);
});

abortTest("amid a record of the body", (watch) => ({
  async fetch(request, info) {
    if (ok(request)) return new Response("ok");
    watch.see(request, info);
    watch.notes.push(String(await assertRejects(() => request.arrayBuffer())));
    return new Response("late");
  },
}), async (_, watch, web) => {
  web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
  const record = recordBytes(FCGI_STDIN, 1, "0123456789");
  await web.flush();
  await web.send(record.slice(0, 12));
  await until(() => watch.request !== undefined, "the handler");
  await sleep(5);
  watch.rest = record.slice(12);
}, async (watch) => {
  await until(() => watch.notes.length > 0, "the body to fail");
  assertEquals(watch.notes.length, 1);
});

abortTest("while two streams of the body are read", (watch) => ({
  async fetch(request, info) {
    if (ok(request)) return new Response("ok");
    watch.see(request, info);
    for (const body of request.body!.tee()) {
      new Response(body).text().catch((error) => watch.notes.push(String(error)));
    }
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    return new Response("late");
  },
}), async (_, watch, web) => {
  web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
  await web.stdin(1, "half");
  await until(() => watch.request !== undefined, "the handler");
}, async (watch) => {
  await until(() => watch.notes.length === 2, "both to fail");
});

for (const [name, giveUp] of ways) {
  for (const cut of [3, 8, 16, 20, 60, -8, -3]) {
    const aborts = name === "sends ABORT_REQUEST";
    // Amid a record there is no place for another.
    if (aborts && cut !== 16 && cut !== -8) continue;
    Deno.test(`serve forgets a request when the web server ${name} after ${cut} bytes of its head`, async () => {
      let calls = 0;
      const fetch = (): Response => {
        calls++;
        return new Response("ok");
      };
      await inScene({ fetch }, async ({ connect, ask, server, errors }) => {
        const web = await connect({ node: true });
        web.begin();
        const head = concat(web.protocol.writer.take());
        await web.send(head.slice(0, cut));
        await sleep(5);
        await giveUp(web);
        if (aborts) await web.until(() => web.protocol.active === 0, "END_REQUEST");
        else await until(() => server.stats().connections === 0, "the connection to end");
        assertEquals([calls, server.stats().activeRequests], [0, 0]);
        assertEquals((await bounded(ask(), "an answer")).text, "ok");
        assertEquals(errors, []);
      });
    });
  }
}

for (
  const [what, make] of [
    ["a Response", () => new Response("ready")],
    ["a FastResponse", () => new FastResponse("ready")],
    ["a promise of one", () => Promise.resolve(new Response("ready"))],
    ["a stream in memory", () => new Response(new Response("ready").body)],
    ["an error's", () => Promise.reject(new Error("on purpose"))],
  ] as const
) {
  Deno.test(`serve sends ${what} when the web server ends its side right behind the request`, async () => {
    await inScene({ fetch: make, onError: () => new Response("ready") }, async ({ connect, server }) => {
      for (const keepConn of [true, false]) {
        const web = await connect();
        const asked = web.ask({ keepConn });
        web.halfClose();
        assertEquals((await asked.answer()).text, "ready");
        await web.untilEnded();
        await until(() => server.stats().connections === 0, "the connection to go");
      }
    });
  });
}

// All that the kernel holds lies before the end that the web server sends.
for (const [name, giveUp] of ways.filter(([name]) => name !== "sends ABORT_REQUEST")) {
  Deno.test(`request.signal fires when the web server ${name} behind a body that fills all buffers`, async () => {
    const watch = new Watch();
    await inScene({
      // The clock ticks every 2 ms, and reads 64 KiB of what waits.
      bodyTimeoutMs: 8,
      async fetch(request, info) {
        if (ok(request)) return new Response("ok");
        watch.see(request, info);
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        return new Response("late");
      },
    }, async ({ connect, ask, server }) => {
      const web = await connect({ node: true });
      web.begin({ method: "POST", params: { CONTENT_LENGTH: String(2 ** 30) } });
      await web.flush();
      await until(() => watch.request !== undefined, "the handler");
      for (let i = 0; i < 40; i++) web.stdin(1, new Uint8Array(100_000));
      await sleep(5);
      await giveUp(web);
      await until(() => watch.reasons.length > 0, "the signal");
      assertInstanceOf(watch.reasons[0], RequestAbortedError);
      await web.close();
      assertEquals((await bounded(ask({ uri: "/ok" }), "an answer")).text, "ok");
      await until(() => server.stats().connections === 0, "the connections to go");
      assertEquals(watch.reasons.length, 1);
    });
  });
}

Deno.test("request.signal is aborted already when it is first read after the abort", async () => {
  const held = gate();
  let seen: AbortSignal | undefined;
  await inScene({
    async fetch(request) {
      await held.promise;
      seen = request.signal;
      return new Response();
    },
  }, async ({ connect, server }) => {
    const web = await connect();
    const asked = web.ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    web.protocol.abort(1);
    web.flush();
    await web.until(() => asked.end !== undefined, "END_REQUEST");
    held.open();
    await until(() => seen !== undefined, "the handler");
    assert(seen?.aborted);
    assertInstanceOf(seen?.reason, RequestAbortedError);
  });
});

Deno.test("request.signal does not fire when the answer has been sent", async () => {
  const signals: AbortSignal[] = [];
  await inScene({
    fetch(request) {
      signals.push(request.signal);
      return new Response("ok");
    },
  }, async ({ connect, server }) => {
    const web = await connect();
    await web.ask().answer();
    web.protocol.abort(1);
    web.flush();
    await web.ask().answer();
    await web.close();
    await until(() => server.stats().connections === 0, "the connection to end");
    assertEquals(signals.map(({ aborted }) => aborted), [false, false]);
  });
});

Deno.test("serve answers ABORT_REQUEST with END_REQUEST at once and drops a late response", async () => {
  const held = gate<Response>();
  const begun = gate();
  let cancelled = false;
  await inScene(
    {
      fetch(request) {
        begun.open();
        return request.url.endsWith("/ok") ? new Response("ok") : held.promise;
      },
    },
    async ({ connect }) => {
      const web = await connect();
      const asked = web.ask();
      await begun.promise;
      web.protocol.abort(1);
      web.flush();
      await web.until(() => asked.end !== undefined, "END_REQUEST");
      assertEquals([asked.length, asked.end?.protocolStatus], [0, 0]);
      held.open(
        new Response(
          new ReadableStream({
            cancel: () => {
              cancelled = true;
            },
          }),
        ),
      );
      await until(() => cancelled, "the late response to be cancelled");
      assertEquals((await web.ask({ uri: "/ok" }).answer()).text, "ok");
    },
  );
});

Deno.test("serve answers ABORT_REQUEST before the end of PARAMS without asking the handler", async () => {
  let calls = 0;
  await inScene({
    fetch() {
      calls++;
      return new Response("ok");
    },
  }, async ({ connect }) => {
    const web = await connect();
    const asked = web.begin();
    const bytes = web.protocol.writer.take();
    // BEGIN_REQUEST is the first 16 bytes.
    await web.send(bytes[0]!.slice(0, 16));
    web.protocol.abort(1);
    web.flush();
    await web.until(() => asked.end !== undefined, "END_REQUEST");
    assertEquals(calls, 0);
    assertEquals((await web.ask().answer()).text, "ok");
  });
});

for (
  const [what, make] of [
    ["text", () => new Response("ready")],
    ["a stream", () =>
      new Response(
        new ReadableStream({
          async start(controller): Promise<void> {
            await sleep(5);
            controller.enqueue(utf8Bytes("rea"));
            await sleep(5);
            controller.enqueue(utf8Bytes("dy"));
            controller.close();
          },
        }),
      )],
  ] as const
) {
  Deno.test(`serve still sends ${what} when the web server has ended its side`, async () => {
    await inScene({
      async fetch() {
        await sleep(20);
        return make();
      },
    }, async ({ connect }) => {
      const web = await connect();
      const asked = web.ask();
      web.halfClose();
      assertEquals((await asked.answer()).text, "ready");
      await web.untilEnded();
    });
  });
}

Deno.test("a handler that rejects after the abort leaves nothing behind", async () => {
  await inScene({
    async fetch(request) {
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      await sleep(5);
      throw new Error("too late");
    },
  }, async ({ connect, server, errors }) => {
    const web = await connect();
    web.ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    web.halfClose();
    await until(() => server.stats().activeRequests === 0, "the request to end");
    await web.untilEnded();
    assertEquals(errors.splice(0).map(String), ["Error: too late"]);
  });
});

Deno.test("serveConnection sends nothing of a response after END_REQUEST, at whatever turn the abort comes", async () => {
  for (let turns = 0; turns < 40; turns++) {
    const written: Uint8Array[] = [];
    const toServer = new TransformStream<Uint8Array, Uint8Array>();
    const writable = new WritableStream<Uint8Array>({ write: (chunk) => void written.push(chunk) });
    const fetch = (): Response => {
      let pulls = 0;
      return new Response(
        new ReadableStream({
          pull: (controller) => pulls++ < 2 ? controller.enqueue(utf8Bytes("part ")) : controller.close(),
        }, { highWaterMark: 0 }),
      );
    };
    const served = serveConnection({ readable: toServer.readable, writable }, fetch);
    const writer = toServer.writable.getWriter();
    writer.write(requestBytes(true, 1));
    for (let turn = 0; turn < turns; turn++) await null;
    writer.write(recordBytes(FCGI_ABORT_REQUEST, 1));
    await sleep(1);
    await writer.close();
    await bounded(served, "serveConnection");
    const records = recordsOf(concat(written));
    assertEquals(records.filter(({ type }) => type === FCGI_END_REQUEST).length, 1);
    assertEquals(records.at(-1)?.type, FCGI_END_REQUEST);
    // Cut off or whole, it never says that it is whole when it is not.
    const text = records.map(({ type, content }) => type === FCGI_STDOUT ? content : "").join("");
    if (text.includes("Content-Length: ")) {
      assert(text.endsWith("Content-Length: 10\r\nStatus: 200 OK\r\n\r\npart part "), text);
    }
  }
});

Deno.test("serve starts no handler for a request that is aborted in the same read", async () => {
  const seen: string[] = [];
  await inScene({
    fetch(request) {
      seen.push(request.url);
      return new Response("ok");
    },
  }, async ({ connect, server }) => {
    const web = await connect();
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "5" } });
    web.protocol.abort(1);
    await web.flush();
    await web.until(() => asked.end !== undefined, "END_REQUEST");
    assertEquals([asked.length, asked.end?.protocolStatus], [0, 0]);
    assertEquals((await web.ask({ uri: "/ok" }).answer()).text, "ok");
    assertEquals(seen, ["http://example.com/ok"]);
    assertEquals([server.stats().requests, server.stats().activeRequests], [2, 0]);
  });
});
