import { assertEquals, assertLess, assertStringIncludes } from "../std/assert.ts";
import { serveTest, sleep } from "./scene.ts";
import { encode } from "./web_server.ts";

serveTest("info.log sends a line to FCGI_STDERR after the head", {
  fetch(_, info) {
    info.log("one");
    info.log("tw\u00f6");
    return new Response("hello");
  },
}, async ({ connect }) => {
  const web = await connect();
  for (let i = 0; i < 2; i++) {
    const asked = web.ask();
    const answer = await asked.answer();
    assertEquals([answer.text, answer.stderr], ["hello", "one\ntw\u00f6\n"]);
    assertEquals(asked.order, ["out", "err", "end"]);
  }
});

serveTest("info.log sends a line at once when the head has been sent", {
  fetch: (_, info) =>
    new Response(
      new ReadableStream({
        async start(controller): Promise<void> {
          info.log("before");
          controller.enqueue(encode("first "));
          await sleep(10);
          info.log("between");
          await sleep(10);
          controller.enqueue(encode("second"));
          controller.close();
        },
      }),
    ),
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.ask();
  await web.until(() => asked.stderr.includes("between"), "the line");
  assertEquals(asked.bodyText, "first ");
  const answer = await asked.answer();
  assertEquals([answer.text, answer.stderr], ["first second", "before\nbetween\n"]);
  assertEquals([asked.order[0], asked.order.at(-1)], ["out", "end"]);
});

serveTest("info.log keeps a bounded amount of text until the head is sent", {
  fetch(_, info) {
    for (let i = 0; i < 10_000; i++) info.log("x".repeat(100));
    return new Response("hello");
  },
}, async ({ ask }) => {
  const { stderr } = await ask();
  assertEquals(stderr.length <= 65_600, true);
  assertStringIncludes(stderr.slice(-3), "\u2026");
});

serveTest("info.log keeps a bounded amount of text while the web server does not read", {
  fetch: (_, info) =>
    new Response(
      new ReadableStream({
        async start(controller): Promise<void> {
          controller.enqueue(encode("first "));
          await sleep(5);
          for (let i = 0; i < 20; i++) {
            for (let j = 0; j < 200; j++) info.log("x".repeat(10_000));
            await sleep(1);
          }
          controller.enqueue(encode("second"));
          controller.close();
        },
      }),
    ),
}, async ({ connect }) => {
  const web = await connect();
  const asked = web.ask();
  web.pause();
  await sleep(150);
  web.resume();
  assertEquals((await asked.answer()).text, "first second");
  // 40 MB were logged; what is left is what the kernel took, and the last 64 KiB.
  assertLess(asked.stderr.length, 20_000_000);
});
