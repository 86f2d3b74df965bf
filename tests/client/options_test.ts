import { authorizerVariables, type ClientOptions, createClient } from "@webfcgi/webfcgi/client";
import { parseAddress } from "../../src/client/client_options.ts";
import { assertEquals, assertThrows } from "../std/assert.ts";

for (
  const [address, expected] of [
    ["fcgi://127.0.0.1:9001", { hostname: "127.0.0.1", port: 9001 }],
    ["fcgi://localhost", { hostname: "localhost", port: 9000 }],
    ["fcgi://[::1]:9000/", { hostname: "::1", port: 9000 }],
    ["fcgi+unix:/run/a b.sock", { path: "/run/a b.sock" }],
    ["fcgi+unix:///run/a.sock", { path: "/run/a.sock" }],
  ] as const
) {
  Deno.test(`parseAddress reads ${address}`, () => {
    assertEquals(parseAddress(address), expected);
  });
}

for (const address of ["", "localhost:9000", "http://a:1", "fcgi://", "fcgi://a:b", "fcgi://u@a", "fcgi+unix:a.sock"]) {
  Deno.test(`createClient throws a TypeError when the address is ${JSON.stringify(address)}`, () => {
    assertThrows(() => createClient(address), TypeError, "is neither fcgi://host:port nor fcgi+unix:/path.sock");
  });
}

for (
  const [options, error, message] of [
    [{ port: 0 }, RangeError, "port is 0"],
    [{ port: 65_536 }, RangeError, "port is 65536"],
    [{ port: 1, path: "/x" }, TypeError, "give one of port and path"],
    [{ path: "/" + "x".repeat(107) }, RangeError, "path has 108 bytes"],
    [{ path: "" }, RangeError, "path has 0 bytes"],
    [{ maxConnections: 0 }, RangeError, "maxConnections is 0, less than 1"],
    [{ maxQueuedRequests: -1 }, RangeError, "maxQueuedRequests is -1"],
    [{ maxHeadBytes: NaN }, RangeError, "maxHeadBytes is NaN"],
    [{ headTimeoutMs: -1 }, RangeError, "headTimeoutMs is -1"],
    [{ unknownLengthBodies: "drop" as never }, TypeError, 'unknownLengthBodies is "drop"'],
  ] as readonly [ClientOptions, new () => Error, string][]
) {
  Deno.test(`createClient throws a ${error.name} when ${message}`, () => {
    assertThrows(() => createClient(options), error, `Cannot make client: ${message}`);
  });
}

Deno.test("authorizerVariables reads what an Authorizer allows, and nothing when it denies", () => {
  const headers = { "Variable-REMOTE_USER": "anna", "X-A": "1" };
  assertEquals(authorizerVariables(new Response(null, { headers })), { REMOTE_USER: "anna" });
  assertEquals(authorizerVariables(new Response("no", { status: 403, headers })), undefined);
});
