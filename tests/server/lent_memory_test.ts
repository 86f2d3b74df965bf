/** What a handler holds stays as it was while the socket's memory is read into again, for it and for others. */

import { FCGI_FILTER } from "@webfcgi/webfcgi/codec";
import { assertEquals } from "../std/assert.ts";
import { type SceneOptions, serveTest } from "./scene.ts";
import type { Asked, WebServer } from "./web_server.ts";
import { concat } from "../helpers/bytes.ts";

/** What was received, by the letter that it is made of. */
const received = new Map<string, Uint8Array[]>();

/** Holds the very chunks of a stream until all has come. */
async function hold(letter: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  const chunks: Uint8Array[] = [];
  received.set(letter, chunks);
  for (const reader = stream.getReader();;) {
    const { done, value } = await reader.read();
    if (done) return;
    chunks.push(value);
  }
}

const options: SceneOptions = {
  async fetch(request) {
    if (request.body) await hold(request.headers.get("x-letter")!, request.body);
    return new Response(request.headers.get("x-long"));
  },
  async filter(request, info) {
    await hold(request.headers.get("x-letter")!, info.data!);
    return new Response("filtered");
  },
};

/** Fails unless what was held is `length` times its letter. */
function assertWhole(letter: string, length: number): void {
  const bytes = concat(received.get(letter) ?? []);
  received.delete(letter);
  const strange = bytes.findIndex((byte) => byte !== letter.charCodeAt(0));
  assertEquals([bytes.length, strange], [length, -1], `what ${letter} has received`);
}

/** Asks for something small whose parameters take the place of what was read last. */
async function disturb(web: WebServer, requestId = 1): Promise<void> {
  const long = "#".repeat(40_000);
  const answer = await web.ask({ requestId, params: { HTTP_X_LONG: long } }).answer();
  assertEquals(answer.text, long);
}

/** Uploads of the letters a, b and c at once, in `parts` of one length, with small requests between them. */
async function upload(
  connections: readonly [WebServer, WebServer, WebServer],
  disturber: WebServer,
  parts: number,
  length: number,
  disturbances: number,
): Promise<void> {
  const asked: Asked[] = [];
  for (const [at, web] of connections.entries()) {
    const params = { CONTENT_LENGTH: String(parts * length), HTTP_X_LETTER: "abc"[at] };
    asked.push(web.begin({ requestId: at + 2, method: "POST", params }));
  }
  for (let part = 0; part < parts; part++) {
    for (const [at, web] of connections.entries()) {
      await web.stdin(at + 2, new Uint8Array(length).fill("abc".charCodeAt(at)));
    }
    if (part % Math.ceil(parts / disturbances) === 0) await disturb(disturber);
  }
  for (const [at, web] of connections.entries()) web.stdinEnd(at + 2);
  for (const one of asked) assertEquals((await one.answer()).status, 200);
  await disturb(disturber);
  for (const letter of "abc") assertWhole(letter, parts * length);
}

for (const [parts, length] of [[10, 60_000], [60, 5000], [200, 1]] as const) {
  const what = `parts of ${length} bytes`;

  serveTest(`request.body gives ${what} that last when connections take turns`, options, async ({ connect }) => {
    await upload([await connect(), await connect(), await connect()], await connect(), parts, length, 10);
  });

  serveTest(`request.body gives ${what} that last when requests share a connection`, options, async ({ connect }) => {
    const web = await connect();
    await upload([web, web, web], await connect(), parts, length, 10);
    await upload([web, web, web], web, parts, length, 5);
  });
}

serveTest("request.headers are whole when parameters come in many reads", options, async ({ connect }) => {
  const text = "x".repeat(9000) + "y".repeat(9000) + "z".repeat(9000);
  const [web, other] = [await connect(), await connect()];
  const asked = web.begin({ params: { HTTP_X_LONG: text } });
  web.protocol.stdinEnd(1);
  const bytes = concat(web.protocol.writer.take());
  const sizes = [3, 9, 5, 40, 4000];
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const size = sizes[piece % sizes.length]!;
    await web.send(bytes.slice(at, at + size));
    await disturb(other);
    at += size;
  }
  assertEquals((await asked.answer()).text, text);
});

serveTest("info.data gives parts that last when connections take turns", options, async ({ connect }) => {
  const webs = [await connect(), await connect(), await connect()];
  const other = await connect();
  const asked = webs.map((web, at) => {
    const params = { FCGI_DATA_LENGTH: "205005", HTTP_X_LETTER: "def"[at] };
    const one = web.begin({ role: FCGI_FILTER, params });
    web.protocol.stdinEnd(1);
    return one;
  });
  for (let part = 0; part < 15; part++) {
    for (const [at, web] of webs.entries()) {
      web.protocol.data(1, new Uint8Array([1, 1000, 40_000][part % 3]!).fill("def".charCodeAt(at)));
      await web.flush();
    }
    await disturb(other);
  }
  for (const web of webs) web.protocol.dataEnd(1);
  for (const web of webs) web.flush();
  for (const one of asked) assertEquals((await one.answer()).text, "filtered");
  await disturb(other);
  for (const letter of "def") assertWhole(letter, 5 * 41_001);
});
