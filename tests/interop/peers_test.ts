// The client against applications by other libraries: Go's net/http/fcgi, which shares connections, and libfcgi.

import {
  AppStatusError,
  authorizerVariables,
  type Client,
  type ClientOptions,
  createClient,
  ProtocolError,
} from "@webfcgi/webfcgi/client";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "../std/assert.ts";
import { textOrError } from "../client/application.ts";
import { isPeerMissing, type Peer, type PeerKind, startPeer } from "./peers.ts";
import { bounded, until } from "../helpers/waiting.ts";

const missing = { Go: isPeerMissing("Go"), libfcgi: isPeerMissing("libfcgi") };

/** Defines a test that runs, with an application of its own, for each way of using connections. */
function peerTest(
  kind: PeerKind,
  name: string,
  ways: Readonly<Record<string, ClientOptions>>,
  body: (client: Client, peer: Peer, stderr: string[]) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: missing[kind],
    fn: async (t) => {
      await using peer = await startPeer(kind);
      for (const [way, options] of Object.entries(ways)) {
        await t.step(way, async () => {
          const stderr: string[] = [];
          await using client = createClient(`unix:${peer.path}`, {
            onStderr: (text) => void stderr.push(text),
            ...options,
          });
          await body(client, peer, stderr);
        });
      }
    },
  });
}

const ofItsOwn = { "each on a connection of its own": {} };
const kept = { "over kept connections": { keepAlive: true } };
const shared = { "over shared connections": { multiplex: true, maxConnections: 2 } };
const everyWay = { ...ofItsOwn, ...kept, ...shared };

peerTest("Go", "fetch and Go's net/http/fcgi understand each other", everyWay, async (client) => {
  for (let round = 0; round < 3; round++) {
    const response = await client.fetch("https://example.com:8443/echo?a=b%20c", {
      method: "PUT",
      body: new Uint8Array(300_000),
      headers: { "x-a": "1", "content-type": "x/y" },
      params: { LONG: "l".repeat(100_000), REMOTE_USER: "anna" },
      remoteAddr: "192.0.2.1",
      remotePort: 1234,
    });
    assertEquals([response.status, response.headers.get("content-type")], [201, "text/plain; charset=utf-8"]);
    assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
    const { headers, env, ...rest } = await response.json();
    assertEquals(rest, {
      method: "PUT",
      url: "https://example.com:8443/echo?a=b%20c",
      host: "example.com:8443",
      remote: "192.0.2.1:1234",
      length: 300_000,
      error: "<nil>",
    });
    assertEquals(headers, { "Content-Type": ["x/y"], "X-A": ["1"] });
    assertEquals([env.LONG.length, env.REMOTE_USER], [100_000, "anna"]);
    const body = new Uint8Array(5_000_000).fill(round);
    const back = await (await client.fetch("/back", { method: "POST", body })).bytes();
    assert(back.length === body.length && back.every((byte) => byte === round));
    assertEquals((await (await client.fetch("/long")).text()).length, 16 << 20);
    assertEquals(await (await client.fetch("/long", { method: "HEAD" })).text(), "");
  }
});

peerTest("Go", "fetch sends Go a body of unknown length as it comes", {
  "as a stream": { unknownLengthBodies: "stream" },
  "collected": {},
}, async (client) => {
  const parts = Array.from({ length: 10 }, () => new Uint8Array(50_000));
  const response = await client.fetch("/echo", { method: "POST", body: ReadableStream.from(parts) });
  assertEquals((await response.json()).length, 500_000);
});

peerTest("Go", "fetch shares Go's connections, because it promises that it can", shared, async (client) => {
  assertEquals((await client.capabilities()).multiplex, true);
  await client.fetch("/slow");
  const texts = await Promise.all(Array.from({ length: 60 }, async (_, at) => {
    const response = await bounded(client.fetch(`/slow?${at}`), "an answer");
    return response.text();
  }));
  assertEquals(texts, Array.from({ length: 60 }, (_, at) => String(at)));
  assert(client.stats().connections <= 2);
});

peerTest("Go", "fetch rejects when a handler of Go panics", ofItsOwn, async (client) => {
  await assertRejects(() => bounded(client.fetch("/panic"), "a rejection"), ProtocolError);
});

peerTest("Go", "Go's handler cannot write on when the response is given up", everyWay, async (client, peer) => {
  await client.fetch("/slow");
  await Deno.remove(`${peer.path}.aborted`).catch(() => {});
  const controller = new AbortController();
  const response = await client.fetch("/until-aborted", { signal: controller.signal });
  const reader = response.body!.getReader();
  await reader.read();
  controller.abort();
  await assertRejects(() => reader.read(), DOMException);
  await until(() => peer.written(".aborted") !== "", "the handler to end");
  assertStringIncludes(peer.written(".aborted"), "write");
  assertEquals(await (await bounded(client.fetch("/slow?still"), "an answer")).text(), "still");
});

peerTest("libfcgi", "fetch and libfcgi understand each other", { ...ofItsOwn, ...kept }, async (client) => {
  for (let round = 0; round < 3; round++) {
    const response = await client.fetch("https://example.com/params?a=b", {
      headers: { "x-a": "1" },
      params: { LONG: "l".repeat(100_000), EMPTY: "" },
    });
    assertEquals([response.status, response.headers.get("content-type")], [200, "text/plain"]);
    const lines = (await response.text()).split("\n");
    for (const line of ["FCGI_ROLE=RESPONDER", "QUERY_STRING=a=b", "HTTP_X_A=1", "HTTPS=on", "EMPTY="]) {
      assert(lines.includes(line), line);
    }
    assert(lines.includes(`LONG=${"l".repeat(100_000)}`), "a pair longer than a record");
    const body = new Uint8Array(3_000_000).fill(round);
    const back = await client.fetch("/back", { method: "POST", body });
    assertEquals([back.status, back.statusText], [201, "Made"]);
    const bytes = await back.bytes();
    assert(bytes.length === body.length && bytes.every((byte) => byte === round));
    assertEquals(await (await client.fetch("/")).text(), "length 0");
    const unread = await client.fetch("/unread", { method: "POST", body });
    assertEquals([unread.status, await unread.text()], [413, "no"]);
  }
});

peerTest("libfcgi", "fetch asks libfcgi's Authorizer and Filter", { ...ofItsOwn, ...kept }, async (client) => {
  for (let round = 0; round < 2; round++) {
    const allowed = await client.fetch("/a", { role: "authorizer", headers: { authorization: "yes" } });
    assertEquals(authorizerVariables(allowed), { REMOTE_USER: "anna" });
    const denied = await client.fetch("/a", { role: "authorizer" });
    assertEquals([denied.status, await denied.text()], [401, "who are you?"]);
    const data = new Uint8Array(200_000);
    const filtered = await client.fetch("/a", { role: "filter", method: "POST", body: "abc", data });
    assertEquals(await filtered.text(), "3,200000,200000");
  }
});

peerTest(
  "libfcgi",
  "fetch rejects with the appStatus that libfcgi was told",
  ofItsOwn,
  async (client, _peer, stderr) => {
    const error = await assertRejects(() => bounded(client.fetch("/status"), "a rejection"), AppStatusError);
    assertEquals([error.appStatus, stderr], [7, ["about to fail\n"]]);
    assertStringIncludes(error.message, "about to fail");
  },
);

peerTest("libfcgi", "Client.capabilities tells what libfcgi says", ofItsOwn, async (client) => {
  assertEquals(await client.capabilities(), { maxConnections: 1, maxRequests: 1, multiplex: false });
});

peerTest("libfcgi", "Response body fails when libfcgi's application exits", ofItsOwn, async (client) => {
  const response = await client.fetch("/exit");
  assertInstanceOf(await textOrError(response), ProtocolError);
});
