// Applications of frameworks behind nginx, as webfcgi config writes it: at the root, under a path that they know, and
// under one that they do not.

import { webServerConfig } from "../../src/config.ts";
import { bundle } from "../helpers/bundle.ts";
import { sleep, until } from "../helpers/waiting.ts";
import { findRuntimes } from "../runtimes.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { withFolder } from "./program.ts";
import { start } from "./service_scene.ts";
import { freePort } from "./web_server.ts";

/** An application at a URL. */
interface Visit {
  readonly framework: string;
  /** With the path of the mount. */
  readonly url: string;
  readonly client: Deno.HttpClient;
}

type Check = (visit: Visit) => Promise<void>;

function ask({ framework, url, client }: Visit, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("x-framework", framework);
  return fetch(url + path, { ...init, headers, client, redirect: "manual" });
}

async function json(visit: Visit, path: string, init?: RequestInit): Promise<unknown> {
  const response = await ask(visit, path, init);
  const text = await response.text();
  assertEquals(response.status, 200, text);
  return JSON.parse(text);
}

function postJson(visit: Visit, path: string, body: unknown): Promise<unknown> {
  return json(visit, path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
const sum = bytes.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0);
const file = new File([bytes], "ä.bin", { type: "application/octet-stream" });

async function routes(visit: Visit): Promise<void> {
  // What a client sees: under stripMount, the application sees the URL without the mount.
  const { id, a, url } = await json(visit, "/users/7?a=b") as Record<string, string>;
  assertEquals([id, a, url!.replace("/app", "")], ["7", "b", `${visit.url.replace("/app", "")}/users/7?a=b`]);
}

async function forms(visit: Visit): Promise<void> {
  assertEquals(await postJson(visit, "/json", { n: 1 }), { n: 2 });
  const body = new URLSearchParams({ n: "1", m: "ä ß" });
  assertEquals(await json(visit, "/form", { method: "POST", body }), { n: "1", m: "ä ß" });
}

async function upload(visit: Visit): Promise<void> {
  const body = new FormData();
  body.set("title", "ü");
  body.set("file", file);
  const all = { title: "ü", name: "ä.bin", size: bytes.length, sum };
  assertEquals(await json(visit, "/upload", { method: "POST", body }), all);
}

async function rawUpload(visit: Visit): Promise<void> {
  const headers = { "content-type": "application/octet-stream" };
  assertEquals(await json(visit, "/raw", { method: "POST", headers, body: bytes }), { size: bytes.length, sum });
}

async function redirects(visit: Visit): Promise<void> {
  const response = await ask(visit, "/redirect");
  await response.body?.cancel();
  const location = new URL(response.headers.get("location") ?? "", visit.url).href;
  assertEquals([response.status, location], [302, `${visit.url}/users/7?a=b`]);
}

async function cookies(visit: Visit, path = "/cookies"): Promise<void> {
  const response = await ask(visit, path, { headers: { cookie: "a=1" } });
  assert((await response.text()).includes('"1"'));
  assertEquals(response.headers.getSetCookie().map((cookie) => cookie.split(";")[0]), ["b=2", "c=3"]);
}

/** The first event arrives before the last one is sent. */
async function events(visit: Visit, path = "/events", init: RequestInit = {}): Promise<void> {
  const response = await ask(visit, path, { ...init, headers: { accept: "text/event-stream", ...init.headers } });
  assertEquals(response.headers.get("content-type")?.split(";")[0], "text/event-stream");
  const seen: string[] = [];
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const found = piece.match(/\b(?:one|two|three)\b/g);
    if (found !== null) seen.push(found.join());
  }
  assertEquals(seen.join(), "one,two,three");
  assert(seen.length > 1, "all events arrive at once");
}

async function abort(visit: Visit, path: (name: string) => string = (name) => `/slow?name=${name}`): Promise<void> {
  const name = crypto.randomUUID();
  const controller = new AbortController();
  const asked = ask(visit, path(name), { signal: controller.signal }).catch(() => undefined);
  // Time for it to arrive; if it has not, the wait below is in vain.
  await sleep(300);
  controller.abort();
  await asked;
  await until(async () => (await json(visit, "/aborted") as string[]).includes(name), "the request to be aborted");
}

const all: readonly Check[] = [routes, forms, upload, redirects, cookies, events, abort];
const node: readonly Check[] = [routes, forms, rawUpload, redirects, cookies, events, abort];

async function graphql(visit: Visit): Promise<void> {
  const answer = (query: string): Promise<unknown> => postJson(visit, "/graphql", { query });
  assertEquals(await answer('{ user(id: "7") }'), { data: { user: "user 7" } });
  assertEquals(await answer("mutation { next(n: 1) }"), { data: { next: 2 } });
  const body = new FormData();
  const query = 'mutation ($file: File!) { upload(title: "ü", file: $file) { title name size sum } }';
  body.set("operations", JSON.stringify({ query, variables: { file: null } }));
  body.set("map", JSON.stringify({ 0: ["variables.file"] }));
  body.set("0", file);
  assertEquals(await json(visit, "/graphql", { method: "POST", body }), {
    data: { upload: { title: "ü", name: "ä.bin", size: bytes.length, sum } },
  });
  await events(visit, `/graphql?query=${encodeURIComponent("subscription { events }")}`);
  await abort(visit, (name) => `/graphql?query=${encodeURIComponent("{ slow }")}&name=${name}`);
}

async function trpc(visit: Visit): Promise<void> {
  const { result } = await json(visit, "/trpc/user?input=%227%22") as { result: { data: { id: string; url: string } } };
  assertEquals(result.data.id, "7");
  assertEquals(await postJson(visit, "/trpc/next", 1), { result: { data: 2 } });
  const body = new FormData();
  body.set("title", "ü");
  body.set("file", file);
  const data = { title: "ü", name: "ä.bin", size: bytes.length, sum };
  assertEquals(await json(visit, "/trpc/upload", { method: "POST", body }), { result: { data } });
  await cookies(visit, "/trpc/cookies");
  await events(visit, "/trpc/events");
  await abort(visit, (name) => `/trpc/slow?name=${name}`);
}

const checks: Readonly<Record<string, readonly Check[]>> = {
  "Hono": all,
  "h3": all,
  "itty-router": all,
  "Elysia": all,
  "React Router": all,
  "graphql-yoga": [graphql],
  "tRPC": [trpc],
};
const nodeChecks: Readonly<Record<string, readonly Check[]>> = { "Express": node, "Fastify": node };

for (const runtime of await findRuntimes()) {
  if (!["deno", "bun", "node24"].includes(runtime.name)) continue;
  const all = { ...checks, ...runtime.name === "node24" ? nodeChecks : {} };
  Deno.test({
    name: `frameworks answer behind nginx on ${runtime.name}, at the root and under a path: ${
      Object.keys(all).join(", ")
    }`,
    ignore: isMissing("nginx"),
    fn: () =>
      withFolder(async (folder) => {
        await bundle(new URL("frameworks/process.js", import.meta.url), `${folder}/process.mjs`);
        const sockets = ["root", "base", "strip"].map((name) => `${folder}/${name}.sock`);
        await using process = start([...runtime.command, `${folder}/process.mjs`, ...sockets]);
        // Connections are not kept: nginx is stopped while there are some.
        using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
        const faults: string[] = [];
        const visitAll = async (socket: string): Promise<void> => {
          await until(() => Deno.stat(socket).then(() => true, () => false), socket);
          const port = freePort();
          const mount = socket.endsWith("root.sock") ? "" : "/app";
          const { files, modules } = webServerConfig("nginx", {
            listen: socket,
            mount,
            host: `localhost:${port}`,
            upload: "2M",
          });
          await using _web = await startOnDebian("nginx", { files, modules, port });
          await Promise.all(
            Object.entries(all).map(async ([framework, checks]) => {
              for (const check of checks) {
                await check({ framework, url: `http://localhost:${port}${mount}`, client }).catch((error) => {
                  faults.push(`${framework} at ${socket.slice(folder.length + 1)}, ${check.name}: ${error.message}`);
                });
              }
            }),
          );
        };
        await Promise.all(sockets.map(visitAll));
        assertEquals(faults, [], process.said());
      }),
  });
}
