// What nginx and Apache sent, sent again over a socket: ../vectors/README.md.

import captures from "../vectors/captures.json" with { type: "json" };
import { assertEquals, assertGreater } from "../std/assert.ts";
import { serveTest } from "./scene.ts";

let seen: { params: string[]; request: Request }[] = [];

serveTest("serve takes what nginx and Apache were seen to send", {
  fetch(request, { params }) {
    seen.push({ params: [...params].flat(), request });
    return new Response(request.method === "HEAD" ? null : request.url);
  },
}, async ({ connect, errors }) => {
  const web = await connect();
  let served = 0;
  for (const { server, config, common, requests } of captures) {
    for (const { request, params } of requests) {
      const name = `${server} ${config} ${request}`;
      const pairs = [...common, ...params];
      seen = [];
      const asked = web.beginWith(pairs);
      web.stdinEnd(1);
      const { status, end } = await asked.answer();
      assertEquals(end, { appStatus: 0, protocolStatus: 0 }, name);
      if (seen.length === 0) assertEquals([400, 501].includes(status), true, `${name}: ${status}`);
      for (const it of seen) {
        served++;
        assertEquals(it.params, pairs, name);
        assertEquals([status, new URL(it.request.url).href], [200, it.request.url], name);
      }
    }
  }
  assertGreater(served, 100);
  assertEquals(errors, []);
});
