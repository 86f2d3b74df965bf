// The same handler file answers with the same bytes on every runtime.

import { assert, assertEquals } from "../std/assert.ts";
import { pattern } from "../app.ts";
import { findRuntimes, type InstalledRuntime } from "../runtimes.ts";
import { startApp } from "./app_process.ts";
import { contentOf, fastcgiExchange } from "./fastcgi_exchange.ts";

interface Exchange {
  readonly method: string;
  readonly target: string;
  readonly params?: readonly (readonly [string, string])[];
  readonly stdin?: Uint8Array;
}

const exchanges: readonly Exchange[] = [
  { method: "GET", target: "/echo/a%2Fb?x=%20" },
  { method: "GET", target: "/echo", params: [["HTTP_COOKIE", "a=1"], ["HTTP_COOKIE", "b=2"], ["HTTP_X_L", "caf\xe9"]] },
  { method: "HEAD", target: "/echo" },
  ...[
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "PROPFIND",
    "PURGE",
    "QUERY",
    "BAN",
    "purge",
    "patch",
    "Foo",
    "X-FOO",
  ]
    .map((method): Exchange => ({ method, target: "/echo", stdin: pattern(0, 5) })),
  ...["CONNECT", "TRACE", "TRACK", "G T", ""].map((method): Exchange => ({ method, target: "/echo" })),
  { method: "POST", target: "/upload", stdin: pattern(0, 50_000) },
  // Small enough to come at once: a body that ends before the head has gone is given its Content-Length.
  { method: "POST", target: "/echo-body", stdin: pattern(0, 2_000) },
  { method: "GET", target: "/cookies" },
  ...[200, 201, 204, 205, 304, 404, 503].map((status): Exchange => ({ method: "GET", target: `/status/${status}` })),
  ...[301, 307].map((status): Exchange => ({ method: "GET", target: `/redirect?status=${status}&to=/else` })),
  { method: "GET", target: "/head" },
  { method: "GET", target: "/download?bytes=100000" },
  { method: "GET", target: "/download?bytes=100&length" },
  { method: "HEAD", target: "/download?bytes=100&length" },
  { method: "GET", target: "/events" },
  { method: "GET", target: "/throw" },
  { method: "GET", target: "//other.example/echo" },
  { method: "OPTIONS", target: "*" },
  { method: "GET", target: "/echo", params: [["HTTP_HOST", "user@other.example/x?y#"]] },
];

/** Gives back what a runtime answers to each exchange. */
async function answers(runtime: InstalledRuntime): Promise<Uint8Array[]> {
  await using app = await startApp(runtime, { port: 0 });
  assert("port" in app.addr);
  const found: Uint8Array[] = [];
  for (const { method, target, params = [], stdin = new Uint8Array(0) } of exchanges) {
    const all: (readonly [string, string])[] = [
      ["REQUEST_METHOD", method],
      ["REQUEST_URI", target],
      ["SERVER_PROTOCOL", "HTTP/1.1"],
      ["HTTP_HOST", "example.com"],
      ["REMOTE_ADDR", "192.0.2.1"],
      ["REMOTE_PORT", "1234"],
      ...stdin.length > 0 ? [["CONTENT_LENGTH", String(stdin.length)] as const] : [],
      ...params,
    ];
    found.push(await fastcgiExchange(app.addr.port, all, stdin));
  }
  return found;
}

Deno.test("serve answers with the same bytes when the runtime is another", async (t) => {
  const [deno, ...others] = await findRuntimes();
  assert(deno);
  const expected = await answers(deno);
  for (const runtime of others) {
    await t.step(runtime.name, async () => {
      const found = await answers(runtime);
      for (const [index, { method, target }] of exchanges.entries()) {
        const [actual, wanted] = [found[index] ?? new Uint8Array(0), expected[index] ?? new Uint8Array(0)];
        const name = `${method} ${target}`;
        assert(contentOf(actual, 6).length > 0, name);
        assertEquals(difference(contentOf(actual, 6), contentOf(wanted, 6)), "", name);
        assertEquals(difference(contentOf(actual, 3), contentOf(wanted, 3)), "", name);
        // The stack of an error goes to FCGI_STDERR, and each runtime writes it its own way.
        if (contentOf(wanted, 7).length === 0) assertEquals(difference(actual, wanted), "", name);
      }
    });
  }
});

/** Shows the surroundings of the first byte that differs; `""` when there is none. */
function difference(actual: Uint8Array, wanted: Uint8Array): string {
  const at = wanted.findIndex((byte, index) => byte !== actual[index]);
  if (at < 0 && actual.length === wanted.length) return "";
  const from = Math.max(0, (at < 0 ? wanted.length : at) - 30);
  const [was, is] = [wanted, actual].map((bytes) =>
    JSON.stringify(String.fromCharCode(...bytes.subarray(from, from + 60)))
  );
  return `at byte ${from}: ${is} instead of ${was}, ${actual.length} bytes instead of ${wanted.length}`;
}
