import { FastResponse } from "@webfcgi/webfcgi";
import {
  FCGI_ABORT_REQUEST,
  FCGI_BEGIN_REQUEST,
  FCGI_DATA,
  FCGI_END_REQUEST,
  FCGI_FILTER,
  FCGI_GET_VALUES,
  FCGI_GET_VALUES_RESULT,
  FCGI_PARAMS,
  FCGI_STDERR,
  FCGI_STDIN,
  FCGI_STDOUT,
  FCGI_UNKNOWN_TYPE,
} from "@webfcgi/webfcgi/codec";
import { assert, assertEquals, assertLess } from "../std/assert.ts";
import { type Scene, type SceneOptions, serveTest } from "./scene.ts";
import { type AskOptions, recordBytes, requestBytes } from "./web_server.ts";
import { bounded } from "../helpers/waiting.ts";
import { concat, utf8Bytes } from "../helpers/bytes.ts";
import { recordsOf } from "../helpers/records.ts";

const evil = "a\r\nX-Evil: 1\r\n\r\n<script>";
/** What must not stand in a field, and what the runtimes' own classes let through or not, each in its way. */
const splitting = ["a\rb", "a\nb", "a\0b", "a\x0bb", "a\x7fb", "a\u010ab", "a\u2028b", evil, "\r\n", "x\r\n y"];

/** A response whose properties are what they should not be. */
function faked(properties: Record<string, unknown>): Response {
  const response = new Response("ok");
  for (const [name, value] of Object.entries(properties)) Object.defineProperty(response, name, { value });
  return response;
}

/** Headers that give what no Headers would. */
function hostileHeaders(...pairs: [string, string][]): Headers {
  return Object.defineProperty(new Headers(), Symbol.iterator, { value: () => pairs[Symbol.iterator]() });
}

const injections: readonly (readonly [where: string, make: (bad: string) => Response])[] = [
  ["a value of a Response", (bad) => new Response("ok", { headers: { "x-a": bad } })],
  ["a value of a FastResponse", (bad) => new FastResponse("ok", { headers: { "x-a": bad } })],
  ["a value in a list", (bad) => new FastResponse("ok", { headers: [["x-a", bad]] })],
  ["a cookie", (bad) => new FastResponse("ok", { headers: [["set-cookie", bad], ["set-cookie", "b=2"]] })],
  ["a location", (bad) => new FastResponse(null, { status: 302, headers: { location: bad } })],
  ["a type", (bad) => new FastResponse("ok", { headers: { "content-type": bad } })],
  ["a type of events", (bad) => new FastResponse("ok", { headers: { "content-type": `text/event-stream;${bad}` } })],
  ["a Status", (bad) => new FastResponse("ok", { headers: { Status: bad } })],
  ["a name of a Response", (bad) => new Response("ok", { headers: { [bad]: "x" } })],
  ["a name of a FastResponse", (bad) => new FastResponse("ok", { headers: { [bad]: "x" } })],
  ["a name in a list", (bad) => new FastResponse("ok", { headers: [[bad, "x"]] })],
  ["statusText of a Response", (bad) => new Response("ok", { statusText: bad })],
  ["statusText of a FastResponse", (bad) => new FastResponse("ok", { statusText: bad })],
  ["statusText put in its place", (bad) => faked({ statusText: bad })],
  ["headers put in their place", (bad) => faked({ headers: hostileHeaders(["x-a", bad], [bad, "x"]) })],
  ["the text of JSON's init", (bad) => FastResponse.json({}, { statusText: bad, headers: { "x-a": bad } })],
  ["headers added later", (bad) => {
    const response = new FastResponse("ok");
    response.headers.append("x-a", bad);
    return response;
  }],
];

for (const [where, make] of injections) {
  serveTest(`serve sends nothing that would split a response when it is in ${where}`, {
    fetch(_, { params }) {
      return make(params.get("BAD_INDEX") === undefined ? "good" : splitting[Number(params.get("BAD_INDEX"))]!);
    },
  }, async ({ connect, errors, ask }) => {
    const web = await connect();
    for (const [index, bad] of splitting.entries()) {
      const asked = web.ask({ params: { BAD_INDEX: String(index) } });
      const { head, status, text } = await asked.answer();
      const lines = head.split("\r\n");
      // A blank line is at the end only, and every line is a field.
      assertEquals(lines.slice(-2), ["", ""], head);
      for (const line of lines.slice(0, -2)) {
        assert(/^[\w-]+: [\t -~\x80-\xff]*$/.test(line), JSON.stringify([bad, line]));
        assert(!/^(?:x-evil|x$)/i.test(line), line);
      }
      assertEquals(lines.filter((line) => line.startsWith("Status: ")).length, 1);
      assert([200, 302, 500].includes(status), String(status));
      assert(!text.includes("<script>"), text);
      // The runtime refuses some of them by itself.
      if (status === 500) assertEquals(errors.splice(0).length, 1);
    }
    // Nothing of it stays.
    assertEquals((await ask()).headers.has("x-evil"), false);
  });
}

/** Defines a test of what a handler is told of a request, and of the request after it on the same connection. */
function lengthTest(
  what: string,
  options: AskOptions,
  expected: readonly [status: number, seen: unknown],
  serving: SceneOptions = {},
): void {
  serveTest(`serve takes the body by CONTENT_LENGTH and STDIN alone when ${what}`, {
    ...serving,
    async fetch(request) {
      const { headers } = request;
      const told = ["content-length", "transfer-encoding", "te", "trailer", "content-type"].map((it) =>
        headers.get(it)
      );
      return Response.json([await request.text(), ...told.slice(0, 4)]);
    },
  }, async ({ connect, errors }) => {
    const web = await connect();
    const asked = web.ask({ method: "POST", ...options });
    const answer = await asked.answer();
    const [status, seen] = expected;
    assertEquals(answer.status, status);
    if (status === 200) assertEquals(JSON.parse(answer.text), seen);
    errors.splice(0);
    // Whatever was told of this one's length, the next one begins where it begins.
    const next = await web.ask({ method: "POST", body: "next" }).answer();
    assertEquals(JSON.parse(next.text), ["next", "4", null, null, null]);
  });
}

lengthTest("HTTP_CONTENT_LENGTH is shorter", { body: "hello", params: { HTTP_CONTENT_LENGTH: "1" } }, [200, [
  "hello",
  "5",
  null,
  null,
  null,
]]);
lengthTest("HTTP_CONTENT_LENGTH is longer", { body: "hello", params: { HTTP_CONTENT_LENGTH: "99" } }, [200, [
  "hello",
  "5",
  null,
  null,
  null,
]]);
lengthTest("only HTTP_CONTENT_LENGTH is there", {
  body: "hello",
  params: { CONTENT_LENGTH: undefined, HTTP_CONTENT_LENGTH: "1" },
}, [200, ["hello", null, null, null, null]]);
lengthTest("Transfer-Encoding is chunked", {
  body: "5\r\nhello\r\n0\r\n\r\n",
  params: { HTTP_TRANSFER_ENCODING: "chunked", HTTP_TE: "trailers", HTTP_TRAILER: "x" },
}, [200, ["5\r\nhello\r\n0\r\n\r\n", "15", null, null, null]]);
lengthTest("it is too short", { body: "hello", params: { CONTENT_LENGTH: "4" } }, [400, null]);
lengthTest("it is too long", { body: "hello", params: { CONTENT_LENGTH: "6" } }, [400, null]);
lengthTest("it comes twice and the last is right", {
  body: "hello",
  params: { CONTENT_LENGTH: "4" },
  more: ["CONTENT_LENGTH", "5"],
}, [200, ["hello", "5", null, null, null]]);
lengthTest("it comes twice and the last is wrong", { body: "hello", more: ["CONTENT_LENGTH", "4"] }, [400, null]);
for (
  const value of [
    "-1",
    "+5",
    "5, 6",
    " 5",
    "5 ",
    "0x5",
    "5e0",
    "5.0",
    "V",
    "5\0",
    "9".repeat(30),
  ]
) {
  lengthTest(`it is ${JSON.stringify(value)}`, { body: "hello", params: { CONTENT_LENGTH: value } }, [200, [
    "hello",
    null,
    null,
    null,
    null,
  ]]);
}
lengthTest("it is 0 and bytes come", { body: "hello", params: { CONTENT_LENGTH: "0" } }, [200, [
  "",
  "0",
  null,
  null,
  null,
]]);
lengthTest("it has zeros in front", { body: "hello", params: { CONTENT_LENGTH: "00005" } }, [200, [
  "hello",
  "5",
  null,
  null,
  null,
]]);
lengthTest(
  "it is no number and maxBodyBytes is passed",
  { body: "hello", params: { CONTENT_LENGTH: "9".repeat(30) } },
  [413, null],
  { maxBodyBytes: 4 },
);
const records = concat([requestBytes(true, 1), recordBytes(FCGI_ABORT_REQUEST, 1), recordBytes(FCGI_STDIN, 1)]);
lengthTest("the body looks like records", { body: records }, [200, [
  new TextDecoder().decode(records),
  String(records.length),
  null,
  null,
  null,
]]);

const see: SceneOptions = {
  fetch: (request, { params, scriptName, pathInfo, requestUri }) =>
    Response.json([request.url, Object.fromEntries(request.headers), scriptName, pathInfo, requestUri, [...params]]),
};

for (const uri of ["http://user:pw@example.com/", "http://user@example.com/", "http:///x", "ftp://x/", "x", "?x"]) {
  serveTest(`serve answers 400 when the target is ${uri}`, see, async ({ ask }) => {
    assertEquals((await ask({ uri })).status, 400);
    assertEquals((await ask({ uri: "/" })).status, 200);
  });
}

for (const host of ["a b", "a/b", "u@a", "a?b", "a#b", "a\\b", "a\0b", "a\r\nb", "[::1", "a:99999", "caf\xe9"]) {
  serveTest(`serve answers 400 when HTTP_HOST is ${JSON.stringify(host)}`, see, async ({ ask }) => {
    assertEquals((await ask({ params: { HTTP_HOST: host } })).status, 400);
    assertEquals((await ask()).status, 200);
  });
}

serveTest("serve lets no NUL and no bytes beyond ASCII into request.url or request.headers", see, async ({ ask }) => {
  const answer = await ask({
    uri: "/a\0b\xff?c\0\xfe",
    params: { HTTP_X_NUL: "a\0b", "HTTP_X\0Y": "x", HTTP_X_BYTES: "\xff\xfe", SCRIPT_NAME: "/a\0", PATH_INFO: "\0" },
  });
  assertEquals(answer.status, 200);
  const [url, headers] = JSON.parse(answer.text);
  assertEquals(url, "http://example.com/a%00b%FF?c%00%FE");
  assertEquals(headers, { host: "example.com", "x-bytes": "\xff\xfe" });
});

serveTest("serve takes no header for the environment's Proxy", see, async ({ ask }) => {
  const answer = await ask({ params: { HTTP_PROXY: "http://evil.example" }, more: ["HTTP_PROXY", "again"] });
  const [, headers, , , , params] = JSON.parse(answer.text);
  assertEquals(headers, { host: "example.com" });
  assertEquals(params.filter(([name]: [string]) => name === "HTTP_PROXY").length, 2);
});

serveTest("serve takes parameters that are empty, and twice", see, async ({ ask }) => {
  const more = [
    "",
    "",
    "",
    "x",
    "HTTP_",
    "y",
    "HTTP_X",
    "",
    "HTTP_X",
    "",
    "REQUEST_METHOD",
    "PUT",
    "REQUEST_URI",
    "/2",
  ];
  const [url, headers, , , requestUri, params] = JSON.parse((await ask({ more })).text);
  assertEquals([url, requestUri], ["http://example.com/2", "/2"]);
  assertEquals(headers, { host: "example.com", x: "" });
  assertEquals(params.length, 14 + more.length / 2);
});

// Records.

/** A record with this much padding, none of it zero. */
function padded(type: number, content: string, padding: number): Uint8Array {
  const record = concat([recordBytes(type, 1, content), new Uint8Array(padding).fill(255)]);
  record[6] = padding;
  // Reserved bytes are nobody's business either.
  record[7] = 255;
  return record;
}

serveTest("serve takes records of 65,535 bytes with 255 of padding, whatever is in it", {
  fetch: async (request) => new Response(`${request.headers.get("x-long")?.length} ${(await request.text()).length}`),
}, async ({ connect }) => {
  const web = await connect();
  for (let i = 0; i < 2; i++) {
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "131070", HTTP_X_LONG: "y".repeat(150_000) } });
    const records = recordsOf(concat(web.protocol.writer.take()));
    const params = records.filter(({ type }) => type === FCGI_PARAMS).map(({ content }) => content).join("");
    const begin = padded(FCGI_BEGIN_REQUEST, "\0\x01\x01\0\0\0\0\0", 255);
    const pieces = [begin];
    for (let at = 0; at < params.length; at += 65_535) {
      pieces.push(padded(FCGI_PARAMS, params.slice(at, at + 65_535), 255));
    }
    pieces.push(padded(FCGI_PARAMS, "", 255));
    for (let j = 0; j < 2; j++) pieces.push(padded(FCGI_STDIN, "x".repeat(65_535), 255));
    pieces.push(padded(FCGI_STDIN, "", 255));
    await web.send(concat(pieces));
    assertEquals((await asked.answer()).text, "150000 131070");
  }
});

/** Checks every record's header: sizes as web servers like them, nothing reserved, padding all zeros. */
function checkRecords(bytes: Uint8Array): Set<number> {
  const types = new Set<number>();
  for (let at = 0; at < bytes.length;) {
    const content = bytes[at + 4]! << 8 | bytes[at + 5]!;
    const padding = bytes[at + 6]!;
    assertEquals([bytes[at], bytes[at + 7], (content + padding) % 8], [1, 0, 0]);
    assertLess(padding, 8);
    assertLess(content + padding, 65_536);
    const end = at + 8 + content;
    assert(bytes.subarray(end, end + padding).every((byte) => byte === 0), "padding is not zero");
    const type = bytes[at + 1]!;
    // END_REQUEST's last three bytes and UNKNOWN_TYPE's last seven are reserved.
    if (type === FCGI_END_REQUEST) assertEquals([...bytes.subarray(end - 3, end)], [0, 0, 0]);
    if (type === FCGI_UNKNOWN_TYPE) assertEquals([...bytes.subarray(end - 7, end)], [0, 0, 0, 0, 0, 0, 0]);
    types.add(type);
    at = end + padding;
  }
  return types;
}

serveTest("serve sends no record of more than 65,536 bytes, and zeros wherever bytes are reserved", {
  fetch(request, info) {
    info.log("x".repeat(5001));
    info.setAppStatus(4_000_000_000);
    const size = Number(new URL(request.url).search.slice(1));
    if (!request.url.includes("/stream")) return new FastResponse(new Uint8Array(size).fill(255));
    let left = 5;
    return new Response(
      new ReadableStream({
        pull: (controller) => left-- > 0 ? controller.enqueue(new Uint8Array(size).fill(255)) : controller.close(),
      }),
    );
  },
}, async ({ connect }) => {
  const web = await connect({ raw: true });
  let requestId = 100;
  for (const path of ["/", "/stream"]) {
    for (const size of [0, 1, 7, 16_383, 65_527, 65_528, 65_529, 65_535, 65_536, 300_001]) {
      if (size > 0 || path === "/") web.ask({ requestId: requestId++, uri: `${path}?${size}` });
      await web.send(
        recordBytes(FCGI_GET_VALUES, 0, "\x0f\0FCGI_MPXS_CONNS"),
        recordBytes(99, 0, "unknown"),
        recordBytes(FCGI_BEGIN_REQUEST, 9, [0, 77, 1, 255, 255, 255, 255, 255]),
        recordBytes(FCGI_PARAMS, 9),
        recordBytes(FCGI_STDIN, 9),
      );
      await web.until(() => endsIn(web.chunks) === (size > 0 || path === "/" ? 2 : 1), "the answers");
      const types = checkRecords(concat(web.chunks.splice(0)));
      if (size === 0) continue;
      for (const type of [FCGI_STDOUT, FCGI_STDERR, FCGI_END_REQUEST, FCGI_GET_VALUES_RESULT, FCGI_UNKNOWN_TYPE]) {
        assert(types.has(type), `no record of type ${type}`);
      }
    }
  }
});

/** How many requests have ended in what came so far. */
function endsIn(chunks: readonly Uint8Array[]): number {
  try {
    return recordsOf(concat(chunks)).filter(({ type }) => type === FCGI_END_REQUEST).length;
  } catch {
    // A record is under way.
    return 0;
  }
}

/** Record types that mean nothing from a web server to an active request. */
const meaningless = [FCGI_END_REQUEST, FCGI_STDOUT, FCGI_STDERR, FCGI_DATA, FCGI_GET_VALUES, 12, 99, 255];

for (const [what, before] of [["amid parameters", true], ["amid the body", false]] as const) {
  serveTest(`serve passes over records that are not a Responder's ${what}`, {
    fetch: async (request) => new Response(`${request.url} ${await request.text()}`),
  }, async ({ connect, ask }) => {
    const web = await connect();
    const asked = web.begin({ method: "POST", params: { CONTENT_LENGTH: "5" } });
    const head = concat(web.protocol.writer.take());
    const junk = meaningless.flatMap((type) => [recordBytes(type, 1, "junk"), recordBytes(type, 1)]);
    // An empty STDIN before the end of the parameters is no end of anything.
    if (before) await web.send(head.slice(0, 16), ...junk, recordBytes(FCGI_STDIN, 1), head.slice(16));
    else await web.send(head, recordBytes(FCGI_STDIN, 1, "he"), ...junk);
    await web.stdin(1, before ? "hello" : "llo");
    web.stdinEnd(1);
    assertEquals((await asked.answer()).text, "http://example.com/ hello");
    assertEquals((await bounded(ask(), "an answer")).text, "http://example.com/ ");
  });
}

serveTest("serve takes a Filter's DATA before, amid and after STDIN", {
  fetch: () => new Response("no"),
  filter: async (request, info) => new Response(`${await request.text()} ${await new Response(info.data).text()}`),
}, async ({ connect }) => {
  for (const order of ["DDIIdi", "IIDDid", "DIDIid", "IDIDdi", "dIIi"]) {
    const web = await connect();
    const params = { CONTENT_LENGTH: "4", FCGI_DATA_LENGTH: order.startsWith("d") ? "0" : "4" };
    const asked = web.begin({ role: FCGI_FILTER, method: "POST", params });
    web.flush();
    for (const letter of order) {
      const type = letter.toUpperCase() === "I" ? FCGI_STDIN : FCGI_DATA;
      await web.send(recordBytes(type, 1, letter === "I" ? "in" : letter === "D" ? "da" : ""));
    }
    assertEquals((await asked.answer()).text, `inin ${order.startsWith("d") ? "" : "dada"}`);
  }
});

serveTest("serve answers at once among records that no request is for", {
  fetch: async (request) => new Response(await request.text()),
}, async ({ connect }: Scene) => {
  const web = await connect();
  const junk = Array.from({ length: 500 }, (_, i) => recordBytes(i % 12, 2 + i, "x".repeat(i)))
    // Neither one that begins a request, nor one of the connection's own.
    .filter((record) => record[1] !== FCGI_BEGIN_REQUEST);
  for (let i = 0; i < 3; i++) {
    await web.send(...junk);
    const answer = await bounded(web.ask({ method: "POST", body: utf8Bytes("here") }).answer(), "an answer");
    assertEquals(answer.text, "here");
  }
});
