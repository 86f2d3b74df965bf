import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { type SceneOptions, serveTest, sleep } from "./scene.ts";
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

/** Options of a server whose handler throws. */
function throwing(onError: SceneOptions["onError"]): SceneOptions {
  return {
    onError: onError as never,
    fetch() {
      throw new Error("on purpose");
    },
  };
}

serveTest("serve sends the response that onError makes", {
  ...throwing((error, request, info) =>
    new Response(`${error} ${request?.url} ${info?.requestId}`, { status: 418, statusText: "Teapot" })
  ),
}, async ({ ask }) => {
  const answer = await ask({ uri: "/x" });
  assertEquals([answer.status, answer.text], [418, "Error: on purpose http://example.com/x 1"]);
  assertStringIncludes(answer.head, "Status: 418 Teapot\r\n");
  assertEquals(answer.stderr, "");
});

serveTest("serve waits for the response that onError promises", throwing(async () => {
  await sleep(5);
  return new Response("later", { status: 502 });
}), async ({ ask }) => assertEquals((await ask()).status, 502));

for (const [what, onError] of [
  ["gives a used one", () => {
    const response = new Response("x");
    return response.text().then(() => response);
  }],
  ["gives no response", () => "a string" as never],
  ["gives Response.error()", () => Response.error()],
] as const) {
  serveTest(`serve answers 500 when onError ${what}`, throwing(onError), async ({ ask }) => {
    assertEquals((await ask()).status, 500);
  });
}

/** Runs with the console caught, and gives back what was written to it. */
async function withConsole(run: () => Promise<void>): Promise<string> {
  const { error } = console;
  let written = "";
  console.error = (...parts: unknown[]) => {
    written += parts.map((part) => part instanceof Error ? `${part.stack} ${part}` : String(part)).join(" ") + "\n";
  };
  try {
    await run();
  } finally {
    console.error = error;
  }
  return written;
}

serveTest("serve writes the stack to the console and FCGI_STDERR, and answers a plain 500, without onError", {
  ...throwing(undefined),
}, async ({ ask }) => {
  const written = await withConsole(async () => {
    const answer = await ask();
    assertEquals([answer.status, answer.text], [500, "Internal Server Error\n"]);
    assertStringIncludes(answer.stderr, "on purpose");
    assertMatch(answer.stderr, / at .*:\d+:\d+/);
  });
  assertStringIncludes(written, "webfcgi: ");
  assertStringIncludes(written, "Error: on purpose");
});

serveTest("serve answers 500 and goes on when onError throws", throwing(() => {
  throw new Error("onError on purpose");
}), async ({ connect }) => {
  const written = await withConsole(async () => {
    const web = await connect();
    for (let i = 0; i < 2; i++) assertEquals((await web.ask().answer()).status, 500);
  });
  assertStringIncludes(written, "webfcgi: onError failed: ");
  assertStringIncludes(written, "onError on purpose");
});
