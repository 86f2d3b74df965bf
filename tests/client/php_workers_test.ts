/** The client against a real PHP-FPM's workers: few, busy, replaced and killed. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, FastCgiError, ProtocolError } from "@webfcgi/webfcgi/client";
import { assert, assertEquals, assertInstanceOf, assertLess, assertRejects } from "../std/assert.ts";
import { bounded, until } from "../helpers/waiting.ts";
import { TurnedClock } from "../turned_clock.ts";
import { textOrError } from "./application.ts";
import { phpTest } from "./php_scene.ts";

const modes = [["", {}], [" over kept connections", { keepAlive: true, maxConnections: 4 }]] as const;

for (const [how, options] of modes) {
  phpTest(
    `fetch rejects when PHP-FPM's worker is killed${how}`,
    { ...options, fpm: { workers: 1 } },
    async ({ client, php, text }) => {
      assertEquals(await text("/hello.php"), "Hello, World!");
      const error = await assertRejects(
        () => bounded(client.fetch("/kill.php", { method: "POST" }), "an error"),
        ProtocolError,
      );
      assertEquals(error.code, "UNEXPECTED_END");
      assertEquals(readFileSync(join(php.root, "killed"), "utf8"), "x", "a POST is sent once");
      const late = await textOrError(await client.fetch("/kill_late.php"));
      assertInstanceOf(late, FastCgiError);
      assertEquals(await text("/hello.php"), "Hello, World!", "the next worker answers");
    },
  );
}

phpTest("fetch waits its turn when all of PHP-FPM's workers are taken", { fpm: { workers: 2 } }, async ({ client }) => {
  const pids = await Promise.all(
    Array.from({ length: 8 }, async () => (await bounded(client.fetch("/slow.php"), "a turn")).text()),
  );
  assertEquals(new Set(pids).size, 2);
});

phpTest("fetch rejects after headTimeoutMs when PHP-FPM's workers stay taken", {
  headTimeoutMs: 150,
  fpm: { workers: 1 },
}, async ({ client, text }) => {
  const results = await Promise.all(
    Array.from({ length: 3 }, () => bounded(client.fetch("/slow.php"), "an end").catch((error) => error)),
  );
  assertEquals(results.map((error) => (error as { limit?: string }).limit), Array(3).fill("headTimeoutMs"));
  const answers = async (): Promise<boolean> => await text("/hello.php").catch(() => "") === "Hello, World!";
  await until(answers, "the workers to be free");
});

phpTest("fetch rejects at once when PHP-FPM's queue of connections is full", {
  fpm: { workers: 1, backlog: 1 },
}, async ({ text }) => {
  const all = Array.from({ length: 8 }, () => text("/slow.php").catch((error) => (error as { code?: string }).code));
  const refused = (await Promise.all(all)).filter((result) => !/^\d+$/.test(String(result)));
  // Bun knows no EAGAIN.
  assert(refused.length > 0 && refused.every((code) => code === "EAGAIN" || code === "ECONNREFUSED"), String(refused));
  assertEquals(await text("/hello.php"), "Hello, World!");
});

for (const way of ["signal", "cancel"] as const) {
  phpTest(
    `PHP-FPM's script ends when its response is given up by ${way}`,
    { fpm: { workers: 1 } },
    async ({ client, php, text }) => {
      const controller = new AbortController();
      const response = await client.fetch("/endless.php", { signal: controller.signal });
      const reader = response.body!.getReader();
      assertEquals((await reader.read()).value?.[0], 120);
      if (way === "signal") controller.abort();
      else await reader.cancel();
      if (way === "signal") await assertRejects(() => reader.read(), DOMException);
      await until(() => readFileSync(join(php.root, "endless"), "utf8") === "aborted", "the script to be aborted");
      assertEquals(await text("/hello.php"), "Hello, World!");
    },
  );
}

const formClock = new TurnedClock();

phpTest("Stalled uploads hold no worker of PHP-FPM", { fpm: { workers: 2 }, clock: formClock }, async (scene) => {
  const stalled = [1, 2, 3].map(() => {
    const body = new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(new Uint8Array(10)) });
    const headers = { "content-length": "1000000" };
    return scene.client.fetch("/hello.php", { method: "POST", body, headers }).catch((error) => error.limit);
  });
  await until(() => scene.client.stats().queuedRequests === 3, "the uploads to stall");
  for (let asked = 0; asked < 4; asked++) assertEquals(await scene.text("/hello.php"), "Hello, World!");
  formClock.turn(61_000);
  assertEquals(await Promise.all(stalled), Array(3).fill("bodyTimeoutMs"));
});

phpTest("fetch sends POSTs over kept connections when PHP-FPM replaces its workers", {
  keepAlive: true,
  maxConnections: 2,
  fpm: { workers: 2, maxRequests: 3 },
}, async ({ text }) => {
  let lost = 0;
  for (let asked = 0; asked < 60; asked++) {
    const answer = await text("/hello.php", { method: "POST", body: "a=1" }).catch((error) => error);
    if (answer !== "Hello, World!") lost++;
  }
  // Twenty workers end meanwhile. On a busy machine one may take longer to close its connection than is waited.
  assertLess(lost, 5);
});

phpTest("fetch goes on over kept connections when PHP-FPM replaces its workers", {
  keepAlive: true,
  maxConnections: 2,
  fpm: { workers: 2, maxRequests: 3 },
}, async ({ client, text }) => {
  for (let asked = 0; asked < 60; asked++) assertEquals(await text("/hello.php"), "Hello, World!");
  assert(client.stats().connections <= 2);
});

phpTest("a kept connection gives PHP-FPM's worker back after idleTimeoutMs", {
  keepAlive: true,
  idleTimeoutMs: 100,
  fpm: { workers: 1 },
}, async ({ client, php, text }) => {
  assertEquals(await text("/hello.php"), "Hello, World!");
  assertEquals(client.stats().idleConnections, 1);
  const other = createClient({ path: php.path, scriptFilename: join(php.root, "hello.php") });
  try {
    const response = await bounded(other.fetch("/hello.php"), "the worker");
    assertEquals(await response.text(), "Hello, World!");
  } finally {
    await other.close();
  }
});

phpTest("PHP-FPM's few workers take turns between all kept connections", {
  keepAlive: true,
  fpm: { workers: 2 },
}, async ({ text }) => {
  const answered = new Set<number>();
  const busy = Array.from({ length: 6 }, async (_, at) => {
    for (; answered.size < 6; answered.add(at)) assertEquals(await text("/hello.php"), "Hello, World!");
  });
  await bounded(Promise.all(busy), "every one to be answered");
});
