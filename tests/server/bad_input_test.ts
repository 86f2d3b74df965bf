import { ProtocolError } from "@webfcgi/webfcgi";
import {
  FCGI_BEGIN_REQUEST,
  FCGI_DATA,
  FCGI_FILTER,
  FCGI_GET_VALUES,
  FCGI_PARAMS,
  FCGI_STDIN,
} from "@webfcgi/webfcgi/codec";
import { assertEquals, assertInstanceOf, assertMatch } from "../std/assert.ts";
import { inScene } from "./scene.ts";
import { recordBytes } from "./web_server.ts";
import { gate, sleep } from "../helpers/waiting.ts";
import { utf8Bytes } from "../helpers/bytes.ts";

const begin = (id = 1, role = 1, flags = 1): Uint8Array =>
  recordBytes(FCGI_BEGIN_REQUEST, id, [0, role, flags, 0, 0, 0, 0, 0]);
const params = recordBytes(FCGI_PARAMS, 1, "\x0e\x03REQUEST_METHODPUT");
const paramsEnd = recordBytes(FCGI_PARAMS, 1);
const wrongVersion = begin();
wrongVersion[0] = 2;

const broken: readonly (readonly [what: string, code: string, message: RegExp, ...pieces: Uint8Array[]])[] = [
  [
    "HTTP amid a request",
    "BAD_VERSION",
    /version is 71, not 1/,
    begin(),
    utf8Bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
  ],
  ["text that is not HTTP", "BAD_VERSION", /version is 71, not 1/, utf8Bytes("Good morning")],
  ["zeros", "BAD_VERSION", /version is 0/, new Uint8Array(64)],
  ["a record of version 2", "BAD_VERSION", /version is 2/, wrongVersion],
  ["a record of version 0 amid a request", "BAD_VERSION", /version is 0/, begin(), params, new Uint8Array(8)],
  [
    "a BEGIN_REQUEST of 7 bytes",
    "BAD_LENGTH",
    /FCGI_BEGIN_REQUEST.* 7 bytes/,
    recordBytes(FCGI_BEGIN_REQUEST, 1, "1234567"),
  ],
  [
    "a BEGIN_REQUEST of 9 bytes",
    "BAD_LENGTH",
    /FCGI_BEGIN_REQUEST.* 9 bytes/,
    recordBytes(FCGI_BEGIN_REQUEST, 1, "123456789"),
  ],
  ["an empty BEGIN_REQUEST", "BAD_LENGTH", /FCGI_BEGIN_REQUEST.* 0 bytes/, recordBytes(FCGI_BEGIN_REQUEST, 1)],
  ["a second BEGIN_REQUEST of an active id", "BAD_ORDER", /FCGI_BEGIN_REQUEST/, begin(), begin()],
  ["a pair without its value", "BAD_PAIRS", /./, begin(), recordBytes(FCGI_PARAMS, 1, "\x05\x05Hello"), paramsEnd],
  ["half a length", "BAD_PAIRS", /./, begin(), recordBytes(FCGI_PARAMS, 1, "\x80\0\0"), paramsEnd],
  ["a pair of 2 GiB", "BAD_PAIRS", /./, begin(), recordBytes(FCGI_PARAMS, 1, "\xff\xff\xff\xff\x01x"), paramsEnd],
  ["STDIN before the end of PARAMS", "BAD_ORDER", /FCGI_STDIN/, begin(), params, recordBytes(FCGI_STDIN, 1, "x")],
  [
    "STDIN after its end",
    "BAD_ORDER",
    /FCGI_STDIN/,
    begin(),
    params,
    paramsEnd,
    recordBytes(FCGI_STDIN, 1),
    recordBytes(FCGI_STDIN, 1, "x"),
  ],
  ["PARAMS after their end", "BAD_ORDER", /FCGI_PARAMS/, begin(), params, paramsEnd, params],
  [
    "DATA before the end of PARAMS",
    "BAD_ORDER",
    /FCGI_DATA/,
    begin(1, FCGI_FILTER),
    params,
    recordBytes(FCGI_DATA, 1, "x"),
  ],
  ["an FCGI_GET_VALUES that cannot be read", "BAD_PAIRS", /./, recordBytes(FCGI_GET_VALUES, 0, "\x09\x00x")],
  [
    "an FCGI_GET_VALUES of 5,000 bytes",
    "BAD_LENGTH",
    /FCGI_GET_VALUES/,
    recordBytes(FCGI_GET_VALUES, 0, "\0".repeat(5000)),
  ],
];

for (const [what, code, message, ...pieces] of broken) {
  Deno.test(`serve closes the connection, and only that, when it is sent ${what}`, async () => {
    const held = gate();
    const wait = async (request: Request): Promise<Response> => {
      if (request.method === "PUT") await new Promise(() => {});
      if (request.url.endsWith("/held")) await held.promise;
      return new Response("hello");
    };
    await inScene({ fetch: wait, filter: wait }, async ({ connect, errors, ask, server }) => {
      const [sibling, bad] = [await connect(), await connect({ raw: true })];
      const under = sibling.ask({ uri: "/held" });
      await bad.send(...pieces);
      await bad.untilEnded();
      assertEquals(bad.chunks.length, 0);
      assertEquals(errors.length, 1);
      const [error] = errors.splice(0);
      assertInstanceOf(error, ProtocolError);
      assertEquals(error.code, code);
      assertMatch(error.message, message);
      held.open();
      assertEquals((await under.answer()).text, "hello");
      assertEquals((await sibling.ask().answer()).text, "hello");
      assertEquals((await ask()).text, "hello");
      assertEquals(server.stats().errors, 1);
    });
  });
}

Deno.test("serve reports a broken peer on the console when there is no onError", async () => {
  const { error } = console;
  const lines: unknown[][] = [];
  console.error = (...parts) => void lines.push(parts);
  try {
    await inScene({ fetch: () => new Response(), onError: undefined as never }, async ({ connect }) => {
      const web = await connect({ raw: true });
      await web.send(utf8Bytes("nonsense"));
      await web.untilEnded();
    });
  } finally {
    console.error = error;
  }
  assertEquals(lines.map(([text]) => String(text).split("\n")[0]), [
    "webfcgi: ProtocolError: Cannot read record: version is 110, not 1",
  ]);
});

Deno.test("serve survives bytes of all kinds", async () => {
  await inScene(
    { fetch: async (request) => new Response(await request.text()) },
    async ({ connect, errors, ask, server }) => {
      let state = 12345;
      const random = (below: number): number => (state = (state * 1103515245 + 12345) & 0x7fffffff) % below;
      for (let round = 0; round < 60; round++) {
        const web = await connect({ raw: true });
        const bytes = Uint8Array.from({ length: 1 + random(400) }, () => random(256));
        // Half of them begin well.
        if (round % 2 === 0) await web.send(begin(), params);
        await web.send(bytes);
        web.halfClose();
        await web.untilEnded();
        await web.close();
      }
      await sleep(5);
      for (const error of errors.splice(0)) assertInstanceOf(error, ProtocolError);
      assertEquals((await ask({ method: "POST", body: "alive" })).text, "alive");
      assertEquals(server.stats().activeRequests, 0);
    },
  );
});
