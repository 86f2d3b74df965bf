/** What an application writes to FCGI_STDERR, and what the client says of its responses. */

import { AppStatusError } from "@webfcgi/webfcgi/client";
import { assertEquals, assertMatch, assertRejects } from "../std/assert.ts";
import { end, stderr } from "../vectors/wire.ts";
import { always, answer, type ClientSceneOptions, clientTest, inClientScene } from "./application.ts";

const ok = answer("Content-Type: text/plain", "hello");

clientTest("fetch quotes FCGI_STDERR in its error, and onStderr is told of it", {}, async (connection) => {
  await connection.untilSent();
  connection.send(stderr(1, "PHP Fatal: \xc3"), stderr(1, "\xa4\n"), end(1, 255));
}, async ({ client }) => {
  const error = await assertRejects(() => client.fetch("/a"), AppStatusError);
  assertEquals(error.appStatus, 255);
  assertMatch(error.message, /appStatus 255 and nothing; it wrote to FCGI_STDERR: PHP Fatal: ä$/);
});

Deno.test("onStderr is told the text and the request", async () => {
  const seen: string[] = [];
  await inClientScene(
    { onStderr: (text, { method, url }) => void seen.push(`${method} ${url} ${text}`) },
    always(stderr(1, "careful"), ...ok),
    async ({ client }) => {
      await client.fetch("/a", { method: "DELETE" });
    },
  );
  assertEquals(seen, ["DELETE http://localhost/a careful"]);
});

for (
  const [params, hint] of [
    [{}, "got no SCRIPT_FILENAME, so it has nothing to run; set scriptFilename, or use bridge"],
    [{ scriptFilename: "/srv/none.php" }, 'found no script "/srv/none.php", its SCRIPT_FILENAME'],
  ] as const
) {
  const told: string[] = [];
  const onStderr = (text: string): void => void told.push(text);
  clientTest(`onStderr says that PHP-FPM ${hint}`, { onStderr }, async (app) => {
    await app.untilSent();
    app.send(stderr(1, "Primary script unknown"), ...answer("Status: 404 Not Found", "File not found.\n"));
  }, async ({ client }) => {
    assertEquals((await client.fetch("/", params)).status, 404);
    assertEquals([told.length, told[0], told[1]?.includes(hint)], [2, "Primary script unknown", true], told[1]);
  });
}

Deno.test("What comes on FCGI_STDERR is written to the console line by line, and nothing else can be", async () => {
  const lines: string[] = [];
  const { error } = console;
  console.error = (...line: unknown[]) => void lines.push(line.join(" "));
  try {
    const options = { onStderr: undefined } as unknown as ClientSceneOptions;
    const text = "one\r\nwebfcgi: forged\x1b[2J\x07\n\n  two \xc2\x9b3m\x7f";
    await inClientScene(options, always(stderr(1, text), ...ok), async ({ client }) => {
      await client.fetch("/a", { method: "DELETE" });
    });
  } finally {
    console.error = error;
  }
  assertEquals(lines, [
    "webfcgi: DELETE http://localhost/a: one",
    "webfcgi: DELETE http://localhost/a: webfcgi: forged\\x1b[2J\\x07",
    "webfcgi: DELETE http://localhost/a:   two \\x9b3m\\x7f",
  ]);
});

clientTest("fetch quotes FCGI_STDERR in one line without control characters", {}, async (connection) => {
  await connection.untilSent();
  connection.send(stderr(1, "one\n\x1b[31mtwo\r\n\n"), end(1, 255));
}, async ({ client }) => {
  const error = await assertRejects(() => client.fetch("/a"), AppStatusError);
  assertMatch(error.message, /; it wrote to FCGI_STDERR: one \| \\x1b\[31mtwo$/);
});
