import { authorizerVariables, type ClientOptions, createClient } from "@webfcgi/webfcgi/client";
import { resolveClient } from "../../src/client/client_options.ts";
import { assertEquals, assertThrows } from "../std/assert.ts";

for (
  const [options, expected] of [
    [{ address: "127.0.0.1:9001" }, { transport: "tcp", hostname: "127.0.0.1", port: 9001 }],
    [{ address: "9001" }, { transport: "tcp", hostname: "127.0.0.1", port: 9001 }],
    [{ address: "[::1]:9001" }, { transport: "tcp", hostname: "::1", port: 9001 }],
    [{ address: "unix:/run/a b.sock" }, { transport: "unix", path: "/run/a b.sock" }],
    [{ address: "/run/a.sock" }, { transport: "unix", path: "/run/a.sock" }],
    [{ hostname: "php" }, { transport: "tcp", hostname: "php", port: 9000 }],
    [{ port: 9001 }, { transport: "tcp", hostname: "127.0.0.1", port: 9001 }],
    [{ path: "/run/a.sock" }, { transport: "unix", path: "/run/a.sock" }],
    [{}, { transport: "tcp", hostname: "127.0.0.1", port: 9000 }],
  ] as const
) {
  Deno.test(`createClient connects to ${JSON.stringify(expected)} given ${JSON.stringify(options)}`, () => {
    assertEquals(resolveClient(options).addr, expected);
  });
}

for (
  const [options, error, message] of [
    [
      { address: "fcgi://127.0.0.1:9000" },
      TypeError,
      'Cannot read address: "fcgi://127.0.0.1:9000" is not an address; write "9000"',
    ],
    [{ address: "localhost" }, TypeError, 'Cannot read address: "localhost" is not an address'],
    [{ address: "fd:3" }, TypeError, 'address is "fd:3"; a client connects to a port or a path'],
    [{ address: "0" }, RangeError, "port is 0; write a whole number, 1 to 65535"],
    [{ address: "9000", port: 1 }, TypeError, "give one of address and hostname and port, not both"],
    [{ port: 0 }, RangeError, "port is 0"],
    [{ port: 65_536 }, RangeError, "port is 65536"],
    [{ port: "9000" as never }, TypeError, 'port is "9000"'],
    [{ hostname: "127.0.0.1:9000" }, TypeError, 'hostname is "127.0.0.1:9000"; write a name or an IP address'],
    [{ port: 1, path: "/x" }, TypeError, "give one of hostname and port and path, not both"],
    [{ path: "/" + "x".repeat(107) }, RangeError, "the path has 108 bytes"],
    [{ path: "" }, RangeError, "the path has 0 bytes"],
    [{ path: "unix:/run/a.sock" }, TypeError, 'path is "unix:/run/a.sock"; write it as the address'],
    [{ maxConnections: 0 }, RangeError, "maxConnections is 0; write a number, 1 or more"],
    [{ maxQueuedRequests: -1 }, RangeError, "maxQueuedRequests is -1"],
    [{ maxHeadBytes: NaN }, RangeError, "maxHeadBytes is NaN"],
    [{ headTimeoutMs: 0 }, RangeError, "headTimeoutMs is 0; write a number, 1 or more; Infinity for no limit"],
    [{ bodyTimeoutMs: "60s" as never }, TypeError, 'bodyTimeoutMs is "60s"'],
    [{ keepAlive: 1 as never }, TypeError, "keepAlive is 1; write true or false"],
    [{ unknownLengthBodies: "drop" as never }, TypeError, 'unknownLengthBodies is "drop"; write "buffer" or "stream"'],
    [{ onStderr: "log" as never }, TypeError, 'onStderr is "log"; write a function'],
    [{ documentRoot: new URL("file:///srv") as never }, TypeError, "documentRoot is an object; write a string"],
    [{ keepConn: true } as never, TypeError, 'there is no option "keepConn"; did you mean keepAlive?'],
    [{ HeadTimeoutMs: 1 } as never, TypeError, "did you mean headTimeoutMs?"],
    [{ timeout: 1 } as never, TypeError, "did you mean headTimeoutMs?"],
    [{ root: "/srv" } as never, TypeError, "did you mean documentRoot?"],
    [{ nonsense: 1 } as never, TypeError, 'there is no option "nonsense"'],
  ] as readonly [ClientOptions, new () => Error, string][]
) {
  Deno.test(`createClient throws a ${error.name} when ${message}`, () => {
    assertThrows(() => createClient(options), error, message);
  });
}

Deno.test("createClient takes an address, and refuses two", async () => {
  const client = createClient("unix:/run/php.sock", { keepAlive: true });
  assertEquals(client.stats().connections, 0);
  await client.close();
  assertThrows(() => createClient("9000", { address: "9001" }), TypeError, "the address is given twice");
  assertThrows(() => createClient("9000", { port: 9001 }), TypeError, "not both");
  assertThrows(() => createClient(9000 as never), TypeError, "Cannot read address");
});

Deno.test("createClient keeps connections that are shared, unless told otherwise", () => {
  assertEquals([resolveClient({}).keepAlive, resolveClient({ multiplex: true }).keepAlive], [false, true]);
  assertEquals(resolveClient({ multiplex: true, keepAlive: false }).keepAlive, false);
});

Deno.test("authorizerVariables reads what an Authorizer allows, and nothing when it denies", () => {
  const headers = { "Variable-REMOTE_USER": "anna", "X-A": "1" };
  assertEquals(authorizerVariables(new Response(null, { headers })), { REMOTE_USER: "anna" });
  assertEquals(authorizerVariables(new Response("no", { status: 403, headers })), undefined);
});
