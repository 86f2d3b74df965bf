/** What web servers and their clients do to an application in a soak: each a function that does it once. */

import { createHash } from "node:crypto";
import type { Addr } from "../../mod.ts";
import { pattern } from "../app.ts";
import type { Random } from "../protocol/random.ts";
import { type Answer, type Asked, recordBytes, WebServer } from "../server/web_server.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { sleep } from "../helpers/waiting.ts";
import { latin1Text } from "../helpers/bytes.ts";

/** Plays one client's part; rejects if the application did not do as it must. */
export type Client = (addr: Addr, random: Random) => Promise<void>;

const MiB = 1 << 20;
/** The same bytes for all uploads: what is made anew each time would be the soak's own load. */
const bytes = pattern(0, 8 * MiB);

/** Opens a connection, has it used, and closes it, whatever happens. */
function onConnection(play: (web: WebServer, random: Random, addr: Addr) => Promise<void>): Client {
  return async (addr, random) => {
    const web = await WebServer.connect(addr, { node: true });
    try {
      await play(web, random, addr);
    } finally {
      await web.close();
    }
  };
}

function checkEcho(answer: Answer, uri: string): void {
  assertEquals(answer.status, 200);
  assertEquals(JSON.parse(answer.text).url, `http://example.com${uri}`);
}

/** Sends a body of known bytes in parts, and checks that the application got them. */
async function upload(web: WebServer, length: number, requestId: number, pause: () => Promise<void>): Promise<void> {
  const asked = web.begin({ method: "POST", uri: "/upload", requestId, params: { CONTENT_LENGTH: String(length) } });
  for (let at = 0; at < length; at += 100_000) {
    await web.stdin(requestId, bytes.subarray(at, Math.min(length, at + 100_000)));
    await pause();
  }
  web.stdinEnd(requestId);
  const { text } = await asked.answer();
  const sha256 = createHash("sha256").update(bytes.subarray(0, length)).digest("hex");
  assertEquals(JSON.parse(text), { length, sha256, contentLength: String(length) });
}

/** Has the application send known bytes, and checks them. */
async function download(web: WebServer, length: number, requestId: number): Promise<void> {
  const { body, status } = await web.ask({ uri: `/download?bytes=${length}`, requestId }).answer();
  assertEquals([status, body.length], [200, length]);
  assertEquals(body.findIndex((byte, at) => byte !== bytes[at]), -1);
}

const atOnce = (): Promise<void> => Promise.resolve();

/** One good request of any kind. */
async function goodRequest(web: WebServer, random: Random, requestId = 1): Promise<void> {
  const uri = `/echo/${random.below(1e6)}`;
  const choice = random.below(5);
  if (choice === 0) await upload(web, random.below(300_000), requestId, atOnce);
  else if (choice === 1) await download(web, random.below(300_000), requestId);
  else if (choice === 2) assertEquals((await web.ask({ uri: "/throw", requestId }).answer()).status, 500);
  else checkEcho(await web.ask({ uri, requestId }).answer(), uri);
}

/** How a client goes away. */
const ways: readonly ((web: WebServer, asked: Asked) => Promise<unknown> | void)[] = [
  async (web, asked): Promise<void> => {
    web.protocol.abort(asked.requestId);
    web.flush();
    await web.until(() => asked.end !== undefined || web.over, "the end of an aborted request");
    assert(asked.end !== undefined, "an aborted request has no END_REQUEST");
    const { text } = await web.ask({ uri: "/status/200", requestId: 77 }).answer();
    assertEquals(text, "status 200\n");
  },
  (web): Promise<void> => {
    web.halfClose();
    return web.untilEnded();
  },
  (web): Promise<void> => web.close(),
  (web): void => web.reset(),
];

/** How far a request is when its client goes away. */
const phases: readonly ((web: WebServer) => Promise<Asked>)[] = [
  async (web): Promise<Asked> => {
    const asked = web.begin({ uri: "/hang" });
    const sent = web.protocol.writer.take();
    await web.send(sent[0]!.slice(0, 16));
    return asked;
  },
  async (web): Promise<Asked> => {
    const asked = web.ask({ uri: "/hang" });
    await sleep(5);
    return asked;
  },
  async (web): Promise<Asked> => {
    const asked = web.begin({ method: "POST", uri: "/upload", params: { CONTENT_LENGTH: "100000" } });
    await web.stdin(1, bytes.subarray(0, 50_000));
    return asked;
  },
  async (web): Promise<Asked> => {
    const asked = web.begin({ method: "POST", uri: "/echo-body", params: { CONTENT_LENGTH: "1000000" } });
    await web.stdin(1, bytes.subarray(0, 400_000));
    return asked;
  },
  async (web): Promise<Asked> => {
    const asked = web.ask({ uri: `/download?bytes=${64 * MiB}`, discard: true });
    await web.until(() => asked.length > 0, "the first part of a download");
    return asked;
  },
  async (web): Promise<Asked> => {
    const asked = web.ask({ uri: "/drip", discard: true });
    await web.until(() => asked.length > 0, "the first drop");
    return asked;
  },
];

/** What breaks the protocol: the application must close, and nothing else. */
const violations: readonly ((random: Random) => Uint8Array)[] = [
  (random) => new Uint8Array([2 + random.below(250), ...random.bytes(100)]),
  () => new TextEncoder().encode("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"),
  () => recordBytes(1, 1, [0, 1, 1]),
  () => new Uint8Array([1, 9, 0, 0, 255, 255, 0, 0]),
  () => new Uint8Array([...recordBytes(1, 1, [0, 1, 1, 0, 0, 0, 0, 0]), ...recordBytes(5, 1, "early")]),
  () =>
    new Uint8Array([
      ...recordBytes(1, 1, [0, 1, 1, 0, 0, 0, 0, 0]),
      ...recordBytes(4, 1, "\x7f\x7fcut"),
      ...recordBytes(4, 1),
    ]),
];

/** All clients by their names. */
export const clients: { readonly [name: string]: Client } = {
  "good, kept": onConnection(async (web, random) => {
    for (let left = 20; left > 0; left--) await goodRequest(web, random);
    assert(!web.over, "a kept connection was closed");
  }),

  "good, new": onConnection(async (web, random) => {
    const uri = `/echo/${random.below(1e6)}?q=%2F`;
    checkEcho(await web.ask({ uri, keepConn: false }).answer(), uri);
    await web.untilEnded();
  }),

  "good, multiplexed": onConnection(async (web, random) => {
    await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((requestId) => goodRequest(web, random, requestId)));
  }),

  "big": onConnection(async (web, random) => {
    const length = random.below(8 * MiB);
    if (random.once(2)) await upload(web, length, 1, atOnce);
    else await download(web, length, 1);
  }),

  "slow reader": onConnection(async (web, random) => {
    const length = 1 * MiB + random.below(2 * MiB);
    const asked = web.ask({ uri: `/download?bytes=${length}&length` });
    const answer = asked.answer();
    // It is awaited only later.
    answer.catch(() => {});
    for (let round = 0; round < 15 && asked.end === undefined; round++) {
      web.pause();
      await sleep(20 + random.below(60));
      web.resume();
      await sleep(2);
    }
    assertEquals((await answer).body.length, length);
  }),

  "slow sender": onConnection(async (web, random) => {
    const asked = web.begin({ uri: "/echo/slow" });
    const head = web.protocol.writer.take()[0]!;
    for (let at = 0; at < head.length; at += 60) {
      await web.send(head.slice(at, at + 60));
      await sleep(random.below(20));
    }
    web.stdinEnd(1);
    checkEcho(await asked.answer(), "/echo/slow");
    await upload(web, 500_000, 2, () => sleep(random.below(50)));
  }),

  "aborting": onConnection(async (web, random) => {
    const asked = await random.pick(phases)(web);
    // Not read: the application's writes are stuck, and so may be its view of ours.
    if (random.once(4)) {
      web.pause();
      await sleep(30);
      return random.once(2) ? web.reset() : web.close();
    }
    await random.pick(ways)(web, asked);
  }),

  "early answer": onConnection(async (web, random) => {
    const length = 100_000 + random.below(400_000);
    const params = { CONTENT_LENGTH: String(length) };
    const asked = web.begin({ method: "POST", uri: "/echo/early", params });
    await web.stdin(1, bytes.subarray(0, length / 2));
    checkEcho(await asked.answer(), "/echo/early");
    await web.stdin(1, bytes.subarray(length / 2, length));
    web.stdinEnd(1);
    checkEcho(await web.ask({ uri: "/echo/next" }).answer(), "/echo/next");
  }),

  "broken": async (addr, random) => {
    const web = await WebServer.connect(addr, { node: true, raw: true });
    try {
      await web.send(random.pick(violations)(random));
      await web.untilEnded();
    } finally {
      await web.close();
    }
  },

  "half": onConnection(async (web, random) => {
    const bytes = recordBytes(4, 1, "x".repeat(50));
    if (random.once(2)) await web.send(recordBytes(1, 1, [0, 1, 1, 0, 0, 0, 0, 0]));
    if (random.once(2)) await web.send(bytes.subarray(0, 1 + random.below(bytes.length)));
    // Some go by themselves, the others wait for headTimeoutMs.
    if (random.once(2)) await sleep(random.below(100));
    else await web.untilEnded();
  }),

  "failing response": onConnection(async (web) => {
    const asked = web.ask({ uri: "/break" });
    await web.until(() => web.over || web.broken !== undefined || asked.end !== undefined, "the response to break");
    assert(asked.end === undefined, "a response that failed has ended well");
    assert(latin1Text(asked.stdout.subarray(0, 200)).includes("Status: 200"), "the response did not begin");
  }),
};
