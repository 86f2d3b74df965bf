import { FastResponse, type Handler, RequestAbortedError } from "@webfcgi/webfcgi";
import { FCGI_END_REQUEST, FCGI_STDOUT } from "@webfcgi/webfcgi/codec";
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "../std/assert.ts";
import { inScene, type Scene, type SceneOptions } from "./scene.ts";
import { requestBytes } from "./web_server.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";
import { concat, latin1Text, utf8Bytes } from "../helpers/bytes.ts";
import { recordsOf } from "../helpers/records.ts";

/** Defines a test of a handler that misbehaves; `/ok` is answered all the same, at once and at the end too. */
function badTest(name: string, options: SceneOptions, body: (scene: Scene) => Promise<void>): void {
  const fetch: SceneOptions["fetch"] = (request, info) =>
    request.url.endsWith("/ok") ? new Response("ok") : options.fetch!(request, info);
  Deno.test(name, () =>
    inScene({ ...options, fetch }, async (scene) => {
      seen.length = 0;
      await body(scene);
      assertEquals((await bounded(scene.ask({ uri: "/ok" }), "an answer")).text, "ok");
      await until(() => scene.server.stats().activeRequests === 0, "the requests to end");
    }));
}

/** Runs with nothing written to the console. */
async function inSilence(run: () => Promise<void>): Promise<void> {
  const { error } = console;
  console.error = () => {};
  try {
    await run();
  } finally {
    console.error = error;
  }
}

class Unwritable extends Error {
  override get message(): string {
    throw new Error("message on purpose");
  }
  override get stack(): string {
    throw new Error("stack on purpose");
  }
}

const thrown: readonly (readonly [what: string, value: unknown])[] = [
  ["nothing", undefined],
  ["null", null],
  ["a number", 4],
  ["a symbol", Symbol("on purpose")],
  ["an object without a prototype", Object.create(null)],
  ["an object that cannot be a string", { toString: null, valueOf: null }],
  ["an error that has no text", new Unwritable()],
  ["an error whose stack is no string", Object.defineProperty(new Error(), "stack", { value: { a: 1 } })],
];

for (const [what, value] of thrown) {
  for (const how of ["throws", "rejects with"] as const) {
    for (const told of [true, false]) {
      badTest(`serve answers 500 when a handler ${how} ${what} and there is ${told ? "an" : "no"} onError`, {
        ...(told ? {} : { onError: undefined as never }),
        fetch() {
          if (how === "throws") throw value;
          return Promise.reject(value);
        },
      }, async ({ ask, errors, server }) => {
        await inSilence(async () => {
          const answer = await ask();
          assertEquals([answer.status, answer.text], [500, "500 Internal Server Error\n"]);
        });
        assertEquals(server.stats().errors, 1);
        assertEquals(errors.splice(0), told ? [value] : []);
      });
    }
  }
}

badTest("serve answers 500 when onError throws what cannot be written", {
  onError() {
    throw new Unwritable();
  },
  fetch() {
    throw new Unwritable();
  },
}, async ({ ask }) => {
  await inSilence(async () => assertEquals((await ask()).status, 500));
});

/** A Response whose parts cannot be read. */
function unreadable(name: string): Response {
  return Object.defineProperty(new Response("x"), name, {
    get() {
      throw new Error(`${name} on purpose`);
    },
  });
}

const bad: readonly (readonly [what: string, fetch: Handler, told: string])[] = [
  ["a response of status 101", () => new Response(null, { status: 101 }), "101|status"],
  ["a FastResponse of status 101", () => new FastResponse(null, { status: 101 }), "101|status"],
  ["a FastResponse that has been read", async () => {
    const response = new FastResponse("x");
    await response.text();
    return response;
  }, "its body has been read"],
  ["a response whose clone is being read", () => {
    const response = new Response("x");
    response.body!.getReader();
    return response;
  }, "its body has been read"],
  ["a response without status", () => unreadable("status"), "status on purpose"],
  ["a response without headers", () => unreadable("headers"), "headers on purpose"],
  ["a response without body", () => unreadable("body"), "body on purpose"],
  [
    "a response of status NaN",
    () => Object.defineProperty(new Response("x"), "status", { value: NaN }),
    "status is NaN",
  ],
  [
    "a response of status 299.5",
    () => Object.defineProperty(new Response("x"), "status", { value: 299.5 }),
    "status is 299.5",
  ],
  ["a then that throws", () => ({
    get then() {
      throw new Error("then on purpose");
    },
  } as never), "then on purpose"],
  ["a Request", (request) => request as never, "the handler returned Request"],
  ["a constructor that throws", () => ({
    get constructor() {
      throw new Error("constructor on purpose");
    },
  } as never), "constructor on purpose"],
  ["a promise in a promise of nothing", () => Promise.resolve(Promise.resolve(undefined as never)), "undefined"],
];

for (const [what, fetch, told] of bad) {
  badTest(`serve answers 500 and tells onError when a handler returns ${what}`, { fetch }, async (scene) => {
    const web = await scene.connect();
    for (let i = 0; i < 2; i++) {
      const answer = await web.ask().answer();
      assertEquals([answer.status, answer.text, answer.end.appStatus], [500, "500 Internal Server Error\n", 0]);
    }
    const errors = scene.errors.splice(0).map(String);
    assertEquals(errors.length, 2);
    for (const error of errors) assert(told.split("|").some((part) => error.includes(part)), error);
  });
}

// What no one reads to its end is told so.

/** A stream that never ends by itself, and notes why it was cancelled. */
function endless(first: Uint8Array[], cancelled: unknown[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller): void | Promise<void> {
      const part = first.shift();
      if (part === undefined) return new Promise<void>(() => {});
      controller.enqueue(part);
    },
    cancel: (reason) => void cancelled.push(reason),
  }, { highWaterMark: 0 });
}

for (
  const [what, make, headOut] of [
    [
      "its Content-Length is no number",
      (body: BodyInit) => new Response(body, { headers: { "content-length": "x" } }),
      false,
    ],
    [
      "its head is too long",
      (body: BodyInit) => new Response(body, { headers: { "x-long": "y".repeat(70_000) } }),
      false,
    ],
    [
      "its status is none",
      (body: BodyInit) => Object.defineProperty(new Response(body), "status", { value: 99 }),
      false,
    ],
    [
      "it is longer than Content-Length",
      (body: BodyInit) => new Response(body, { headers: { "content-length": "3" } }),
      true,
    ],
  ] as const
) {
  Deno.test(`serve cancels a response's stream when ${what}`, async () => {
    const cancelled: unknown[] = [];
    const fetch = (request: Request): Response =>
      request.url.endsWith("/ok")
        ? new Response("ok")
        : make(endless([utf8Bytes("ab"), utf8Bytes("cd"), utf8Bytes("ef")], cancelled));
    await inScene({ fetch }, async ({ connect, errors, ask }) => {
      const web = await connect({ raw: true });
      web.ask({ keepConn: false });
      await web.untilEnded();
      const types = recordsOf(concat(web.chunks).slice(0, headOut ? -8 : undefined)).map(({ type }) => type);
      assertEquals(types.at(-1), headOut ? FCGI_STDOUT : FCGI_END_REQUEST);
      await until(() => cancelled.length > 0, "the stream to be cancelled");
      assertEquals([cancelled.length, errors.splice(0).length], [1, 1]);
      assertEquals((await bounded(ask({ uri: "/ok" }), "an answer")).text, "ok");
    });
  });
}

badTest("serve cancels a stream that gives strings", {
  fetch: () => new Response(endless(["a string" as never], seen)),
}, async ({ ask, errors }) => {
  assertEquals((await ask()).status, 500);
  await until(() => seen.length > 0, "the stream to be cancelled");
  assertEquals([seen.splice(0).length, errors.splice(0).length], [1, 1]);
});
const seen: unknown[] = [];

for (const [what, first] of [["has begun", utf8Bytes("first")], ["gives nothing", undefined]] as const) {
  Deno.test(`serve cancels a stream that ${what} when it was returned after the web server had left`, async () => {
    const seen: unknown[] = [];
    await inScene({
      async fetch(request, info) {
        info.completed.catch((error) => seen.push(error));
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        return new Response(endless(first === undefined ? [] : [first], seen));
      },
    }, async ({ connect, server }) => {
      const web = await connect();
      web.ask();
      await until(() => server.stats().activeRequests === 1, "the request");
      web.halfClose();
      await sleep(20);
      assertEquals(seen, []);
      // Otherwise a connection whose other side has ended is given 10 s.
      await bounded(server.close(), "close");
      await until(() => seen.length === 2, "the stream and completed");
      for (const reason of seen) assertInstanceOf(reason, RequestAbortedError);
    });
  });
}

badTest("serve cancels a stream that goes on for ever when the web server leaves", {
  fetch: () => {
    const pull = async (controller: ReadableStreamDefaultController): Promise<void> => {
      await sleep(1);
      pulls++;
      controller.enqueue(utf8Bytes("more "));
    };
    return new Response(new ReadableStream({ pull, cancel: (reason) => void seen.push(reason) }, { highWaterMark: 0 }));
  },
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.ask();
  await web.until(() => asked.length > 100, "some of it");
  await web.close();
  await until(() => seen.length === 1, "the stream to be cancelled");
  assertInstanceOf(seen.pop(), RequestAbortedError);
  const before = pulls;
  await sleep(20);
  assert(pulls <= before + 1, `${pulls - before} more`);
});
let pulls = 0;

badTest("serve tells info.completed of a response that breaks off, whatever its stream failed with", {
  fetch(_, info) {
    info.completed.then(() => seen.push("sent"), (error) => seen.push(error));
    let pulls = 0;
    return new Response(
      new ReadableStream({
        async pull(controller): Promise<void> {
          if (pulls++ === 0) return controller.enqueue(utf8Bytes("first"));
          await sleep(5);
          controller.error(undefined);
        },
      }, { highWaterMark: 0 }),
    );
  },
}, async ({ connect, errors }) => {
  const web = await connect({ raw: true });
  web.ask();
  await web.untilEnded();
  assertEquals(latin1Text(concat(web.chunks)).slice(-8), "\0".repeat(8));
  await until(() => seen.length === 1, "completed to settle");
  assertEquals([seen.splice(0), errors.splice(0)], [[undefined], [undefined]]);
});

badTest("serve sends the stream that onError answers with after another has failed", {
  onError: () => new Response(new Response("for the error").body, { status: 502 }),
  fetch: () => new Response(new ReadableStream({ pull: () => Promise.reject(new Error("on purpose")) })),
}, async ({ ask }) => {
  const { status, text } = await ask();
  assertEquals([status, text], [502, "for the error"]);
});

// What a handler leaves behind.

badTest("a handler that reads the body and does not wait leaves no rejection behind", {
  fetch(request) {
    request.text();
    return new Response("early");
  },
}, async ({ connect }) => {
  const web = await connect();
  for (const read of [false, true]) {
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
    if (read) web.protocol.stdin(1, utf8Bytes("half"));
    web.flush();
    assertEquals((await asked.answer()).text, "early");
    await web.stdin(1, "late");
    web.stdinEnd(1);
  }
  await sleep(10);
});

badTest("a handler whose promises reject in turn leaves no rejection behind when the web server leaves", {
  async fetch(request, info) {
    void info.completed;
    info.completed.catch(() => {});
    await Promise.allSettled([request.text(), request.text()]);
    seen.push(request.signal.reason);
    throw request.signal.reason;
  },
}, async ({ connect, server }) => {
  const web = await connect({ node: true });
  web.begin({ method: "POST", params: { CONTENT_LENGTH: "10" } });
  await web.stdin(1, "half");
  await until(() => server.stats().activeRequests === 1, "the request");
  web.reset();
  await until(() => seen.length === 1, "the handler");
  assertInstanceOf(seen.pop(), RequestAbortedError);
  await until(() => server.stats().connections === 0, "the connection to go");
});

badTest("serve ends a request that is never answered when the web server aborts it, and takes the next", {
  fetch: () => new Promise(() => {}),
}, async ({ connect }) => {
  const web = await connect();
  for (let i = 0; i < 3; i++) {
    const asked = web.ask();
    web.protocol.abort(1);
    web.protocol.abort(1);
    web.flush();
    await web.until(() => asked.end !== undefined, "END_REQUEST");
  }
  assertEquals((await web.ask({ uri: "/ok" }).answer()).text, "ok");
});

badTest("serve sends a late response to no one when its request has timed out", {
  requestTimeoutMs: 20,
  async fetch(_, info) {
    await late.promise;
    info.log("dropped");
    return new Response(endless([], seen));
  },
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.ask();
  assertEquals((await asked.answer()).status, 503);
  const { length } = asked;
  late.open();
  await until(() => seen.length === 1, "the late response to be cancelled");
  seen.length = 0;
  assertEquals((await web.ask({ requestId: 2, uri: "/ok" }).answer()).text, "ok");
  assertEquals(asked.length, length);
});
const late = gate();

badTest("a handler may close the server while it is asked", {
  fetch: () => Promise.resolve(new Response("x")),
}, async () => {
  await inScene({
    fetch() {
      closing = server?.close();
      return new Response("x");
    },
  }, async (inner) => {
    server = inner.server;
    const web = await inner.connect({ raw: true });
    await web.send(requestBytes(true, 1));
    await web.untilEnded();
    await bounded(closing!, "close");
    server = undefined;
  });
});
let server: Scene["server"] | undefined;
let closing: Promise<void> | undefined;

badTest("an abort listener may close the server", {
  fetch: () => Promise.resolve(new Response("x")),
}, async () => {
  await inScene({
    fetch(request) {
      request.signal.addEventListener("abort", () => {
        seen.push(request.signal.reason);
        closing = server?.close();
      });
      return new Promise(() => {});
    },
  }, async (inner) => {
    server = inner.server;
    const web = await inner.connect();
    web.ask({ requestId: 1 });
    web.ask({ requestId: 2 });
    await until(() => inner.server.stats().activeRequests === 2, "the requests");
    web.protocol.abort(1);
    web.flush();
    await web.untilEnded();
    await bounded(closing!, "close");
    assertEquals([seen.splice(0).length, inner.server.stats().activeRequests], [2, 0]);
    server = undefined;
  });
});

badTest("request.arrayBuffer gives memory of its own when there is no body", {
  async fetch(request) {
    const buffer = await request.arrayBuffer();
    structuredClone(buffer, { transfer: [buffer] });
    return new Response(String(buffer.byteLength));
  },
}, async ({ connect }) => {
  const web = await connect();
  for (let i = 0; i < 2; i++) assertEquals((await web.ask().answer()).text, "0");
});

badTest("info.log takes whatever it is given", {
  fetch(_, info) {
    info.log("line\nbreak\0");
    try {
      info.log(undefined as never);
    } catch (error) {
      assertInstanceOf(error, TypeError);
    }
    return new Response("logged");
  },
}, async ({ ask }) => {
  const { text, stderr } = await ask();
  assertEquals(text, "logged");
  assertStringIncludes(stderr, "line\n  break\\x00\n");
});
