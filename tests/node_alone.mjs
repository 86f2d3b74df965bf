// What distributions run after a build: the package's own use, with nothing but Node.
//
//     node scripts/package.mjs --out=npm && node --test tests/node_alone.mjs

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = process.env.WEBFCGI_PACKAGE ?? "npm";
const { exports, version, bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const load = (name) => import(pathToFileURL(join(folder, exports[name].default)).href);
const [{ serve }, { createClient }, { bridge }, { webServerConfig }, { decodePairs, encodePairs }] = await Promise.all(
  [".", "./client", "./bridge", "./config", "./codec"].map(load),
);

/** Calls `use` with a server, a client of it, and a folder; ends all three. */
async function inScene(handler, use) {
  const temp = mkdtempSync(join(tmpdir(), "webfcgi-"));
  for (const address of ["127.0.0.1:0", join(temp, "app.sock")]) {
    const server = serve({ address, quiet: true }, handler);
    await server.ready;
    const { path, port } = server.addr;
    const client = createClient(path === undefined ? { port } : { path });
    try {
      await use(client, temp);
    } finally {
      await client.close();
      await server.shutdown();
    }
  }
  rmSync(temp, { recursive: true });
}

test("a handler answers over TCP and over a unix socket", () =>
  inScene((request, info) => new Response(`${request.method} ${request.url} ${info.pathInfo}`), async (client) => {
    const response = await client.fetch("http://a.example/b%20c?d");
    assert.equal(await response.text(), "GET http://a.example/b%20c?d /b c");
  }));

test("bodies pass both ways", () =>
  inScene(async (request) => new Response(await request.bytes?.() ?? await request.arrayBuffer()), async (client) => {
    const body = new Uint8Array(1_000_000).map((_, at) => at);
    const response = await client.fetch("http://a.example/", { method: "POST", body });
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), body);
  }));

test("a handler learns that its client has left", async () => {
  let gone;
  await inScene(async (request) => {
    gone = new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    await gone;
    return new Response();
  }, async (client) => {
    const leaving = new AbortController();
    const asked = client.fetch("http://a.example/", { signal: leaving.signal });
    setTimeout(() => leaving.abort(), 50);
    await assert.rejects(asked);
    await gone;
  });
});

test("the bridge serves files and asks the application", () =>
  inScene(({ url }) => new Response(`application ${new URL(url).pathname}`), async (client, temp) => {
    writeFileSync(join(temp, "hello.txt"), "a file");
    const site = bridge(client, { root: temp, frontController: "" });
    assert.equal(await (await site(new Request("http://localhost/hello.txt"))).text(), "a file");
    assert.equal(await (await site(new Request("http://localhost/other"))).text(), "application /other");
  }));

test("pairs, configurations and the command work", () => {
  assert.deepEqual(decodePairs(encodePairs(["A", "b"])), ["A", "b"]);
  assert.match(webServerConfig("nginx").text, /fastcgi_pass/);
  const { stdout } = spawnSync(process.execPath, [join(folder, bin.webfcgi), "--version"], { encoding: "utf8" });
  assert.equal(stdout, `webfcgi ${version}\n`);
});
