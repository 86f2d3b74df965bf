import { serve, serveConnection } from "@webfcgi/webfcgi";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { patchGlobals, patchResponse } from "../../src/fetch/patch_globals.ts";
import { assert, assertEquals, assertNotStrictEquals, assertRejects, assertStrictEquals } from "../std/assert.ts";
import { outcome } from "../server/outcome.ts";
import { inScene, isBun } from "../server/scene.ts";
import { begin, bytesOf, pairs, params, stdin } from "../vectors/wire.ts";
import { differences, snapshot } from "./global_snapshot.ts";

const hello = (): Response => new Response("hello");

Deno.test("patchGlobals leaves everything as it was once all users have released it", () => {
  const before = snapshot();
  const first = patchGlobals();
  const patched = snapshot();
  const second = patchGlobals();
  assertEquals(differences(patched, snapshot()), []);
  for (const name of ["fetch", "Request", "forEach"]) assert(differences(before, patched).includes(name), name);
  first();
  first();
  assertEquals(differences(patched, snapshot()), []);
  second();
  assertEquals(differences(before, snapshot()), []);
});

for (const making of [[patchGlobals, patchResponse], [patchResponse, patchGlobals]]) {
  for (const order of [[0, 1], [1, 0]]) {
    const names = making.map(({ name }) => name);
    const what = `${names.join(" and ")} leave everything as it was when ${names[order[0]!]} is released first`;
    Deno.test(what, () => {
      const before = snapshot();
      const releases = making.map((make) => make());
      releases[order[0]!]!();
      assertNotStrictEquals(differences(before, snapshot()).length, 0);
      releases[order[1]!]!();
      assertEquals(differences(before, snapshot()), []);
    });
  }
}

Deno.test("patchGlobals leaves alone what someone else has put over it", async () => {
  const { fetch: original } = globalThis;
  const release = patchGlobals();
  const patched = globalThis.fetch;
  const other = ((...args: Parameters<typeof fetch>) => patched(...args)) as typeof fetch;
  globalThis.fetch = other;
  try {
    release();
    assertStrictEquals(globalThis.fetch, other);
    assertEquals(await (await fetch("data:,still")).text(), "still");
  } finally {
    globalThis.fetch = original;
  }
});

for (const options of [{}, { fastResponse: true }, { patchGlobals: false, fastResponse: true }]) {
  Deno.test(`serve leaves the globals as they were once it has finished, with ${JSON.stringify(options)}`, async () => {
    const before = snapshot();
    const servers = [1, 2].map(() => serve({ port: 0, quiet: true, ...options }, hello));
    await Promise.all(servers.map(({ ready }) => ready));
    assert(differences(before, snapshot()).length > 0);
    await servers[0]!.close();
    assert(differences(before, snapshot()).length > 0);
    await servers[1]!.shutdown();
    assertEquals(differences(before, snapshot()), []);
  });
}

Deno.test("serve leaves the globals as they were when it cannot listen", async () => {
  const before = snapshot();
  const server = serve({ hostname: "203.0.113.9", port: 0, quiet: true, fastResponse: true }, hello);
  await assertRejects(() => server.ready, Error, "Cannot listen");
  assertEquals(differences(before, snapshot()), []);
});

for (
  const options of [{ patchGlobals: false }, { patchGlobals: false, request: "lazy" }] as const
) {
  Deno.test(`serve never changes the globals with ${JSON.stringify(options)}`, async () => {
    const before = snapshot();
    let during: string[] | undefined;
    const fetch = (): Response => {
      during = differences(before, snapshot());
      return hello();
    };
    await inScene({ ...options, fetch }, async ({ ask }) => void await ask());
    assertEquals(during, []);
  });
}

Deno.test("serveConnection never changes the globals", async () => {
  const before = snapshot();
  let during: string[] | undefined;
  const values = pairs("REQUEST_METHOD", "GET", "REQUEST_URI", "/", "HTTP_HOST", "a");
  const bytes = bytesOf([begin(1, 1, 0), params(1, values), params(1), stdin(1)]);
  const readable = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  await serveConnection({ readable, writable: new WritableStream() }, () => {
    during = differences(before, snapshot());
    return hello();
  });
  assertEquals(during, []);
});

/** What a handler does to pass its request on, and what an HTTP server, or a copy's reader, sees of it. */
const passes: Record<string, (request: Request) => unknown> = {
  "fetch(request)": async (request) => await (await fetch(request)).json(),
  "fetch(request, init)": async (request) => await (await fetch(request, { headers: { "x-a": "2" } })).json(),
  "new Request(request)": (request) => seen(new Request(request)),
  "new Request(request, init)": (request) => seen(new Request(request, { headers: { "x-a": "2" } })),
  "Request.prototype.text.call(request)": (request) => Request.prototype.text.call(request),
  "Headers.prototype.get.call(request.headers)": (request) => Headers.prototype.get.call(request.headers, "x-a"),
  "new Headers(request.headers)": (request) => new Headers(request.headers).get("x-a"),
  "fetch(request.url, request)": async (request) => await (await fetch(request.url, request)).json(),
  "fetch(request.clone())": async (request) => await (await fetch(request.clone())).json(),
  "new Request(request.url, request)": (request) => seen(new Request(request.url, request)),
  "new Request(request.clone(), init)": (request) => seen(new Request(request.clone(), { headers: { "x-a": "2" } })),
};

async function seen(request: Request): Promise<unknown> {
  return [request.method, request.headers.get("x-a"), await request.text()];
}

const same = ["POST", "1", "hello"];
const changed = ["POST", "2", "hello"];
const refused = "throws TypeError";

/** Where the globals are patched. */
const patched: Record<string, unknown> = {
  "fetch(request)": same,
  "fetch(request, init)": changed,
  "new Request(request)": same,
  "new Request(request, init)": changed,
  "Request.prototype.text.call(request)": "hello",
  "Headers.prototype.get.call(request.headers)": "1",
  "new Headers(request.headers)": "1",
  "fetch(request.url, request)": same,
  "fetch(request.clone())": same,
  "new Request(request.url, request)": same,
  "new Request(request.clone(), init)": changed,
};
/** Where they are not: what bypasses the prototype chain is refused; but Bun takes some of it, and loses the method. */
const unpatched: Record<string, unknown> = {
  ...patched,
  "Request.prototype.text.call(request)": refused,
  "Headers.prototype.get.call(request.headers)": refused,
  ...(isBun() ? { "new Request(request, init)": ["GET", "2", "hello"] } : {
    "fetch(request)": refused,
    "fetch(request, init)": refused,
    "new Request(request)": refused,
    "new Request(request, init)": refused,
  }),
};

for (const [patchGlobals, expected] of [[true, patched], [false, unpatched]] as const) {
  Deno.test(`a lazy request is passed on as documented when patchGlobals is ${patchGlobals}`, async () => {
    const http = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (chunk: string) => body += chunk).on("end", () => {
        response.setHeader("connection", "close");
        response.end(JSON.stringify([request.method, request.headers["x-a"], body]));
      });
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const outcomes: Record<string, unknown> = {};
    let name = "";
    const fetch = async (request: Request): Promise<Response> => {
      outcomes[name] = await outcome(passes[name]!, request);
      return hello();
    };
    try {
      await inScene({ request: "lazy", patchGlobals, fetch }, async ({ connect }) => {
        const web = await connect();
        const params = { HTTP_HOST: `127.0.0.1:${(http.address() as AddressInfo).port}`, HTTP_X_A: "1" };
        for (name of Object.keys(passes)) await web.ask({ method: "POST", params, body: "hello" }).answer();
      });
    } finally {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    }
    for (const [name, value] of Object.entries(expected)) {
      assertEquals(outcomes[name], value === refused ? refused : JSON.stringify(value), name);
    }
  });
}
