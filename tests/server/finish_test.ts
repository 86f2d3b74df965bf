// onFinish, and what stats count: what became of each request.

import type { FinishedRequest } from "@webfcgi/webfcgi";
import { FCGI_AUTHORIZER, FCGI_OVERLOADED, FCGI_UNKNOWN_ROLE } from "@webfcgi/webfcgi/codec";
import { MAX_UNFINISHED_REQUESTS } from "../../src/server/shared.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { gate, until } from "../helpers/waiting.ts";
import { inScene, type Scene, type SceneOptions } from "./scene.ts";
import { latin1Text } from "../helpers/bytes.ts";
import { recordBytes } from "./web_server.ts";

const hello = (): Response => new Response("hello");

/** Defines a test of a server whose `onFinish` writes down what it is called with. */
function finishTest(
  name: string,
  options: SceneOptions,
  body: (finished: FinishedRequest[], scene: Scene) => Promise<void>,
): void {
  Deno.test(name, () => {
    const finished: FinishedRequest[] = [];
    return inScene({ onFinish: (it) => void finished.push(it), ...options }, (scene) => body(finished, scene));
  });
}

/** What is the same whenever a test runs. */
function brief({ request, status, outcome, reason, bytesReceived, bytesSent }: FinishedRequest): unknown[] {
  return [request?.method, status, outcome, reason, bytesReceived, bytesSent];
}

finishTest("onFinish is called once for a request that was sent", {
  fetch: async (request) => new Response(`got ${(await request.text()).length}`, { status: 201 }),
}, async (finished, { ask, server }) => {
  const before = performance.now();
  await ask({ method: "POST", uri: "/a?b", body: "12345" });
  assertEquals(finished.map(brief), [["POST", 201, "sent", undefined, 5, 5]]);
  const [{ info, request, error, startTime, headTime, endTime }] = finished as [FinishedRequest];
  assertEquals([info.requestUri, request?.url, error], ["/a?b", "http://example.com/a?b", undefined]);
  assert(before <= startTime && startTime <= headTime! && headTime! <= endTime && endTime <= performance.now());
  const { requests, refused, aborted, accepted, peakRequests } = server.stats();
  assertEquals([requests, refused, aborted, accepted, peakRequests], [1, 0, 0, 1, 1]);
  assert(server.stats().startTime <= startTime);
});

finishTest("onFinish counts the bytes of a stream, and none of a HEAD's", {
  fetch: () => {
    const lengths = [1000, 100_000];
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve));
      const length = lengths.shift();
      if (length === undefined) controller.close();
      else controller.enqueue(new Uint8Array(length));
    };
    return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
  },
}, async (finished, { ask }) => {
  await ask();
  await ask({ method: "HEAD" });
  assertEquals(finished.map(brief), [["GET", 200, "sent", undefined, 0, 101_000], [
    "HEAD",
    200,
    "sent",
    undefined,
    0,
    0,
  ]]);
});

finishTest("onFinish is called for requests that no handler is asked for", {
  maxBodyBytes: 3,
  maxParamsBytes: 2000,
  fetch: hello,
}, async (finished, { ask, server }) => {
  await ask({ params: { REQUEST_METHOD: undefined } });
  await ask({ method: "CONNECT" });
  await ask({ params: { HTTP_HOST: "a b" } });
  await ask({ method: "POST", body: "1234" });
  await ask({ params: { HTTP_LONG: "x".repeat(2000) } });
  assertEquals(finished.map(brief), [
    [undefined, 400, "refused", "method", 0, 16],
    [undefined, 501, "refused", "method", 0, 20],
    [undefined, 400, "refused", "url", 0, 16],
    [undefined, 413, "refused", "maxBodyBytes", 4, 22],
    [undefined, 431, "refused", "maxParamsBytes", 0, 36],
  ]);
  assertEquals(finished[2]!.info.params.get("HTTP_HOST"), "a b");
  assertEquals([server.stats().requests, server.stats().refused], [5, 5]);
});

Deno.test("onFinish is called for requests beyond maxRequests, and stats know the peak", async () => {
  const finished: FinishedRequest[] = [];
  const { promise, open } = gate<Response>();
  const options = { maxRequests: 1, onFinish: (it: FinishedRequest) => void finished.push(it), fetch: () => promise };
  await inScene(options, async ({ ask, connect, server }) => {
    const web = await connect();
    const first = web.ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    assertEquals((await ask()).status, 503);
    open(hello());
    await first.answer();
    assertEquals(finished.map(brief), [
      [undefined, 503, "refused", "maxRequests", 0, 24],
      ["GET", 200, "sent", undefined, 0, 5],
    ]);
    assertEquals([server.stats().peakRequests, server.stats().refused], [2, 1]);
  });
});

finishTest("onFinish is called for requests that the protocol refuses", { fetch: hello }, async (finished, scene) => {
  const web = await scene.connect();
  const { end } = await web.ask({ role: FCGI_AUTHORIZER, keepConn: true, params: {} }).answer();
  assertEquals(end.protocolStatus, FCGI_UNKNOWN_ROLE);
  await web.close();
  const flooded = await scene.connect({ raw: true });
  const begin = (id: number): Uint8Array => recordBytes(1, id, [0, 1, 1, 0, 0, 0, 0, 0]);
  await flooded.send(...Array.from({ length: MAX_UNFINISHED_REQUESTS + 1 }, (_, at) => begin(at + 1)));
  await flooded.until(() => flooded.chunks.length > 0, "END_REQUEST");
  assertEquals(latin1Text(flooded.chunks[0]!).charCodeAt(12), FCGI_OVERLOADED);
  assertEquals(finished.map(brief), [
    [undefined, 0, "refused", "unknown role", 0, 0],
    [undefined, 0, "refused", "overloaded", 0, 0],
  ]);
  assertEquals(finished.map(({ info, headTime }) => [info.role, info.requestUri, headTime]), [
    ["authorizer", "/", undefined],
    ["responder", "/", undefined],
  ]);
  assertEquals([scene.server.stats().refused, scene.server.stats().activeRequests], [2, 0]);
});

finishTest("onFinish is given what a handler throws, with the status that was sent instead", {
  fetch: (request) => {
    if (request.url.endsWith("/page")) throw new RangeError("page");
    throw undefined;
  },
  onError: (error) => error instanceof RangeError ? new Response("sorry", { status: 502 }) : undefined,
}, async (finished, { ask }) => {
  await ask({ uri: "/page" });
  await ask();
  assertEquals(finished.map(brief), [
    ["GET", 502, "sent", "RangeError", 0, 5],
    ["GET", 500, "sent", "error", 0, 26],
  ]);
  assertEquals(finished.map(({ error }) => error instanceof RangeError), [true, false]);
});

finishTest("onFinish names the limit that a body went past", {
  maxBodyBytes: 3,
  fetch: async (request) => new Response(await request.text()),
  onError: () => {},
}, async (finished, { ask }) => {
  await ask({ method: "POST", body: "1234", params: { CONTENT_LENGTH: "" } });
  assertEquals(finished.map(brief), [["POST", 413, "sent", "maxBodyBytes", 4, 22]]);
});

finishTest("onFinish calls a response broken that fails after its head", {
  fetch: () =>
    new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(new Uint8Array(10));
          await new Promise((resolve) => setTimeout(resolve, 20));
          controller.error(new TypeError("torn"));
        },
      }),
    ),
  onError: () => {},
}, async (finished, { connect }) => {
  const web = await connect();
  web.ask();
  await web.untilEnded();
  assertEquals(finished.map(brief), [["GET", 200, "broken", "TypeError", 0, 10]]);
  assertEquals((finished[0]!.error as Error).message, "torn");
});

finishTest("onFinish calls a request aborted when the web server leaves", {
  fetch: (request) =>
    new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason))),
}, async (finished, { connect, server }) => {
  const web = await connect();
  web.ask();
  await until(() => server.stats().activeRequests === 1, "the request");
  await web.close();
  await until(() => finished.length > 0, "onFinish");
  const [{ request, outcome, reason, error }] = finished as [FinishedRequest];
  assertEquals([outcome, reason, error], ["aborted", "client left", request?.signal.reason]);
  assertEquals([server.stats().aborted, server.stats().refused], [1, 0]);
});

Deno.test("onFinish calls requests aborted when the server is closed", async () => {
  const finished: FinishedRequest[] = [];
  const onFinish = (it: FinishedRequest): void => void finished.push(it);
  await inScene({ onFinish, fetch: () => new Promise<Response>(() => {}) }, async ({ connect, server }) => {
    (await connect()).ask();
    await until(() => server.stats().activeRequests === 1, "the request");
    await server.close();
    assertEquals(finished.map(brief), [["GET", 0, "aborted", "server closed", 0, 0]]);
  });
});

Deno.test("onFinish names requestTimeoutMs when a request takes longer", async () => {
  const finished: FinishedRequest[] = [];
  const onFinish = (it: FinishedRequest): void => void finished.push(it);
  const fetch = (): Promise<Response> => new Promise(() => {});
  await inScene({ onFinish, requestTimeoutMs: 20, fetch }, async ({ ask }) => {
    assertEquals((await ask()).status, 503);
    assertEquals(finished.map(brief), [["GET", 503, "aborted", "requestTimeoutMs", 0, 24]]);
  });
});

Deno.test("onFinish does not touch the request when it throws or rejects", async () => {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line: string) => void lines.push(line.split("\n")[0]!);
  try {
    const rejects = (): Promise<never> => Promise.reject(new Error("later"));
    const throws = (): never => {
      throw new Error("now");
    };
    for (const onFinish of [rejects as () => void, throws]) {
      await inScene({ onFinish, fetch: hello }, async ({ ask }) => {
        assertEquals((await ask()).text, "hello");
      });
    }
  } finally {
    console.error = error;
  }
  const where = "webfcgi: GET http://example.com/: onFinish failed: Error: ";
  assertEquals(lines, ["later", "now"].map((message) => where + message));
});
