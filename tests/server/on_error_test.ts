import { AppStatusError, LimitError, ProtocolError, RequestRefusedError } from "@webfcgi/webfcgi";
import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { type SceneOptions, serveTest } from "./scene.ts";
import { sleep } from "../helpers/waiting.ts";

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

serveTest(
  "serve waits for the response that onError promises",
  throwing(async () => {
    await sleep(5);
    return new Response("later", { status: 502 });
  }),
  async ({ ask }) => assertEquals((await ask()).status, 502),
);

for (
  const [what, onError] of [
    ["gives a used one", () => {
      const response = new Response("x");
      return response.text().then(() => response);
    }],
    ["gives no response", () => "a string" as never],
    ["gives Response.error()", () => Response.error()],
  ] as const
) {
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
    assertEquals([answer.status, answer.text], [500, "500 Internal Server Error\n"]);
    assertStringIncludes(answer.stderr, "on purpose");
    assertMatch(answer.stderr, / at .*:\d+:\d+/);
  });
  assertStringIncludes(written, "webfcgi: ");
  assertStringIncludes(written, "Error: on purpose");
});

serveTest(
  "serve answers 500 and goes on when onError throws",
  throwing(() => {
    throw new Error("onError on purpose");
  }),
  async ({ connect }) => {
    const written = await withConsole(async () => {
      const web = await connect();
      for (let i = 0; i < 2; i++) assertEquals((await web.ask().answer()).status, 500);
    });
    assertStringIncludes(written, "webfcgi: GET http://example.com/: onError failed: Error: onError on purpose\n");
    assertStringIncludes(written, "onError on purpose");
  },
);

/** An error, and the status that it is answered with when it is not the fault of the request. */
const blameless: readonly (readonly [what: string, error: unknown, status: number])[] = [
  ["a LimitError of no body", new LimitError("maxBodyBytes", 1, "Cannot read something else"), 500],
  ["a ProtocolError of no body", new ProtocolError("BAD_LENGTH", "Cannot read something else"), 500],
  ["an upstream that is late", new LimitError("headTimeoutMs", 1, "Cannot read response", { side: "upstream" }), 504],
  ["an upstream that is busy", new LimitError("queueTimeoutMs", 1, "Cannot send request", { side: "upstream" }), 503],
  ["an upstream that is no FastCGI", new ProtocolError("BAD_VERSION", "Cannot read", { side: "upstream" }), 502],
  ["an upstream's limit of parameters", new LimitError("maxParamsBytes", 1, "Cannot send", { side: "upstream" }), 502],
  ["an upstream that refuses", new RequestRefusedError(2, "The application is overloaded"), 503],
  ["an upstream that fails", new AppStatusError(255, "The application failed"), 502],
];
for (const [what, error, status] of blameless) {
  for (const method of ["GET", "POST"]) {
    serveTest(`serve answers ${status} to ${method} when a handler fails because of ${what}`, {
      fetch: () => Promise.reject(error),
    }, async ({ ask, errors }) => {
      assertEquals((await ask({ method, body: method === "POST" ? "body" : "" })).status, status);
      assertEquals(errors.splice(0), [error]);
    });
  }
}

serveTest("serve blames the request when its own body cannot be read, whoever reads it", {
  maxBodyBytes: 3,
  async fetch(request) {
    const reader = request.body!.getReader();
    while (!(await reader.read()).done);
    return new Response("read");
  },
}, async ({ ask, errors }) => {
  const tooLong = await ask({ method: "POST", body: "four", params: { CONTENT_LENGTH: undefined } });
  const tooShort = await ask({ method: "POST", body: "2!", params: { CONTENT_LENGTH: "3" } });
  assertEquals([tooLong.status, tooShort.status], [413, 400]);
  assertEquals(errors.splice(0).map(String).length, 2);
});
