import { LimitError, ProtocolError } from "@webfcgi/webfcgi";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "../std/assert.ts";
import { inScene, type SceneOptions, serveTest } from "../server/scene.ts";
import type { AskOptions } from "../server/web_server.ts";
import { IncomingBody } from "../../src/connection/incoming_body.ts";
import { isBun } from "../helpers/this_runtime.ts";
import { latin1Text, utf8Bytes } from "../helpers/bytes.ts";

/** Defines a test of what a handler reads of a body, with our own request and with the runtime's. */
function readTest(
  name: string,
  fetch: (request: Request) => Promise<unknown>,
  options: AskOptions,
  expected: unknown,
  { notBunsOwn = false } = {},
): void {
  for (const nativeRequest of notBunsOwn && isBun ? [false] : [false, true]) {
    serveTest(`${name}${nativeRequest ? " (native)" : ""}`, {
      request: nativeRequest ? "native" : "lazy",
      fetch: async (request) => new Response(JSON.stringify(await fetch(request))),
    }, async ({ connect }) => {
      const web = await connect();
      for (let i = 0; i < 2; i++) {
        assertEquals(JSON.parse((await web.ask({ method: "POST", ...options }).answer()).text), expected);
      }
    });
  }
}

readTest("request.text reads the body", (request) => request.text(), { body: "caf\xe9 \u20ac" }, "caf\xe9 \u20ac");
readTest("request.text drops a byte order mark", (request) => request.text(), { body: "\ufeffx" }, "x");
readTest(
  "request.text replaces what is no UTF-8",
  (request) => request.text(),
  { body: new Uint8Array([65, 255]) },
  "A\ufffd",
);
readTest("request.json reads the body", (request) => request.json(), { body: '{"a":[1]}' }, { a: [1] });
readTest(
  "request.json rejects what is no JSON",
  async (request) => {
    return (await assertRejects(() => request.json(), SyntaxError)).name;
  },
  { body: "{" },
  "SyntaxError",
);
readTest(
  "request.bytes gives memory of its own",
  async (request) => {
    // Deno's and Node 20's own Request may lack it.
    if (!("bytes" in request)) return [2, 2, "ab"];
    const bytes = await request.bytes();
    return [bytes.length, bytes.buffer.byteLength, latin1Text(bytes)];
  },
  { body: "ab" },
  [2, 2, "ab"],
);
readTest(
  "request.arrayBuffer gives memory of its own",
  async (request) => {
    const buffer = await request.arrayBuffer();
    return [
      buffer.byteLength,
      latin1Text(new Uint8Array(structuredClone(buffer, { transfer: [buffer] }))),
      buffer.byteLength,
    ];
  },
  { body: "ab" },
  [2, "ab", 0],
);
readTest(
  "request.blob has the body's type",
  async (request) => {
    const blob = await request.blob();
    return [blob.type, await blob.text()];
  },
  { body: "ab", params: { CONTENT_TYPE: "image/png" } },
  ["image/png", "ab"],
  { notBunsOwn: true },
);
readTest("request.formData reads a form", async (request) => [...await request.formData()], {
  body: "a=1&b=%C3%A9+%26&a=2",
  params: { CONTENT_TYPE: "application/x-www-form-urlencoded" },
}, [["a", "1"], ["b", "\xe9 &"], ["a", "2"]]);
readTest("request.formData reads a form of parts", async (request) => {
  const form = await request.formData();
  const file = form.get("f") as File;
  return [form.get("a"), file.name, file.type, await file.text()];
}, {
  params: { CONTENT_TYPE: "multipart/form-data; boundary=xyz" },
  body: '--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n--xyz\r\n' +
    'Content-Disposition: form-data; name="f"; filename="g.png"\r\nContent-Type: image/png\r\n\r\nfile\r\n--xyz--\r\n',
}, ["one", "g.png", "image/png", "file"]);
readTest(
  "request.formData rejects without a type",
  async (request) => {
    return (await assertRejects(() => request.formData(), TypeError)).name;
  },
  { body: "a=1" },
  "TypeError",
);
readTest(
  "request.body is a stream",
  async (request) => {
    const { body } = request;
    assertInstanceOf(body, ReadableStream);
    assertStrictEquals(request.body, body);
    const reader = body.getReader();
    let text = "";
    for (let read = await reader.read(); !read.done; read = await reader.read()) text += latin1Text(read.value);
    return text;
  },
  { body: "hello" },
  "hello",
);
readTest(
  "request.body has plain Uint8Arrays",
  async (request) => {
    for await (const chunk of request.body!) assertStrictEquals(chunk.constructor, Uint8Array);
    return "ok";
  },
  { body: "x".repeat(100_000) },
  "ok",
);
readTest(
  "request.body can be iterated",
  async (request) => {
    let length = 0;
    for await (const chunk of request.body!) length += chunk.length;
    return length;
  },
  { body: "x".repeat(100_000) },
  100_000,
);
readTest(
  "request.body can be read in two",
  async (request) => {
    const [one, two] = request.body!.tee();
    return Promise.all([new Response(one).text(), new Response(two).text()]);
  },
  { body: "hello" },
  ["hello", "hello"],
);
readTest(
  "request.clone has the body too",
  async (request) => {
    const clone = request.clone();
    assertInstanceOf(clone, Request);
    assertEquals([clone.method, clone.url, clone.headers.get("host")], ["POST", request.url, "example.com"]);
    return [await clone.text(), await request.text(), request.bodyUsed, clone.bodyUsed];
  },
  { body: "hello" },
  ["hello", "hello", true, true],
);
readTest(
  "request.bodyUsed turns true when the body is read",
  async (request) => {
    const before = request.bodyUsed;
    const text = request.text();
    const during = request.bodyUsed;
    await text;
    return [before, during, request.bodyUsed];
  },
  { body: "hello" },
  [false, true, true],
);
readTest(
  "request.text rejects when the body has been read",
  async (request) => {
    await request.text();
    for (const read of ["text", "json", "arrayBuffer", "blob", "formData"] as const) {
      await assertRejects(() => request[read](), TypeError);
    }
    assertThrows(() => request.clone(), TypeError);
    assertThrows(() => new Request(request), TypeError);
    return "ok";
  },
  { body: "hello" },
  "ok",
  { notBunsOwn: true },
);
readTest(
  "request.text rejects when the body is locked",
  async (request) => {
    const reader = request.body!.getReader();
    await assertRejects(() => request.text(), TypeError);
    assertThrows(() => request.clone(), TypeError);
    assertThrows(() => new Request(request), TypeError);
    reader.releaseLock();
    return await request.text();
  },
  { body: "hello" },
  "hello",
);
readTest(
  "request.body is null when there is none",
  async (request) => {
    return [request.body, request.bodyUsed, await request.text(), await request.text(), request.bodyUsed];
  },
  { method: "GET" },
  [null, false, "", "", false],
);
readTest("request.body is null when CONTENT_LENGTH is 0", async (request) => [request.body, await request.text()], {
  params: { CONTENT_LENGTH: "0" },
}, [null, ""]);
readTest("request.text reads to the end of STDIN without CONTENT_LENGTH", (request) => request.text(), {
  body: "hello",
  params: { CONTENT_LENGTH: undefined },
}, "hello");
readTest("request.text is empty without CONTENT_LENGTH and body", (request) => request.text(), {
  params: { CONTENT_LENGTH: "" },
}, "");
readTest(
  "request.text reads the body of any method but GET and HEAD",
  async (request) => {
    return [request.method, await request.text()];
  },
  { method: "PROPFIND", body: "hello" },
  ["PROPFIND", "hello"],
);
readTest("request.body is null for GET with a body", async (request) => [request.body, await request.text()], {
  method: "GET",
  body: "dropped",
}, [null, ""]);

readTest(
  "request.body can be piped through other streams",
  async (request) => {
    const text = request.body!.pipeThrough(new TransformStream()).pipeThrough(new CompressionStream("gzip"))
      .pipeThrough(new DecompressionStream("gzip"));
    return (await new Response(text).text()).length;
  },
  { body: "x".repeat(100_000) },
  100_000,
);
readTest(
  "request.body can be left midway",
  async (request) => {
    for await (const chunk of request.body!) return chunk.length > 0;
    return "nothing";
  },
  { body: "x".repeat(300_000) },
  true,
);
readTest(
  "request.body can be taken for another request's",
  async (request) => {
    const other = new Request("http://x/", { method: "PUT", body: request.body, duplex: "half" } as RequestInit);
    return [await other.text(), request.bodyUsed];
  },
  { body: "hello" },
  ["hello", true],
);

Deno.test("request.text waits for a body that comes in pieces", async () => {
  await inScene({ fetch: async (request) => new Response(await request.text()) }, async ({ connect }) => {
    const web = await connect();
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "9" } });
    for (const piece of ["one", "two", "six"]) {
      await web.stdin(1, piece);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    assertEquals(asked.end, undefined);
    web.stdinEnd(1);
    assertEquals((await asked.answer()).text, "onetwosix");
  });
});

for (const length of [1, 5000, 300_000, 1_048_576, 1_048_577, 2_300_000]) {
  for (const known of [true, false]) {
    // What is not wanted yet stays in the kernel, which does not hold all of a long body.
    for (const wantedAt of length > 5000 ? [0, 100_000] : [0, length]) {
      const what = `${length} bytes, their number ${known ? "" : "un"}known, from the byte ${wantedAt} on`;
      Deno.test(`request.bytes gives a body of ${what}`, async () => {
        const content = Uint8Array.from({ length }, (_, at) => at * 31 >> 3);
        let want!: () => void;
        const wanted = new Promise<void>((resolve) => want = resolve);
        const fetch = async (request: Request): Promise<Response> => {
          await wanted;
          const bytes = await request.bytes();
          // Of the caller's own, and of the plain kind: it may be transferred.
          assertEquals([bytes.constructor, bytes.buffer.byteLength], [Uint8Array, length]);
          return new Response(bytes);
        };
        await inScene({ fetch }, async ({ connect }) => {
          const web = await connect();
          const asked = web.begin({ method: "POST", params: known ? { CONTENT_LENGTH: String(length) } : {} });
          for (let at = 0; at < length; at += 65_000) {
            if (at >= wantedAt) want();
            await web.stdin(1, content.slice(at, at + 65_000));
          }
          web.stdinEnd(1);
          await new Promise((resolve) => setTimeout(resolve, 3));
          want();
          const answer = await asked.answer();
          assertEquals([answer.status, answer.body.length], [200, length]);
          assertEquals(answer.body.findIndex((byte, at) => byte !== content[at]), -1);
        });
      });
    }
  }
}

for (
  const [how, read] of [
    ["text", (request: Request) => request.text()],
    ["stream", (request: Request) => new Response(request.body).text()],
  ] as const
) {
  for (const nativeRequest of [false, true]) {
    const options: SceneOptions = {
      request: nativeRequest ? "native" : "lazy",
      fetch: async (request) => new Response(await read(request)),
    };
    const suffix = nativeRequest ? " (native)" : "";

    serveTest(
      `reading the body as ${how} fails when it is shorter than CONTENT_LENGTH${suffix}`,
      options,
      async ({ ask, errors }) => {
        const answer = await ask({ method: "POST", body: "hello", params: { CONTENT_LENGTH: "6" } });
        assertEquals(answer.status, 400);
        const [error] = errors.splice(0);
        assertInstanceOf(error, ProtocolError);
        assertEquals([error.code, error.message], [
          "UNEXPECTED_END",
          "Cannot read request body: it ended after 5 of its 6 bytes",
        ]);
      },
    );

    serveTest(
      `reading the body as ${how} fails when it is longer than CONTENT_LENGTH${suffix}`,
      options,
      async ({ ask, errors }) => {
        const answer = await ask({ method: "POST", body: "hello", params: { CONTENT_LENGTH: "4" } });
        assertEquals(answer.status, 400);
        const [error] = errors.splice(0);
        assertInstanceOf(error, ProtocolError);
        assertEquals(error.code, "BAD_LENGTH");
      },
    );

    serveTest(`serve answers 413 when the body read as ${how} goes past maxBodyBytes${suffix}`, {
      ...options,
      maxBodyBytes: 5,
    }, async ({ connect, errors }) => {
      const web = await connect();
      const params = { CONTENT_LENGTH: undefined };
      assertEquals((await web.ask({ method: "POST", body: "hello", params }).answer()).text, "hello");
      assertEquals((await web.ask({ method: "POST", body: "hello!", params }).answer()).status, 413);
      const [error] = errors.splice(0);
      assertInstanceOf(error, LimitError);
      assertEquals([error.limit, error.max], ["maxBodyBytes", 5]);
      assertEquals((await web.ask({ method: "POST", body: "again", params }).answer()).text, "again");
    });
  }
}

serveTest("serve answers 413 without asking the handler when CONTENT_LENGTH is past maxBodyBytes", {
  maxBodyBytes: 5,
  fetch: async (request) => new Response(await request.text()),
}, async ({ connect }) => {
  const web = await connect();
  assertEquals((await web.ask({ method: "POST", body: "hello!" }).answer()).status, 413);
  assertEquals((await web.ask({ method: "POST", body: "hello" }).answer()).text, "hello");
});

serveTest("serve reads on after bodies that no one has read", {
  async fetch() {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return new Response("ignored");
  },
}, async ({ connect }) => {
  const web = await connect();
  // Whole within what may wait unread: 60,000 bytes each.
  for (let i = 0; i < 5; i++) {
    assertEquals((await web.ask({ method: "POST", body: new Uint8Array(60_000) }).answer()).text, "ignored");
  }
});

serveTest("serve lets a handler cancel the body", {
  async fetch(request) {
    const reader = request.body!.getReader();
    assert(!(await reader.read()).done);
    await reader.cancel();
    return new Response(String(request.bodyUsed));
  },
}, async ({ connect }) => {
  const web = await connect();
  for (let i = 0; i < 3; i++) {
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "200000" } });
    await web.stdin(1, utf8Bytes("x".repeat(200_000)));
    assertEquals((await asked.answer()).text, "true");
    web.stdinEnd(1);
  }
});

Deno.test("IncomingBody.fail ends its stream at once, before what the stream still holds has been read", async () => {
  const body = new IncomingBody({ name: "request body" }, { buffered: () => {} });
  for (const byte of [1, 2]) body.push(new Uint8Array([...new Uint8Array(8), byte]).subarray(8), false);
  const reader = body.stream.getReader();
  assertEquals((await reader.read()).value, new Uint8Array([1]));
  const failure = new Error("on purpose");
  body.fail(failure);
  assertStrictEquals(await reader.read().catch((error) => error), failure);
  assertStrictEquals(await reader.closed.catch((error) => error), failure);
});

Deno.test("IncomingBody.takeWhole gives a body that has ended, once, and no other", () => {
  const changes: number[] = [];
  const body = new IncomingBody({ name: "response body" }, { buffered: (delta) => changes.push(delta) });
  body.push(new Uint8Array([1, 2]), true);
  assertEquals(body.takeWhole(), undefined);
  body.end();
  assertEquals(body.takeWhole(), new Uint8Array([1, 2]));
  assertEquals([body.takeWhole(), changes], [undefined, [2, -2]]);
});
