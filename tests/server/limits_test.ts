import { LimitError } from "@webfcgi/webfcgi";
import { encodePairs, FCGI_BEGIN_REQUEST, FCGI_OVERLOADED, FCGI_PARAMS, FCGI_STDIN } from "@webfcgi/webfcgi/codec";
import { MAX_PARAMS, MAX_REQUESTS_PER_CONNECTION } from "../../src/server/admission.ts";
import { MAX_UNREAD_BYTES } from "../../src/server/connection.ts";
import { MAX_UNFINISHED_REQUESTS } from "../../src/server/shared.ts";
import { MAX_HELD_PARAMS_BYTES } from "../../src/server/held_params.ts";
import { assertEquals, assertInstanceOf } from "../std/assert.ts";
import { TurnedClock } from "../turned_clock.ts";
import { FakeConnection } from "./fake_connection.ts";
import { inScene, type Scene, type SceneOptions } from "./scene.ts";
import { type Asked, recordBytes, type WebServer } from "./web_server.ts";
import { bounded, gate, sleep, until } from "../helpers/waiting.ts";
import { concat, utf8Bytes } from "../helpers/bytes.ts";

/** Defines a test whose server must answer at once when all is over. */
function limitTest(name: string, options: SceneOptions, body: (scene: Scene) => Promise<void>): void {
  Deno.test(name, () =>
    inScene(options, async (scene) => {
      await body(scene);
      const answer = await bounded(scene.ask(), "an answer");
      assertEquals(answer.status, 200);
    }));
}

const hello = (): Response => new Response("hello");
/** Parameters that a request needs to be one. */
const least = ["REQUEST_METHOD", "GET", "REQUEST_URI", "/", "HTTP_HOST", "example.com"];

/** The least parameters and one that makes them so many bytes in all. */
function paramsOf(bytes: number): string[] {
  const size = (pairs: string[]): number => encodePairs(pairs).length;
  return [...least, "X", "y".repeat(bytes - size([...least, "X", "y".repeat(1000)]) + 1000)];
}

/** Asks with exactly these parameters; resolves to the status of the answer. */
async function statusOf(web: WebServer, pairs: readonly string[]): Promise<number> {
  const asked = web.beginWith(pairs);
  web.protocol.stdin(1, utf8Bytes("skipped, if the request is refused"));
  web.stdinEnd(1);
  return (await asked.answer()).status;
}

for (const [maxParamsBytes, options] of [[2000, { maxParamsBytes: 2000 }], [262_144, {}]] as const) {
  limitTest(`serve answers 431 when parameters are ${maxParamsBytes + 1} bytes, and no sooner`, {
    ...options,
    fetch: hello,
  }, async ({ connect, server }) => {
    const web = await connect();
    for (const [more, status] of [[0, 200], [1, 431], [0, 200], [100_000, 431], [-1, 200]] as const) {
      const pairs = paramsOf(maxParamsBytes + more);
      assertEquals(encodePairs(pairs).length, maxParamsBytes + more);
      assertEquals(await statusOf(web, pairs), status);
    }
    assertEquals(server.stats().activeRequests, 0);
    const answer = web.beginWith(paramsOf(maxParamsBytes + 1), { keepConn: false });
    web.flush();
    assertEquals((await answer.answer()).text, "431 Request Header Fields Too Large\n");
    await web.untilEnded();
  });
}

limitTest("serve answers 431 when there are 1025 parameters, and no sooner", {
  fetch: (_, { params }) => new Response(String(params.size)),
}, async ({ connect, server }) => {
  assertEquals(MAX_PARAMS, 1024);
  const web = await connect();
  for (const [more, status] of [[0, 200], [1, 431], [500, 431], [-1, 200]] as const) {
    const pairs = [...least];
    while (pairs.length < 2 * (MAX_PARAMS + more)) pairs.push("", "");
    assertEquals(await statusOf(web, pairs), status);
  }
  assertEquals(server.stats().activeRequests, 0);
});

limitTest(
  "serve counts requests that are refused for their parameters",
  { fetch: hello },
  async ({ connect, server }) => {
    const web = await connect();
    const tooMany = [...least, ...new Array<string>(3000).fill("")];
    for (const pairs of [paramsOf(262_145), tooMany, least]) await statusOf(web, pairs);
    assertEquals([server.stats().requests, server.stats().activeRequests], [3, 0]);
  },
);

for (const how of ["text", "stream"] as const) {
  for (const nativeRequest of [false, true]) {
    const suffix = nativeRequest ? ` as ${how} (native)` : ` as ${how}`;
    limitTest(`serve answers 413 when a body is one byte past maxBodyBytes, and no sooner, read${suffix}`, {
      request: nativeRequest ? "native" : "lazy",
      maxBodyBytes: 100,
      fetch: async (request) => {
        asked++;
        const text = how === "text" ? request.text() : new Response(request.body).text();
        return new Response(String((await text).length));
      },
    }, async ({ connect, errors }) => {
      const web = await connect();
      for (const known of [true, false]) {
        const params = known ? {} : { CONTENT_LENGTH: undefined };
        const most = await web.ask({ method: "POST", body: "x".repeat(100), params }).answer();
        assertEquals([most.status, most.text], [200, "100"]);
        asked = 0;
        const past = await web.ask({ method: "POST", body: "x".repeat(101), params }).answer();
        assertEquals([past.status, past.text], [413, "413 Content Too Large\n"]);
        // A length that is told spares the handler.
        assertEquals(asked, known ? 0 : 1);
        for (const error of errors.splice(0)) {
          assertInstanceOf(error, LimitError);
          assertEquals([known, error.limit, error.max], [false, "maxBodyBytes", 100]);
        }
      }
      // The part that goes past it is not the first.
      const late = web.begin({ method: "POST", params: { CONTENT_LENGTH: undefined } });
      await web.stdin(1, "x".repeat(100));
      await sleep(2);
      await web.stdin(1, "y");
      assertEquals((await late.answer()).status, 413);
      assertEquals(errors.splice(0).length, 1);
      web.stdinEnd(1);
    });
  }
}
let asked = 0;

limitTest("serve lets a body be empty when maxBodyBytes is 0, and no longer", {
  maxBodyBytes: 0,
  fetch: async (request) => new Response(await request.text()),
}, async ({ connect, errors }) => {
  const web = await connect();
  for (const params of [{}, { CONTENT_LENGTH: undefined }]) {
    assertEquals((await web.ask({ method: "POST", params }).answer()).status, 200);
    assertEquals((await web.ask({ method: "POST", body: "x", params }).answer()).status, 413);
  }
  assertEquals(errors.splice(0).length, 1);
});

/** A server whose handlers wait, and the requests that have been asked of it. */
function holdTest(name: string, options: SceneOptions, body: (scene: Scene, open: () => void) => Promise<void>): void {
  Deno.test(name, async () => {
    const held = gate();
    const fetch = async (): Promise<Response> => {
      await held.promise;
      return hello();
    };
    await inScene({ ...options, fetch }, async (scene) => {
      await body(scene, held.open);
      assertEquals((await bounded(scene.ask(), "an answer")).status, 200);
      assertEquals(scene.errors, []);
    });
  });
}

/** The statuses of requests, in order. */
async function statuses(asked: readonly Asked[]): Promise<number[]> {
  return (await Promise.all(asked.map((one) => one.answer()))).map(({ status }) => status);
}

holdTest("serve answers 503 with Retry-After to the first request past maxRequests, and no sooner", {
  maxRequests: 3,
}, async ({ connect, server }, open) => {
  const [one, two] = [await connect(), await connect()];
  const most = [one.ask({ requestId: 1 }), one.ask({ requestId: 2 }), two.ask({ requestId: 1 })];
  await until(() => server.stats().activeRequests === 3, "three requests");
  for (const web of [one, two, await connect()]) {
    const past = await web.ask({ requestId: 9 }).answer();
    assertEquals([past.status, past.headers.get("retry-after")], [503, "1"]);
    assertEquals([past.text, past.end.protocolStatus], ["503 Service Unavailable\n", 0]);
  }
  assertEquals(server.stats().activeRequests, 3);
  open();
  assertEquals(await statuses(most), [200, 200, 200]);
  assertEquals((await one.ask({ requestId: 9 }).answer()).status, 200);
  assertEquals([server.stats().activeRequests, server.stats().requests], [0, 7]);
});

holdTest("serve answers 503 to the 257th request at a time on a connection, and no sooner", {
  maxRequests: Infinity,
}, async ({ connect, server }, open) => {
  assertEquals(MAX_REQUESTS_PER_CONNECTION, 256);
  const [one, two] = [await connect(), await connect()];
  const ids = Array.from({ length: MAX_REQUESTS_PER_CONNECTION }, (_, i) => i + 1);
  const most = [one, two].flatMap((web) => ids.map((requestId) => web.ask({ requestId })));
  await until(() => server.stats().activeRequests === most.length, "the requests");
  const past = await one.ask({ requestId: 999 }).answer();
  assertEquals([past.status, past.headers.get("retry-after")], [503, "1"]);
  open();
  assertEquals((await statuses(most)).filter((status) => status !== 200), []);
  assertEquals((await one.ask({ requestId: 999 }).answer()).status, 200);
});

Deno.test("serve reads from maxConnections connections, and from the next when one has ended", async () => {
  await inScene({ maxConnections: 3, fetch: hello }, async ({ connect, server }) => {
    const most = [await connect(), await connect(), await connect()];
    for (const web of most) assertEquals((await web.ask().answer()).text, "hello");
    const past = [await connect(), await connect()];
    await until(() => server.stats().connections === 5, "all connections");
    const asked = past.map((web) => web.ask());
    await sleep(30);
    assertEquals(asked.map(({ end }) => end), [undefined, undefined]);
    // The ones that are served are served on.
    for (const web of most) assertEquals((await web.ask().answer()).text, "hello");
    await most[0]!.close();
    assertEquals((await asked[0]!.answer()).text, "hello");
    await sleep(30);
    assertEquals(asked[1]!.end, undefined);
    // One that has waited and leaves makes room for no one, nor takes any.
    await past[0]!.close();
    assertEquals((await asked[1]!.answer()).text, "hello");
    assertEquals(server.stats().connections, 3);
  });
});

Deno.test("serve forgets a connection that leaves while it waits for maxConnections", async () => {
  await inScene({ maxConnections: 1, fetch: hello }, async ({ connect, server }) => {
    const first = await connect();
    assertEquals((await first.ask().answer()).text, "hello");
    const [gone, next] = [await connect(), await connect()];
    await until(() => server.stats().connections === 3, "all connections");
    await gone.close();
    const asked = next.ask();
    await first.close();
    assertEquals((await asked.answer()).text, "hello");
    await until(() => server.stats().connections === 1, "the one that left to go");
  });
});

limitTest("serve refuses a request with FCGI_OVERLOADED when 128 have not sent all parameters", {
  fetch: hello,
}, async ({ connect }) => {
  assertEquals(MAX_UNFINISHED_REQUESTS, 128);
  const web = await connect();
  const begun = Array.from({ length: MAX_UNFINISHED_REQUESTS + 1 }, (_, i) => web.begin({ requestId: i + 1 }));
  const records = concat(web.protocol.writer.take());
  const each = records.length / begun.length;
  // All but the record that ends the parameters.
  await web.send(...begun.map((_, i) => records.slice(i * each, (i + 1) * each - 8)));
  const past = begun.at(-1)!;
  await web.until(() => past.end !== undefined, "the refusal");
  assertEquals([past.end?.protocolStatus, past.length], [FCGI_OVERLOADED, 0]);
  assertEquals(begun.filter(({ end }) => end !== undefined).length, 1);
  // One that has all makes room for one more.
  await web.send(recordBytes(FCGI_PARAMS, 1));
  assertEquals((await begun[0]!.answer()).text, "hello");
  assertEquals((await web.ask({ requestId: 1000 }).answer()).text, "hello");
  for (const { requestId } of begun.slice(1, -1)) await web.send(recordBytes(FCGI_PARAMS, requestId));
  for (const one of begun.slice(1, -1)) assertEquals((await one.answer()).text, "hello");
});

for (
  const [what, limit, siblings] of [
    ["1 MiB with others on the connection", MAX_UNREAD_BYTES, 1],
    ["64 KiB with none", 65_536, 0],
  ] as const
) {
  Deno.test(`serve reads no more from a connection when a body has one unread byte past ${what}`, async () => {
    const held = gate();
    const begun: string[] = [];
    const fetch = async (request: Request): Promise<Response> => {
      begun.push(new URL(request.url).pathname);
      if (!request.url.endsWith("/next")) await held.promise;
      return new Response(String((await request.arrayBuffer()).byteLength));
    };
    // No tick, at which a paused connection is read from a little, comes amid the test.
    await inScene({ clock: new TurnedClock(), fetch }, async ({ connect, ask }) => {
      const webs = [await connect(), await connect()];
      const answers: [Asked, string][] = [];
      for (const [i, web] of webs.entries()) {
        for (let id = 0; id < siblings; id++) answers.push([web.ask({ requestId: 100 + id, uri: "/sibling" }), "0"]);
        const body = new Uint8Array(limit + i);
        const params = { CONTENT_LENGTH: String(body.length) };
        answers.push([web.begin({ method: "POST", uri: `/${i}`, params }), String(body.length)]);
        await web.stdin(1, body);
        await until(() => begun.includes(`/${i}`), "the handler");
        // Time for all that has been sent to be read.
        await sleep(50);
        web.stdinEnd(1);
        answers.push([web.ask({ requestId: 2, uri: "/next" }), "0"]);
      }
      await until(() => begun.includes("/next"), "the next request on the first connection");
      await sleep(50);
      assertEquals(begun.filter((path) => path === "/next").length, 1);
      // Others notice nothing.
      assertEquals((await ask({ uri: "/next" })).text, "0");
      held.open();
      for (const [asked, text] of answers) assertEquals((await asked.answer()).text, text);
    });
  });
}

for (const [siblings, limit] of [[1, 1_048_576], [0, 65_536]] as const) {
  Deno.test(`a connection is paused by the byte past ${limit}, with ${siblings} others on it`, async () => {
    const bodies: (ReadableStream | null)[] = [];
    const fake = new FakeConnection({
      fetch(request) {
        bodies.push(request.body);
        return new Promise(() => {});
      },
    });
    const begin = [0, 1, 1, 0, 0, 0, 0, 0];
    const pairs = [...encodePairs([...least, "REQUEST_METHOD", "PUT"])];
    for (let id = 1; id <= 1 + siblings; id++) {
      const records = [recordBytes(FCGI_BEGIN_REQUEST, id, begin), recordBytes(FCGI_PARAMS, id, pairs)];
      fake.connection.received(concat([...records, recordBytes(FCGI_PARAMS, id)]), true);
    }
    for (let left: number = limit; left > 0; left -= 32_768) {
      fake.connection.received(recordBytes(FCGI_STDIN, 1, "x".repeat(Math.min(left, 32_768))), true);
    }
    assertEquals(fake.paused, false);
    fake.connection.received(recordBytes(FCGI_STDIN, 1, "x"), true);
    assertEquals(fake.paused, true);
    const reader = bodies[0]!.getReader();
    await reader.read();
    assertEquals(fake.paused, false);
  });
}

Deno.test("serve lets bodies under way share 1 MiB of unread bytes", async () => {
  const held = gate();
  let begun = 0;
  const fetch = async (request: Request): Promise<Response> => {
    begun++;
    await held.promise;
    return new Response(String((await request.arrayBuffer()).byteLength));
  };
  const third = Math.ceil(MAX_UNREAD_BYTES / 3);
  await inScene({ clock: new TurnedClock(), fetch }, async ({ connect }) => {
    const web = await connect();
    const params = { CONTENT_LENGTH: String(third) };
    const asked = [1, 2, 3, 4, 5].map((requestId) => web.begin({ requestId, method: "POST", params }));
    await web.flush();
    await until(() => begun === 5, "the handlers");
    for (const { requestId } of asked.slice(0, 3)) await web.stdin(requestId, new Uint8Array(third));
    await web.send(recordBytes(FCGI_STDIN, 4, "x"));
    await sleep(50);
    const sixth = web.ask({ requestId: 6, method: "POST", body: "x" });
    await sleep(50);
    assertEquals(begun, 5);
    held.open();
    assertEquals((await sixth.answer()).text, "1");
    await web.stdin(4, new Uint8Array(third - 1));
    await web.stdin(5, new Uint8Array(third));
    for (const { requestId } of asked) web.stdinEnd(requestId);
    for (const one of asked) assertEquals((await one.answer()).text, String(third));
  });
});

Deno.test("serve works when every limit is the least that it can be", async () => {
  const options = {
    maxConnections: 1,
    maxRequests: 1,
    maxBodyBytes: 5,
  };
  const fetch = async (request: Request): Promise<Response> => new Response(await request.text());
  await inScene({ ...options, fetch }, async ({ connect }) => {
    const web = await connect();
    for (let i = 0; i < 3; i++) {
      assertEquals((await web.ask({ method: "POST", body: "hello" }).answer()).text, "hello");
    }
  });
});

/** BEGIN and so many bytes of PARAMS for so many requests, without their end. */
function unfinished(requests: number, bytes: number): Uint8Array {
  const part = recordBytes(FCGI_PARAMS, 1, "x".repeat(Math.min(bytes, 65_000)));
  return concat(Array.from({ length: requests }, (_, index) => {
    const begin = recordBytes(FCGI_BEGIN_REQUEST, index + 1, [0, 1, 1, 0, 0, 0, 0, 0]);
    const parts = new Array<Uint8Array>(Math.ceil(bytes / 65_000)).fill(part);
    return concat([begin, ...parts.map((it) => recordBytes(FCGI_PARAMS, index + 1, [...it.subarray(8)]))]);
  }));
}

Deno.test("serve closes the connection that holds most when unfinished requests hold more than 64 MiB together", async () => {
  assertEquals(MAX_HELD_PARAMS_BYTES, 67_108_864);
  await inScene({ fetch: hello }, async ({ connect, errors, server, ask }) => {
    const modest = await connect();
    await modest.send(unfinished(1, 1000));
    const greedy: WebServer[] = [];
    // 128 requests of 65,000 bytes each; what is collected in several parts takes up to twice as much.
    while (greedy.length < 12) {
      const web = await connect();
      greedy.push(web);
      await web.send(unfinished(128, 65_000));
    }
    await until(() => errors.length > 0, "the limit");
    for (const error of errors.splice(0)) {
      assertInstanceOf(error, LimitError);
      assertEquals([error.limit, error.max], ["maxHeldParamsBytes", MAX_HELD_PARAMS_BYTES]);
    }
    await until(() => greedy.some((web) => web.over), "a greedy connection to be closed");
    // The others are served on.
    assertEquals(modest.over, false);
    assertEquals((await ask()).text, "hello");
    for (const web of greedy) await web.close();
    await modest.close();
    await until(() => server.stats().connections === 0, "the connections to go");
    // What they held is counted no more.
    const next = await connect();
    await next.send(unfinished(128, 65_000));
    assertEquals((await ask()).text, "hello");
    assertEquals(errors, []);
  });
});
