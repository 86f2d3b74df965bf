import { FastResponse, type FinishedRequest, type Handler } from "@webfcgi/webfcgi";
import { assertEquals, assertGreater, assertMatch, assertRejects, assertStringIncludes } from "../std/assert.ts";
import { inScene, serveTest } from "./scene.ts";
import type { Answer } from "./web_server.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";
import { latin1Text, utf8Bytes } from "../helpers/bytes.ts";

const TEXT = "content-type: text/plain;charset=UTF-8\r\n";

/** A stream of these chunks, whatever they are. */
function streamOf(...chunks: unknown[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk as Uint8Array);
      controller.close();
    },
  });
}

/** Each response and the exact bytes that it is sent as. `R` is the runtime's own class, or ours. */
const exact:
  readonly (readonly [what: string, make: (R: typeof Response) => Response, sent: string, method?: string])[] = [
    ["text", (R) => new R("hello"), TEXT + "Content-Length: 5\r\nStatus: 200 OK\r\n\r\nhello"],
    ["empty text", (R) => new R(""), TEXT + "Content-Length: 0\r\nStatus: 200 OK\r\n\r\n"],
    ["UTF-8", (R) => new R("\u20ac"), TEXT + "Content-Length: 3\r\nStatus: 200 OK\r\n\r\n\xe2\x82\xac"],
    ["bytes", (R) => new R(utf8Bytes("hello")), "Content-Length: 5\r\nStatus: 200 OK\r\n\r\nhello"],
    ["an ArrayBuffer", (R) => new R(utf8Bytes("hello").buffer), "Content-Length: 5\r\nStatus: 200 OK\r\n\r\nhello"],
    [
      "a DataView",
      (R) => new R(new DataView(utf8Bytes("hello").buffer, 1, 3)),
      "Content-Length: 3\r\nStatus: 200 OK\r\n\r\nell",
    ],
    ["no body", (R) => new R(), "Content-Length: 0\r\nStatus: 200 OK\r\n\r\n"],
    ["null", (R) => new R(null, { status: 404 }), "Content-Length: 0\r\nStatus: 404 Not Found\r\n\r\n"],
    [
      "URLSearchParams",
      (R) => new R(new URLSearchParams({ a: "1", b: " &" })),
      "content-type: application/x-www-form-urlencoded;charset=UTF-8\r\nContent-Length: 10\r\nStatus: 200 OK\r\n\r\na=1&b=+%26",
    ],
    [
      "JSON",
      (R) => R.json({ a: [1, "\u20ac"] }),
      'content-type: application/json\r\nContent-Length: 15\r\nStatus: 200 OK\r\n\r\n{"a":[1,"\xe2\x82\xac"]}',
    ],
    [
      "JSON with a type and a status",
      (R) => R.json(null, { status: 201, headers: { "content-type": "application/problem+json" } }),
      "content-type: application/problem+json\r\nContent-Length: 4\r\nStatus: 201 Created\r\n\r\nnull",
    ],
    [
      "a redirect",
      (R) => R.redirect("http://example.com/x"),
      "location: http://example.com/x\r\nContent-Length: 0\r\nStatus: 302 Found\r\n\r\n",
    ],
    [
      "a permanent redirect",
      (R) => R.redirect("http://example.com/x", 308),
      "location: http://example.com/x\r\nContent-Length: 0\r\nStatus: 308 Permanent Redirect\r\n\r\n",
    ],
    [
      "a stream in one chunk",
      (R) => new R(streamOf(utf8Bytes("hello"))),
      "Content-Length: 5\r\nStatus: 200 OK\r\n\r\nhello",
    ],
    ["an empty stream", (R) => new R(streamOf()), "Content-Length: 0\r\nStatus: 200 OK\r\n\r\n"],
    [
      "a stream of empty chunks",
      (R) => new R(streamOf(new Uint8Array(0), utf8Bytes("a"), new Uint8Array(0))),
      "Content-Length: 1\r\nStatus: 200 OK\r\n\r\na",
    ],
    ["a stream in two chunks", (R) => new R(streamOf(utf8Bytes("a"), utf8Bytes("b"))), "Status: 200 OK\r\n\r\nab"],
    [
      "a stream with its length",
      (R) => new R(streamOf(utf8Bytes("a"), utf8Bytes("b")), { headers: { "content-length": "2" } }),
      "content-length: 2\r\nStatus: 200 OK\r\n\r\nab",
    ],
    [
      "text with its length",
      (R) => new R("ab", { headers: { "content-length": "2", "content-type": "a/b" } }),
      "content-type: a/b\r\nContent-Length: 2\r\nStatus: 200 OK\r\n\r\nab",
    ],
    // Headers copied to a text that was changed.
    ...["4", "6", "5, 6", "x", ""].map((length) =>
      [
        `text with a Content-Length of ${JSON.stringify(length)}`,
        (R: typeof Response) => new R("hello", { headers: { "content-length": length, "content-type": "a/b" } }),
        "content-type: a/b\r\nContent-Length: 5\r\nStatus: 200 OK\r\n\r\nhello",
      ] as const
    ),
    [
      "null with a Content-Length",
      (R) => new R(null, { headers: { "content-length": "77" } }),
      "Content-Length: 0\r\nStatus: 200 OK\r\n\r\n",
    ],
    // The web server sends a file: any length but that one's would be wrong.
    ...["X-Accel-Redirect", "X-Sendfile", "X-LIGHTTPD-send-file", "X-Reproxy-URL"].map((name) =>
      [
        `null with ${name} and a Content-Length`,
        (R: typeof Response) => new R(null, { headers: new Headers([["content-length", "77"], [name, "/f"]]) }),
        `${name.toLowerCase()}: /f\r\nStatus: 200 OK\r\n\r\n`,
      ] as const
    ),
    [
      "text with X-Sendfile",
      (R) => new R("hello", { headers: { "content-type": "a/b", "x-sendfile": "/f" } }),
      "content-type: a/b\r\nx-sendfile: /f\r\nContent-Length: 5\r\nStatus: 200 OK\r\n\r\nhello",
    ],
    [
      "a reason of its own",
      (R) => new R(null, { status: 299, statusText: "Fine By Me" }),
      "Content-Length: 0\r\nStatus: 299 Fine By Me\r\n\r\n",
    ],
    [
      "a status that no one knows",
      (R) => new R(null, { status: 599 }),
      "Content-Length: 0\r\nStatus: 599 Server Error\r\n\r\n",
    ],
    [
      "a latin1 header",
      (R) => new R(null, { headers: { "x-a": "caf\xe9" } }),
      "x-a: caf\xe9\r\nContent-Length: 0\r\nStatus: 200 OK\r\n\r\n",
    ],
    [
      "two cookies",
      (R) => new R(null, { headers: new Headers([["set-cookie", "a=1"], ["x-z", "1"], ["set-cookie", "b=2, c"]]) }),
      "x-z: 1\r\nset-cookie: a=1\r\nset-cookie: b=2, c\r\nContent-Length: 0\r\nStatus: 200 OK\r\n\r\n",
    ],
    [
      "hop-by-hop headers and a Status",
      (R) =>
        new R(null, {
          headers: {
            connection: "close",
            "keep-alive": "1",
            "proxy-connection": "x",
            status: "500",
            te: "x",
            trailer: "x",
            "transfer-encoding": "chunked",
            upgrade: "x",
            "x-ok": "1",
          },
        }),
      "x-ok: 1\r\nContent-Length: 0\r\nStatus: 200 OK\r\n\r\n",
    ],
    [
      "events",
      (R) => new R("data: x\n\n", { headers: { "content-type": "text/event-stream" } }),
      "content-type: text/event-stream\r\nContent-Length: 9\r\nX-Accel-Buffering: no\r\nStatus: 200 OK\r\n\r\ndata: x\n\n",
    ],
    [
      "events with buffering",
      (R) => new R("", { headers: { "content-type": "text/event-stream", "x-accel-buffering": "yes" } }),
      "content-type: text/event-stream\r\nx-accel-buffering: yes\r\nContent-Length: 0\r\nStatus: 200 OK\r\n\r\n",
    ],
    ["204", (R) => new R(null, { status: 204 }), "Status: 204 No Content\r\n\r\n"],
    ["205", (R) => new R(null, { status: 205 }), "Status: 205 Reset Content\r\n\r\n"],
    [
      "304",
      (R) => new R(null, { status: 304, headers: { etag: '"1"' } }),
      'etag: "1"\r\nStatus: 304 Not Modified\r\n\r\n',
    ],
    [
      "nothing to HEAD",
      (R) => new R(null, { headers: { "content-length": "77" } }),
      "content-length: 77\r\nStatus: 200 OK\r\n\r\n",
      "HEAD",
    ],
  ];

for (const [name, R] of [["Response", Response], ["FastResponse", FastResponse]] as const) {
  for (const [what, make, sent, method = "GET"] of exact) {
    // By its name, for `serve` may have put the global right since.
    const Class = (): typeof Response => R === FastResponse ? FastResponse : globalThis.Response;
    serveTest(`serve sends the same bytes everywhere when a ${name} is ${what}`, {
      fetch: () => make(Class()),
    }, async ({ connect }) => {
      const web = await connect();
      const asked = web.ask({ method });
      await asked.answer();
      assertEquals(latin1Text(asked.stdout), sent);
    });
  }

  serveTest(`serve sends no body to HEAD when a ${name} has one`, {
    fetch: (request) => new R(request.url.endsWith("/s") ? streamOf(utf8Bytes("a"), utf8Bytes("b")) : "hello"),
  }, async ({ connect }) => {
    const web = await connect();
    for (const uri of ["/", "/s"]) {
      const answer = await web.ask({ method: "HEAD", uri }).answer();
      const length = R === FastResponse && uri === "/" ? "5" : null;
      assertEquals([answer.status, answer.text, answer.headers.get("content-length")], [200, "", length]);
    }
  });

  // Its length is not told where the runtime, Node from 22 on, takes its time to read it.
  serveTest(`serve sends a Blob when it is the body of a ${name}`, {
    fetch: () => new R(new Blob(["hello"], { type: "a/b" })),
  }, async ({ ask }) => {
    const { head, text } = await ask();
    assertEquals(head.replace("Content-Length: 5\r\n", ""), "content-type: a/b\r\nStatus: 200 OK\r\n\r\n");
    assertEquals(text, "hello");
  });

  serveTest(`serve sends FormData when it is the body of a ${name}`, {
    fetch() {
      const form = new FormData();
      form.append("a", "1");
      return new R(form);
    },
  }, async ({ ask }) => {
    const { headers, text } = await ask();
    const type = headers.get("content-type") ?? "";
    assertMatch(type, /^multipart\/form-data; *boundary=/);
    const form = await new Response(text, { headers: { "content-type": type } }).formData();
    assertEquals(form.get("a"), "1");
  });

  for (const size of [1, 7, 8, 16_383, 16_384, 16_385, 65_527, 65_528, 65_529, 200_000]) {
    serveTest(`serve sends ${size} bytes whole when they are in a ${name}`, {
      fetch: () => new R(Uint8Array.from({ length: size }, (_, i) => i * 31 + (i >> 8))),
    }, async ({ ask }) => {
      const { body, headers } = await ask();
      assertEquals(body.length, size);
      // A native body above 16 KiB comes in as many chunks as the runtime likes.
      if (R === FastResponse || size <= 16_384) assertEquals(headers.get("content-length"), String(size));
      assertEquals(body.every((byte, i) => byte === ((i * 31 + (i >> 8)) & 255)), true);
    });
  }
}

/** A Response of no runtime's own class, as graphql-yoga makes them on Node. */
function foreignResponse(body: ReadableStream<Uint8Array> | null): Response {
  const headers = [["a", "1"], ["set-cookie", "b=2"], ["set-cookie", "c=3"], ["x", "broken\r\nstatus: 500"]] as const;
  const foreign = {
    status: 201,
    statusText: "",
    url: "",
    bodyUsed: false,
    headers: {
      forEach: (use: (value: string, name: string) => void) => headers.forEach(([name, value]) => use(value, name)),
      get: (name: string) => headers.find(([other]) => other === name)?.[1] ?? null,
      has: (name: string) => headers.some(([other]) => other === name),
      getSetCookie: () => ["b=2", "c=3"],
    },
    body: body && { locked: false, getReader: () => body.getReader() },
  };
  return foreign as unknown as Response;
}

serveTest("serve sends a Response of another implementation, and none of its fields that would break the head", {
  fetch: (request) => foreignResponse(request.method === "GET" ? streamOf(utf8Bytes("he"), utf8Bytes("llo")) : null),
}, async ({ connect }) => {
  const web = await connect();
  for (const [method, text] of [["GET", "hello"], ["POST", ""]] as const) {
    const answer = await web.ask({ method }).answer();
    assertEquals([answer.status, answer.text, answer.headers.get("a"), answer.headers.has("x")], [
      201,
      text,
      "1",
      false,
    ]);
    assertEquals(answer.headers.getSetCookie(), ["b=2", "c=3"]);
  }
});

/** Defines a test of an answer that is an error of the handler's. */
function failTest(what: string, fetch: Handler, message: string | RegExp, status = 500): void {
  serveTest(`serve answers ${status} and tells onError when ${what}`, { fetch }, async ({ connect, errors }) => {
    const web = await connect();
    const answer = await web.ask().answer();
    assertEquals([answer.status, answer.end.appStatus], [status, 0]);
    assertEquals(answer.text, "500 Internal Server Error\n");
    const told = errors.splice(0).map(String);
    assertEquals(told.length, 1);
    if (typeof message === "string") assertStringIncludes(told[0]!, message);
    else assertMatch(told[0]!, message);
    assertEquals((await web.ask({ uri: "/ok" }).answer()).status, 500);
    errors.length = 0;
  });
}

failTest("the response is Response.error()", () => Response.error(), "Cannot send response: its status is 0");
failTest("the handler returns nothing", () => undefined as never, "the handler returned undefined, not a Response");
failTest("the handler returns null", () => null as never, "the handler returned null");
failTest("the handler returns a string", () => "hello" as never, 'the handler returned "hello", not a Response');
failTest("the handler returns an object", () => ({ status: 200 }) as never, "the handler returned Object");
failTest(
  "the handler returns an object with a text for its body",
  () => ({ status: 200, headers: new Headers(), body: "hello" }) as never,
  "the handler returned Object, not a Response",
);
failTest("the handler resolves to nothing", () => Promise.resolve() as never, "the handler returned undefined");
failTest("the handler throws", () => {
  throw new Error("on purpose");
}, "Error: on purpose");
failTest("the handler throws no Error", () => {
  throw "a string";
}, "a string");
failTest("the handler rejects", () => Promise.reject(new Error("on purpose")), "Error: on purpose");
failTest("the body has been read", async () => {
  const response = new Response("x");
  await response.text();
  return response;
}, "its body has been read, or is being read, already");
failTest("the body is locked", () => {
  const response = new Response("x");
  response.body?.getReader();
  return response;
}, "its body has been read, or is being read, already");
failTest(
  "the stream has strings",
  () => new Response(streamOf("a string")),
  "its body's stream gave a chunk of type string, not a Uint8Array",
);
failTest(
  "the stream fails at once",
  () =>
    new Response(
      new ReadableStream({
        start(controller): void {
          controller.error(new Error("on purpose"));
        },
      }),
    ),
  "Error: on purpose",
);
for (const [length, how] of [["1", "more than the 1"], ["3", "only 2 of the 3"]] as const) {
  failTest(
    `a stream in one chunk does not fit its Content-Length of ${length}`,
    () => new Response(streamOf(utf8Bytes("ab")), { headers: { "content-length": length } }),
    `its body has ${how} bytes of its Content-Length`,
  );
}
failTest(
  "an empty stream has a Content-Length",
  () => new Response(streamOf(), { headers: { "content-length": "1" } }),
  "its body has only 0 of the 1 bytes of its Content-Length",
);
serveTest("serve sends a long text whole when its Content-Length does not fit", {
  fetch: () => new Response("x".repeat(200_000), { headers: { "content-length": "5", "x-other": "1" } }),
}, async ({ ask }) => {
  const { text, headers } = await ask();
  assertEquals([text.length, headers.get("x-other")], [200_000, "1"]);
  // Bun gives it in chunks.
  assertEquals(headers.get("content-length") ?? "200000", "200000");
});
failTest(
  "Content-Length of a stream is no number",
  () => new Response(streamOf(utf8Bytes("a"), utf8Bytes("b")), { headers: { "content-length": "5, 6" } }),
  'Content-Length is "5, 6"',
);
failTest(
  "the head is longer than a record",
  () => new Response("x", { headers: { "x-long": "y".repeat(70_000) } }),
  /RangeError: Cannot .* 65535/,
);

serveTest("serve sends nothing of what would split a response", {
  fetch() {
    const evil = "a\r\nset-cookie: evil=1\r\n\r\n<script>";
    const response = new Response("ok");
    const tries: (() => Response)[] = [
      () => new Response("ok", { statusText: evil }),
      () => new Response("ok", { statusText: "nul\0" }),
      () => new Response("ok", { statusText: "\u20ac" }),
      () => new Response("ok", { headers: { "x-evil": evil } }),
      () => new FastResponse("ok", { statusText: evil }),
      () => new FastResponse("ok", { headers: { "x-evil": evil, [evil]: "x", "x-nul": "a\0b", "x-wide": "\u20ac" } }),
      () => Object.defineProperty(response, "statusText", { value: evil }),
    ];
    return tries[turn++ % tries.length]!();
  },
}, async ({ connect, errors }) => {
  const web = await connect();
  for (turn = 0; turn < 7;) {
    const { head, text } = await web.ask().answer();
    if (head.includes("Status: 500")) continue;
    assertEquals(head.replace(/content-type: .*\r\n/, ""), "Content-Length: 2\r\nStatus: 200 OK\r\n\r\n");
    assertEquals(text, "ok");
  }
  errors.length = 0;
});
let turn = 0;

serveTest("serve drops a body that a response must not have", {
  fetch(request) {
    const status = Number(request.url.slice(-3));
    // Bun makes such a response; where the runtime does not, it is faked.
    return Object.defineProperty(new Response("body"), "status", { value: status });
  },
}, async ({ connect }) => {
  const web = await connect();
  for (const status of [204, 205, 304]) {
    const answer = await web.ask({ uri: `/${status}` }).answer();
    assertEquals([answer.status, answer.text, answer.headers.has("content-length")], [status, "", false]);
  }
});

for (const method of ["GET", "HEAD"]) {
  Deno.test(`serve cancels a body that is not sent to ${method}`, async () => {
    let cancelled = 0;
    const body = (): ReadableStream<Uint8Array> => new ReadableStream({ cancel: () => void cancelled++ });
    await inScene({
      fetch: () => Object.defineProperty(new Response(body()), "status", { value: method === "GET" ? 304 : 200 }),
    }, async ({ ask }) => {
      assertEquals((await ask({ method })).text, "");
      await until(() => cancelled === 1, "the body to be cancelled");
    });
  });
}

serveTest("serve uses up a response, in memory or not, and sends it once", {
  fetch: () => used,
}, async ({ connect, errors }) => {
  const web = await connect();
  for (
    const make of [() => new Response("text"), () => new Response(utf8Bytes("text")), () => new Response(streamOf())]
  ) {
    used = make();
    assertEquals((await web.ask().answer()).status, 200);
    assertEquals(used.bodyUsed, true);
    assertEquals((await web.ask().answer()).status, 500);
    assertMatch(String(errors.pop()), /its body has been read, or is being read, already/);
  }
});
let used = new Response();

serveTest("serve sends the body that a response shows, when it is not the one that it was made with", {
  fetch(request) {
    if (request.url.endsWith("/own")) {
      return Object.defineProperty(new Response("made"), "body", { value: streamOf(utf8Bytes("shown")) });
    }
    class Shown extends globalThis.Response {}
    return Object.defineProperty(new Shown("made"), "body", { value: streamOf(utf8Bytes("shown")) });
  },
}, async ({ connect }) => {
  const web = await connect();
  for (const uri of ["/own", "/class"]) assertEquals((await web.ask({ uri }).answer()).text, "shown");
});

serveTest("serve takes the body of an async iterable", {
  fetch: () =>
    new Response((async function* () {
      yield utf8Bytes("one ");
      await sleep(2);
      yield utf8Bytes("two");
    })() as never),
}, async ({ ask }) => assertEquals((await ask()).text, "one two"));

serveTest("serve sends the head with the first part of a stream, and each part at once", {
  fetch() {
    let part = 0;
    return new Response(
      new ReadableStream({
        async pull(controller): Promise<void> {
          await steps[part]!.promise;
          controller.enqueue(utf8Bytes(`part ${part++};`));
          if (part === steps.length) controller.close();
        },
      }, { highWaterMark: 0 }),
    );
  },
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.ask();
  let expected = "";
  for (const [i, step] of steps.entries()) {
    step.open();
    expected += `part ${i};`;
    await web.until(() => asked.bodyText === expected, expected);
  }
  await asked.answer();
});
const steps = [gate(), gate(), gate()];

/** A stream that fails after its first chunk was sent. */
function failing(): ReadableStream<Uint8Array> {
  let pulls = 0;
  return new ReadableStream({
    async pull(controller): Promise<void> {
      if (pulls++ === 0) return controller.enqueue(utf8Bytes("first"));
      await sleep(5);
      controller.error(new Error("on purpose"));
    },
  }, { highWaterMark: 0 });
}

const afterHead: readonly (readonly [what: string, make: () => Response, message: string])[] = [
  ["its stream fails", () => new Response(failing()), "Error: on purpose"],
  [
    "its stream is shorter than Content-Length",
    () => new Response(streamOf(utf8Bytes("a"), utf8Bytes("b")), { headers: { "content-length": "3" } }),
    "TypeError: Cannot send response: its body has only 2 of the 3 bytes of its Content-Length",
  ],
  [
    "its stream is longer than Content-Length",
    () =>
      new Response(streamOf(utf8Bytes("a"), utf8Bytes("b"), utf8Bytes("c")), { headers: { "content-length": "2" } }),
    "TypeError: Cannot send response: its body has more than the 2 bytes of its Content-Length",
  ],
  [
    "its stream turns to strings",
    () => new Response(streamOf(utf8Bytes("a"), "b")),
    "its body's stream gave a chunk of type string",
  ],
];

for (const [what, make, message] of afterHead) {
  serveTest(`serve closes the connection without END_REQUEST when the head is out and ${what}`, {
    fetch: make,
  }, async ({ connect, errors }) => {
    for (const keepConn of [true, false]) {
      const web = await connect({ raw: true });
      web.ask({ keepConn });
      await web.untilEnded();
      const got = latin1Text(web.chunks.reduce((all, chunk) => new Uint8Array([...all, ...chunk]), new Uint8Array(0)));
      assertGreater(got.length, 0);
      // Eight zero bytes are no record: nginx would take a mere close for the end of the response.
      assertEquals(got.slice(-8), "\0".repeat(8));
      assertEquals(got.includes("\x01\x03\0\x01\0\x08\0\0"), false);
      const told = errors.splice(0).map(String);
      assertEquals(told.length, 1);
      assertStringIncludes(told[0]!, message);
    }
  });
}

Deno.test("serve ends with appStatus 1 when the head is out and others are on the connection", async () => {
  const held = gate();
  await inScene({
    async fetch(request) {
      if (request.url.endsWith("/held")) await held.promise;
      else return new Response(failing());
      return new Response("held");
    },
  }, async ({ connect, errors }) => {
    const web = await connect();
    const sibling = web.ask({ requestId: 2, uri: "/held" });
    const answer: Answer = await web.ask({ requestId: 1 }).answer();
    assertEquals([answer.text, answer.end.appStatus], ["first", 1]);
    assertEquals(errors.splice(0).map(String), ["Error: on purpose"]);
    held.open();
    assertEquals((await sibling.answer()).text, "held");
    assertEquals((await web.ask({ uri: "/held" }).answer()).text, "held");
  });
});

Deno.test("info.completed settles with the fate of the response", async () => {
  const fates: string[] = [];
  await inScene({
    fetch(request, info) {
      info.completed.then(() => fates.push("sent"), (error) => fates.push(String(error)));
      return request.url.endsWith("/bad") ? new Response(failing()) : new Response("ok");
    },
  }, async ({ connect, errors }) => {
    const web = await connect();
    await web.ask().answer();
    await assertRejects(() => web.ask({ uri: "/bad" }).answer());
    await until(() => fates.length === 2, "both fates");
    assertEquals(fates, ["sent", "Error: on purpose"]);
    assertEquals(errors.splice(0).length, 1);
  });
});

Deno.test("serve goes on without an unread body after it has answered", async () => {
  let seen: Promise<unknown> = Promise.resolve();
  await inScene({
    fetch(request) {
      if (request.method === "POST") {
        seen = assertRejects(() => sleep(20).then(() => request.text()), Error, "the response has been sent");
      }
      return new Response("early");
    },
  }, async ({ connect }) => {
    const web = await connect();
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
    web.flush();
    assertEquals((await asked.answer()).text, "early");
    await web.stdin(1, "late body!");
    web.stdinEnd(1);
    await bounded(seen, "the body to fail");
    assertEquals((await web.ask().answer()).text, "early");
  });
});

Deno.test("serve sends a short text as it sends its bytes, whatever chars it and its head have", async () => {
  const texts = ["", "a", "\x7f", "\x80", "\xe9", "\u20ac", "\ud83d\ude00", "\ud83d"].flatMap((char) => {
    return [0, 1, 1022, 1023, 1024, 5000].flatMap((length) => {
      const filler = "x".repeat(length);
      return [char + filler, filler + char, filler.slice(1) + char];
    });
  });
  const fields: Record<string, string>[] = [{}, { "x-name": "caf\xe9" }, { "x-name": "y".repeat(5000) }];
  let at = 0;
  let headers: Record<string, string>;
  let finished = 0;
  const fetch: Handler = (request) => {
    const text = texts[at]!;
    const type = { "content-type": "text/plain;charset=UTF-8" };
    if (new URL(request.url).pathname === "/text") return new FastResponse(text, { headers: { ...headers, ...type } });
    return new FastResponse(new TextEncoder().encode(text), { headers: { ...headers, ...type } });
  };
  const onFinish = ({ bytesSent }: FinishedRequest): void => void (finished += bytesSent);
  for (const options of [{ fetch }, { fetch, onFinish }] as { fetch: Handler; onFinish?: typeof onFinish }[]) {
    await inScene(options, async ({ connect }) => {
      const web = await connect();
      let sent = 0;
      for (headers of fields) {
        for (at = 0; at < texts.length; at++) {
          const asText = await web.ask({ uri: "/text" }).answer();
          const asBytes = await web.ask({ uri: "/bytes" }).answer();
          assertEquals([asText.head, asText.body], [asBytes.head, asBytes.body], JSON.stringify(texts[at]));
          sent += 2 * utf8Bytes(texts[at]!).length;
        }
      }
      if (options.onFinish !== undefined) await until(() => finished === sent, `${sent} bytes to be reported`);
    });
  }
});

Deno.test("serve lives on when a handler answers HEAD with FormData", async () => {
  const fetch = (): Response => {
    const form = new FormData();
    form.set("file", new File([new Uint8Array(4 << 20)], "f"));
    return new Response(form);
  };
  await inScene({ fetch }, async ({ ask }) => {
    assertEquals((await ask({ method: "HEAD" })).text, "");
    // Node 24 throws several turns later, where nothing can catch it.
    await sleep(30);
  });
});
