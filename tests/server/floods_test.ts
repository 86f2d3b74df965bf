import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FCGI_BEGIN_REQUEST, FCGI_PARAMS, FCGI_STDIN } from "@webfcgi/webfcgi/codec";
import { assert, assertEquals } from "../std/assert.ts";
import { inScene, type Scene } from "./scene.ts";
import { recordBytes, WebServer } from "./web_server.ts";
import { until } from "../helpers/waiting.ts";

/** Connections that are opened at a time: fewer than any backlog. */
const AT_A_TIME = 50;
/** Descriptors that the process needs besides. */
const SPARE_DESCRIPTORS = 200;

/** As many connections as wanted, or as many as the process may have both ends of; fewer is a printed note. */
function affordable(wanted: number): number {
  let limit = Infinity;
  try {
    // Deno, Bun and Node raise the limit to the hard one when they start.
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    if (soft !== undefined) limit = Number(soft);
  } catch {
    // No `/proc`: the system tells when there are too many.
  }
  const count = Math.min(wanted, Math.floor((limit - SPARE_DESCRIPTORS) / 2));
  if (count < wanted) console.log(`${count} connections instead of ${wanted}: ulimit -n is ${limit}`);
  return count;
}

/** Opens `count` connections, and has each do something. */
async function connectMany(scene: Scene, count: number, then: (web: WebServer) => unknown): Promise<WebServer[]> {
  const webs: WebServer[] = [];
  while (webs.length < count) {
    const batch = await Promise.all(
      Array.from({ length: Math.min(AT_A_TIME, count - webs.length) }, () => scene.connect()),
    );
    for (const web of batch) await then(web);
    webs.push(...batch);
  }
  return webs;
}

/** A request is answered as if nothing were, and once all others have gone nothing is left of them. */
async function checkCalm({ server, ask }: Scene): Promise<void> {
  assertEquals((await ask({ uri: "/calm" })).text, "http://example.com/calm");
  await until(() => server.stats().connections === 0, "the connections to go");
  assertEquals(server.stats().activeRequests, 0);
}

const fetch = (request: Request): Response => new Response(request.url);
const roomy = { fetch, maxConnections: 4096 };

Deno.test("serve answers at once among 2,000 idle connections", async () => {
  await inScene(roomy, async (scene) => {
    const { server, ask } = scene;
    const count = affordable(2000);
    const webs = await connectMany(scene, count, () => {});
    await until(() => server.stats().connections === count, "all connections");
    assertEquals((await ask({ uri: "/among" })).text, "http://example.com/among");
    await until(() => server.stats().connections === count, "the asker's connection to go");
    // They are alive, not only open.
    for (const web of [webs[0]!, webs.at(-1)!]) assertEquals((await web.ask().answer()).text, "http://example.com/");
    await Promise.all(webs.map((web) => web.close()));
    await checkCalm(scene);
  });
});

Deno.test("serve answers at once among 500 half requests", async () => {
  const begin = recordBytes(FCGI_BEGIN_REQUEST, 1, [0, 1, 1, 0, 0, 0, 0, 0]);
  const half = recordBytes(FCGI_PARAMS, 1, "x".repeat(300)).subarray(0, 200);
  const parameters = "\x0e\x04REQUEST_METHODPOST\x09\x01HTTP_HOSTa\x0e\x02CONTENT_LENGTH10";
  const whole = [
    recordBytes(FCGI_PARAMS, 1, parameters),
    recordBytes(FCGI_PARAMS, 1),
    recordBytes(FCGI_STDIN, 1, "half"),
  ];
  const halves: readonly (readonly Uint8Array[])[] = [[begin.subarray(0, 5)], [begin], [begin, half], [
    begin,
    ...whole,
  ]];
  let failed = 0;
  await inScene({
    ...roomy,
    async fetch(request) {
      if (request.method === "POST") await request.text().catch(() => failed++);
      return fetch(request);
    },
  }, async (scene) => {
    const { server, ask } = scene;
    let next = 0;
    const webs = await connectMany(scene, affordable(500), (web) => web.send(...halves[next++ % halves.length]!));
    const waiting = Math.floor(webs.length / halves.length);
    await until(() => server.stats().activeRequests === waiting, "the requests whose parameters are whole");
    assertEquals((await ask({ uri: "/among" })).text, "http://example.com/among");
    await Promise.all(webs.map((web) => web.close()));
    await until(() => failed === waiting, "the half bodies to fail");
    await checkCalm(scene);
  });
});

Deno.test("serve answers 5,000 TCP connections one after another", () =>
  inScene({ fetch }, (scene) => oneAfterAnother(scene, 5000)));

Deno.test("serve answers 5,000 unix connections one after another", async () => {
  const folder = mkdtempSync(join(tmpdir(), "webfcgi-"));
  try {
    await inScene({ fetch, path: join(folder, "s.sock") }, (scene) => oneAfterAnother(scene, 5000));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

async function oneAfterAnother(scene: Scene, count: number): Promise<void> {
  const { server, addr } = scene;
  for (let i = 0; i < count; i++) {
    // Not the scene's own, which remembers each.
    const web = await WebServer.connect(addr);
    assertEquals((await web.ask({ uri: `/${i}`, keepConn: i % 2 === 0 }).answer()).text, `http://example.com/${i}`);
    await web.close();
  }
  assert(server.stats().connections < 50, `${server.stats().connections} connections are still open`);
  assertEquals(server.stats().requests, count);
  await checkCalm(scene);
}

Deno.test("serve answers 10,000 requests on one connection, one after another", () =>
  inScene({ fetch }, async (scene) => {
    const web = await scene.connect();
    for (let i = 0; i < 10_000; i++) {
      assertEquals((await web.ask({ uri: `/${i}` }).answer()).text, `http://example.com/${i}`);
    }
    assertEquals(scene.server.stats().connections, 1);
    await web.close();
    await checkCalm(scene);
  }));

Deno.test("serve answers 10,000 requests on one connection, 100 at a time", () =>
  inScene({ fetch }, async (scene) => {
    const web = await scene.connect();
    for (let round = 0; round < 100; round++) {
      const asked = Array.from({ length: 100 }, (_, i) => web.ask({ requestId: i + 1, uri: `/${round}/${i}` }));
      for (const [i, one] of asked.entries()) {
        assertEquals((await one.answer()).text, `http://example.com/${round}/${i}`);
      }
    }
    await web.close();
    await checkCalm(scene);
  }));
