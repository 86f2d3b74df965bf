import { takeStaticBody } from "../../src/fetch/static_body.ts";
import { assertEquals } from "../std/assert.ts";

/** A response of which headers have been read. */
function read(response: Response): Response {
  response.headers;
  return response;
}

Deno.test("takeStaticBody finds strings and bytes where Deno keeps them", async () => {
  const bytes = new Uint8Array([1, 2]);
  assertEquals(takeStaticBody(read(new Response("text"))), "text");
  assertEquals(takeStaticBody(read(new Response("", { status: 404, headers: { a: "b" } }))), "");
  assertEquals(takeStaticBody(read(new Response(bytes))), bytes);
  assertEquals(takeStaticBody(read(new Response(bytes.buffer))), bytes);
  assertEquals(takeStaticBody(read(Response.json({ a: 1 }))), '{"a":1}');
  assertEquals(takeStaticBody(read(new Response(new URLSearchParams("a=b")))), "a=b");
  assertEquals(takeStaticBody(read(new Response("text").clone())), "text");
  const response = new Response("text");
  assertEquals([takeStaticBody(read(response)), response.bodyUsed], ["text", true]);
  assertEquals(await response.text().catch((error) => error instanceof TypeError), true);
});

Deno.test("takeStaticBody leaves the others to be read as streams", async () => {
  const used = new Response("text");
  await used.text();
  const asked = new Response("text");
  asked.body;
  class Other extends Response {}
  const others = [
    used,
    asked,
    new Response(),
    new Response(new Blob(["text"])),
    new Response(new Blob(["text"]).stream()),
    new Other("text"),
    Response.error(),
  ];
  for (const other of others) assertEquals(takeStaticBody(read(other)), undefined);
  assertEquals(takeStaticBody(Object.create(Response.prototype)), undefined);
});
