import { takeMemoryBody } from "../../src/server/memory_body.ts";
import { assertEquals } from "../std/assert.ts";

/** A response of which headers have been read. */
function read(response: Response): Response {
  response.headers;
  return response;
}

Deno.test("takeMemoryBody finds strings and bytes where Deno keeps them", async () => {
  const bytes = new Uint8Array([1, 2]);
  assertEquals(takeMemoryBody(read(new Response("text"))), "text");
  assertEquals(takeMemoryBody(read(new Response("", { status: 404, headers: { a: "b" } }))), "");
  assertEquals(takeMemoryBody(read(new Response(bytes))), bytes);
  assertEquals(takeMemoryBody(read(new Response(bytes.buffer))), bytes);
  assertEquals(takeMemoryBody(read(Response.json({ a: 1 }))), '{"a":1}');
  assertEquals(takeMemoryBody(read(new Response(new URLSearchParams("a=b")))), "a=b");
  const response = new Response("text");
  assertEquals([takeMemoryBody(read(response)), response.bodyUsed], ["text", true]);
  assertEquals(await response.text().catch((error) => error instanceof TypeError), true);
});

Deno.test("takeMemoryBody leaves the others to be read as streams", async () => {
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
    new Response("text").clone(),
    new Other("text"),
    Response.error(),
    Object.create(Response.prototype),
  ];
  assertEquals(others.slice(0, 5).map((other) => takeMemoryBody(read(other))), Array(5).fill(undefined));
  assertEquals(takeMemoryBody(read(others[5])), "text");
  assertEquals(others.slice(6, 8).map((other) => takeMemoryBody(read(other))), [undefined, undefined]);
  assertEquals(takeMemoryBody(others[8]), undefined);
});
