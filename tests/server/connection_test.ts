import { FastResponse, serveConnection } from "@webfcgi/webfcgi";
import {
  FCGI_ABORT_REQUEST,
  FCGI_END_REQUEST,
  FCGI_GET_VALUES,
  FCGI_GET_VALUES_RESULT,
  FCGI_PARAMS,
  FCGI_STDIN,
  FCGI_STDOUT,
  FCGI_UNKNOWN_TYPE,
} from "@webfcgi/webfcgi/codec";
import { assert, assertEquals } from "../std/assert.ts";
import { bounded, gate, inScene, serveTest } from "./scene.ts";
import { concat, encode, recordBytes, recordsOf, requestBytes } from "./web_server.ts";

/** Serves one connection and gives back each write that the server made. */
async function writesOf(input: Uint8Array, handler: () => Response | Promise<Response>): Promise<Uint8Array[]> {
  const writes: Uint8Array[] = [];
  const toServer = new TransformStream<Uint8Array, Uint8Array>();
  const ended = gate();
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => void writes.push(chunk),
    close: () => ended.open(),
    abort: () => ended.open(),
  });
  const served = serveConnection({ readable: toServer.readable, writable }, handler);
  const writer = toServer.writable.getWriter();
  await writer.write(input);
  await bounded(ended.promise, "the server to end its side");
  await writer.close();
  await bounded(served, "serveConnection");
  return writes;
}

for (
  const [what, make] of [
    ["a string", () => new Response("hello")],
    ["bytes", () => new Response(encode("hello"))],
    ["nothing", () => new Response(null)],
    ["JSON", () => Response.json({ a: 1 })],
    ["a promise", () => Promise.resolve(new Response("hello"))],
    ["16 KB", () => new Response("x".repeat(16_000))],
    ["an error", () => Promise.resolve(Response.error())],
  ] as const
) {
  Deno.test(`serve writes a short response in one go when its body is ${what}`, async () => {
    const { error } = console;
    console.error = () => {};
    try {
      const writes = await writesOf(requestBytes(false, 1), make);
      assertEquals(writes.length, 1);
      const types = recordsOf(writes[0]!).map(({ type }) => type);
      assertEquals([types[0], types.at(-1)], [FCGI_STDOUT, FCGI_END_REQUEST]);
    } finally {
      console.error = error;
    }
  });
}

Deno.test("serve ends a stream's last part and the request in one write", async () => {
  const writes = await writesOf(requestBytes(false, 1), () => {
    let pulls = 0;
    return new Response(
      new ReadableStream({
        async pull(controller): Promise<void> {
          await new Promise((resolve) => setTimeout(resolve, 5));
          controller.enqueue(encode(`part ${++pulls} `));
          if (pulls === 3) controller.close();
        },
      }),
    );
  });
  assertEquals(writes.length, 3);
  assertEquals(recordsOf(writes[2]!).map(({ type }) => type), [FCGI_STDOUT, FCGI_STDOUT, FCGI_END_REQUEST]);
});

Deno.test("serve answers requests that come together in one write", async () => {
  const writes = await writesOf(
    concat([requestBytes(true, 1, 2), requestBytes(false, 3)]),
    () => new FastResponse("hello"),
  );
  assertEquals(writes.length, 1);
  assertEquals(recordsOf(writes[0]!).filter(({ type }) => type === FCGI_END_REQUEST).map((it) => it.requestId), [
    1,
    2,
    3,
  ]);
});

Deno.test("serve sends answers that are ready in one turn in one write", async () => {
  const all = gate();
  let asked = 0;
  const writes = await writesOf(
    concat([1, 2, 3, 4].map((id) => requestBytes(id < 4, id))),
    async () => {
      if (++asked === 4) all.open();
      await all.promise;
      return new FastResponse("hello");
    },
  );
  assertEquals(writes.length, 1);
  assertEquals(recordsOf(writes[0]!).filter(({ type }) => type === FCGI_END_REQUEST).length, 4);
});

Deno.test("serve pads every record with zeros to a multiple of eight bytes", async () => {
  for (const length of [0, 1, 7, 8, 9, 20_001]) {
    const bytes = concat(await writesOf(requestBytes(false, 1), () => new Response("x".repeat(length))));
    for (let at = 0; at < bytes.length;) {
      const [content, padding] = [bytes[at + 4]! << 8 | bytes[at + 5]!, bytes[at + 6]!];
      assertEquals([bytes[at], bytes[at + 7], (content + padding) % 8], [1, 0, 0]);
      assert(bytes.subarray(at + 8 + content, at + 8 + content + padding).every((byte) => byte === 0));
      at += 8 + content + padding;
    }
  }
});

Deno.test("serveConnection resolves when the web server ends an idle connection", async () => {
  const toServer = new TransformStream<Uint8Array, Uint8Array>();
  const toClient = new TransformStream<Uint8Array, Uint8Array>();
  const streams = { readable: toServer.readable, writable: toClient.writable };
  const served = serveConnection(streams, { fetch: () => new Response("hello") });
  const received = new Response(toClient.readable).arrayBuffer();
  const writer = toServer.writable.getWriter();
  await writer.write(requestBytes(true, 1));
  await writer.close();
  const records = recordsOf(new Uint8Array(await bounded(received, "the answer")));
  assertEquals(records.at(-1)?.type, FCGI_END_REQUEST);
  await bounded(served, "serveConnection");
});

Deno.test("serveConnection answers on when its stream gives away the memory of what is written", async () => {
  const bytes = encode("x".repeat(20_000));
  const toServer = new TransformStream<Uint8Array, Uint8Array>();
  const received: Uint8Array[] = [];
  let seen = gate();
  const writable = new WritableStream<Uint8Array>({
    write(chunk): void {
      received.push(structuredClone(chunk, { transfer: [chunk.buffer as ArrayBuffer] }));
      if (concat(received).length >= 20_000) seen.open();
    },
  });
  const served = serveConnection({ readable: toServer.readable, writable }, () => new FastResponse(bytes));
  const writer = toServer.writable.getWriter();
  for (let request = 0; request < 3; request++) {
    await writer.write(requestBytes(true, 1));
    await bounded(seen.promise, "the answer");
    await new Promise((resolve) => setTimeout(resolve, 3));
    const records = recordsOf(concat(received.splice(0)));
    assertEquals(records.at(-1)?.type, FCGI_END_REQUEST);
    assertEquals(bytes.length, 20_000);
    seen = gate();
  }
  await writer.close();
  await bounded(served, "serveConnection");
});

Deno.test("serveConnection tells onError when the stream fails", async () => {
  const errors: unknown[] = [];
  const readable = new ReadableStream<Uint8Array>({ pull: (it) => it.enqueue(encode("Gibberish\r\n")) });
  const options = { onError: (error: unknown) => void errors.push(error) };
  const served = serveConnection({ readable, writable: new WritableStream() }, options, () => new Response());
  await bounded(served, "serveConnection");
  assertEquals(errors.map(String), ["ProtocolError: Cannot read record: version is 71, not 1"]);
});

serveTest("serve keeps the connection open exactly when it is told to", {
  fetch: () => new Response("hello"),
}, async ({ connect }) => {
  const web = await connect();
  for (let i = 0; i < 3; i++) assertEquals((await web.ask().answer()).text, "hello");
  assertEquals(web.over, false);
  assertEquals((await web.ask({ keepConn: false }).answer()).text, "hello");
  await web.untilEnded();
});

Deno.test("serve lets other requests end before it closes the connection", async () => {
  const held = gate();
  await inScene({
    async fetch(request) {
      if (request.url.endsWith("/slow")) await held.promise;
      return new Response(request.url);
    },
  }, async ({ connect }) => {
    const web = await connect();
    const slow = web.ask({ requestId: 1, uri: "/slow" });
    await web.ask({ requestId: 2, keepConn: false }).answer();
    assertEquals(web.over, false);
    held.open();
    assertEquals((await slow.answer()).text, "http://example.com/slow");
    await web.untilEnded();
  });
});

serveTest("serve ignores requests that follow one without KEEP_CONN that has ended", {
  fetch: () => new Response("hello"),
}, async ({ connect, server }) => {
  const web = await connect({ raw: true });
  await web.send(requestBytes(false, 1));
  await web.until(() => web.chunks.length > 0, "the answer");
  await web.send(requestBytes(true, 2));
  await web.untilEnded();
  const ends = recordsOf(concat(web.chunks)).filter(({ type }) => type === FCGI_END_REQUEST);
  assertEquals([ends.map((it) => it.requestId), server.stats().requests], [[1], 1]);
});

serveTest("serve answers 10,000 requests on one connection", {
  fetch: (request) => new Response(request.url.slice(-5)),
}, async ({ connect, server }) => {
  const web = await connect();
  for (let i = 10_000; i < 20_000; i++) {
    const asked = web.ask({ uri: `/${i}` });
    await asked.answer();
    if (i % 1000 === 0) assertEquals(asked.bodyText, String(i));
  }
  assertEquals(server.stats().requests, 10_000);
});

Deno.test("serve answers multiplexed requests in the order in which they are ready", async () => {
  const gates = [gate<string>(), gate<string>(), gate<string>()];
  await inScene({
    fetch: async (request) => new Response(await gates[Number(request.url.slice(-1))]!.promise),
  }, async ({ connect }) => {
    const web = await connect();
    const asked = [0, 1, 2].map((i) => web.ask({ requestId: i + 7, uri: `/${i}` }));
    for (const i of [2, 0, 1]) {
      gates[i]!.open(`answer ${i}`);
      assertEquals((await asked[i]!.answer()).text, `answer ${i}`);
    }
  });
});

serveTest("serve keeps interleaved bodies apart", {
  fetch: async (request) => new Response(await request.text()),
}, async ({ connect }) => {
  const web = await connect();
  const ids = [3, 60_000, 65_535];
  const length = { CONTENT_LENGTH: "30" };
  const asked = ids.map((requestId) => web.begin({ requestId, method: "POST", params: length }));
  for (let i = 0; i < 10; i++) for (const id of ids) web.protocol.stdin(id, encode(String(id).slice(0, 3).padEnd(3)));
  for (const id of ids) web.protocol.stdinEnd(id);
  web.flush();
  for (const one of asked) {
    assertEquals((await one.answer()).text, String(one.requestId).slice(0, 3).padEnd(3).repeat(10));
  }
});

serveTest("serve interleaves streamed responses", {
  fetch(request) {
    let left = 20;
    return new Response(
      new ReadableStream({
        async pull(controller): Promise<void> {
          await new Promise((resolve) => setTimeout(resolve, 1));
          controller.enqueue(encode(request.url.slice(-1).repeat(100)));
          if (--left === 0) controller.close();
        },
      }),
    );
  },
}, async ({ connect }) => {
  const web = await connect();
  const asked = ["a", "b", "c"].map((uri, i) => web.ask({ requestId: i + 1, uri: `/${uri}` }));
  for (const [i, one] of asked.entries()) assertEquals((await one.answer()).text, "abc"[i]!.repeat(2000));
});

Deno.test("serve goes on with its siblings when one request's body is not read", async () => {
  const held = gate();
  await inScene({
    async fetch(request) {
      if (request.url.endsWith("/held")) await held.promise;
      return new Response(String((await request.text()).length));
    },
  }, async ({ connect }) => {
    const web = await connect();
    const body = new Uint8Array(400_000);
    const unread = web.begin({ requestId: 1, method: "POST", uri: "/held", params: { CONTENT_LENGTH: "400000" } });
    const first = web.ask({ requestId: 2, method: "POST", body: "first" });
    assertEquals((await first.answer()).text, "5");
    web.begin({ requestId: 3, uri: "/held" });
    await web.stdin(1, body);
    for (let i = 0; i < 10; i++) {
      assertEquals((await web.ask({ requestId: 2, method: "POST", body: "sibling" }).answer()).text, "7");
    }
    held.open();
    web.stdinEnd(1);
    assertEquals((await unread.answer()).text, "400000");
  });
});

serveTest(
  "serve answers FCGI_GET_VALUES",
  { fetch: () => new Response(), maxConnections: 17, maxRequests: 18 },
  async ({ connect }) => {
    const web = await connect();
    web.protocol.getValues(["FCGI_MPXS_CONNS", "FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_OTHER"]);
    web.flush();
    await web.until(() => web.values !== undefined, "the values");
    assertEquals(web.values, ["FCGI_MPXS_CONNS", "1", "FCGI_MAX_CONNS", "17", "FCGI_MAX_REQS", "18"]);
    assertEquals((await web.ask().answer()).status, 200);
  },
);

serveTest(
  "serve answers FCGI_GET_VALUES amid a request",
  { fetch: () => new Response("hello") },
  async ({ connect }) => {
    const web = await connect({ raw: true });
    const whole = requestBytes(true, 1);
    const question = recordBytes(FCGI_GET_VALUES, 0, "\x0f\0FCGI_MPXS_CONNS");
    // After BEGIN, which is 16 bytes, and cut in its midst.
    await web.send(whole.slice(0, 16), question.slice(0, 11));
    await web.send(question.slice(11), whole.slice(16));
    const seen = (): ReturnType<typeof recordsOf> => {
      try {
        return recordsOf(concat(web.chunks));
      } catch {
        return [];
      }
    };
    await web.until(() => seen().at(-1)?.type === FCGI_END_REQUEST, "the answer");
    assertEquals(seen()[0], { type: FCGI_GET_VALUES_RESULT, requestId: 0, content: "\x0f\x01FCGI_MPXS_CONNS1" });
  },
);

serveTest("serve answers FCGI_UNKNOWN_TYPE to management records that it does not know", {
  fetch: () => new Response("hello"),
}, async ({ connect }) => {
  const web = await connect();
  await web.send(recordBytes(77, 0, "whatever"), recordBytes(FCGI_UNKNOWN_TYPE + 200, 0));
  await web.until(() => web.unknownTypes.length === 2, "the answers");
  assertEquals(web.unknownTypes, [77, FCGI_UNKNOWN_TYPE + 200]);
  assertEquals((await web.ask().answer()).text, "hello");
});

serveTest("serve ignores records for requests that are not active", {
  fetch: () => new Response("hello"),
}, async ({ connect }) => {
  const web = await connect();
  const junk = [
    recordBytes(FCGI_STDIN, 9, "late"),
    recordBytes(FCGI_STDIN, 9),
    recordBytes(FCGI_PARAMS, 9, "junk"),
    recordBytes(FCGI_ABORT_REQUEST, 9),
    recordBytes(99, 9, "unknown"),
  ];
  await web.send(...junk);
  assertEquals((await web.ask().answer()).text, "hello");
  await web.send(...junk);
  assertEquals((await web.ask().answer()).text, "hello");
});

serveTest("serve takes PARAMS in any pieces, with any padding", {
  fetch: (request) => new Response(request.url + request.headers.get("x-long")?.length),
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.begin({ uri: "/cut", params: { HTTP_X_LONG: "y".repeat(300) } });
  const bytes = concat(web.protocol.writer.take());
  const params = recordsOf(bytes).filter(({ type }) => type === FCGI_PARAMS).map(({ content }) => content).join("");
  const padded = (content: string): Uint8Array => {
    const record = concat([recordBytes(FCGI_PARAMS, 1, content), new Uint8Array(255).fill(9)]);
    record[6] = 255;
    return record;
  };
  const pieces = [bytes.subarray(0, 16), ...[...params].map(padded), recordBytes(FCGI_PARAMS, 1)];
  await web.send(concat(pieces));
  assertEquals((await asked.answer()).text, "http://example.com/cut300");
});

serveTest("serve takes a request byte by byte", { fetch: () => new Response("hello") }, async ({ connect }) => {
  const web = await connect({ raw: true });
  for (const byte of requestBytes(false, 1)) await web.send(new Uint8Array([byte]));
  await web.untilEnded();
  assertEquals(recordsOf(concat(web.chunks)).at(-1)?.type, FCGI_END_REQUEST);
});
