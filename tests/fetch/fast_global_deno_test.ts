import { patchResponse } from "../../src/fetch/patch_globals.ts";
import { assertEquals } from "../std/assert.ts";

Deno.test("Deno.serve and caches take a Response when fastResponse is set", async () => {
  const release = patchResponse();
  const make = [() => new Response("text", { status: 201 }), () => Response.json({ a: 1 }), () => new Response(null)];
  let turn = 0;
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => make[turn]!());
  const answers: unknown[] = [];
  for (; turn < make.length; turn++) {
    const answer = await fetch(`http://127.0.0.1:${http.addr.port}`);
    answers.push([answer.status, await answer.text()]);
  }
  await http.shutdown();
  assertEquals(answers, [[201, "text"], [200, '{"a":1}'], [200, ""]]);

  const cache = await caches.open("webfcgi_test");
  await cache.put("http://example.com/", new Response("kept"));
  assertEquals(await (await cache.match("http://example.com/"))?.text(), "kept");
  await caches.delete("webfcgi_test");
  release();
});
