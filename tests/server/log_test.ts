import type { HandlerInfo } from "@webfcgi/webfcgi";
import { FCGI_STDERR } from "@webfcgi/webfcgi/codec";
import { assertEquals, assertLess, assertStringIncludes } from "../std/assert.ts";
import { serveTest } from "./scene.ts";
import { sleep } from "../helpers/waiting.ts";
import { concat, utf8Bytes } from "../helpers/bytes.ts";
import { recordsOf } from "../helpers/records.ts";

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
          controller.enqueue(utf8Bytes("first "));
          await sleep(10);
          info.log("between");
          await sleep(10);
          controller.enqueue(utf8Bytes("second"));
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
          controller.enqueue(utf8Bytes("first "));
          await sleep(5);
          for (let i = 0; i < 20; i++) {
            for (let j = 0; j < 200; j++) info.log("x".repeat(10_000));
            await sleep(1);
          }
          controller.enqueue(utf8Bytes("second"));
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

serveTest("info.log forges no line and sends no escape to a terminal", {
  fetch(_, info) {
    info.log(`path ${info.pathInfo}`);
    info.log("two\nlines\r\nand \x1b]0;title\x07 a \u202ebidi \x9b2J\n\n");
    return new Response("hello");
  },
}, async ({ ask }) => {
  const { stderr } = await ask({ uri: "/a%0a2026/01/01 [alert] forged", params: { SCRIPT_NAME: "", PATH_INFO: "/a" } });
  assertEquals(
    stderr,
    [
      "path /a",
      "  2026/01/01 [alert] forged",
      "two",
      "  lines",
      "  and \\x1b]0;title\\x07 a \\u202ebidi \\x9b2J",
      "",
    ].join("\n"),
  );
});

for (
  const [what, fetch] of [
    ["info.log", (_: Request, info: HandlerInfo): Response => {
      info.log("x".repeat(17_000));
      return new Response("hello");
    }],
    ["info.log in many lines", (_: Request, info: HandlerInfo): Response => {
      for (let i = 0; i < 100; i++) info.log("x".repeat(500));
      return new Response("hello");
    }],
    ["a thrown error", (): Response => {
      throw new Error("x".repeat(20_000));
    }],
  ] as const
) {
  // HAProxy 2.6 dies of a STDERR record that does not fit into its buffer of 16 KiB.
  serveTest(`serve sends no STDERR record of more than 8 KiB when ${what} is long`, { fetch }, async (
    { connect, errors },
  ) => {
    const web = await connect({ raw: true });
    web.ask({ keepConn: false });
    await web.untilEnded();
    const parts = recordsOf(concat(web.chunks)).filter(({ type }) => type === FCGI_STDERR);
    assertEquals(parts.at(-1)?.content, "");
    assertEquals(parts.map(({ content }) => content).join("").length > 17_000, true);
    for (const { content } of parts) assertEquals(content.length <= 8192, true);
    errors.length = 0;
  });
}
