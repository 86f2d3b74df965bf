import { type Address, formatAddress, parseAddress } from "../../src/runtime/address.ts";
import { assertEquals, assertThrows } from "../std/assert.ts";

const readings: readonly (readonly [text: string, address: Address, written?: string])[] = [
  ["9000", { hostname: "127.0.0.1", port: 9000 }, "127.0.0.1:9000"],
  ["0", { hostname: "127.0.0.1", port: 0 }, "127.0.0.1:0"],
  ["65535", { hostname: "127.0.0.1", port: 65535 }, "127.0.0.1:65535"],
  ["127.0.0.1:9000", { hostname: "127.0.0.1", port: 9000 }],
  ["0.0.0.0:80", { hostname: "0.0.0.0", port: 80 }],
  ["localhost:9000", { hostname: "localhost", port: 9000 }],
  ["php-fpm_1.internal:9000", { hostname: "php-fpm_1.internal", port: 9000 }],
  ["[::1]:9000", { hostname: "::1", port: 9000 }],
  ["[::]:9000", { hostname: "::", port: 9000 }],
  ["[::ffff:10.0.0.1]:9000", { hostname: "::ffff:10.0.0.1", port: 9000 }],
  ["[fe80::1%eth0]:9000", { hostname: "fe80::1%eth0", port: 9000 }],
  ["/run/app.sock", { path: "/run/app.sock" }, "unix:/run/app.sock"],
  ["./app.sock", { path: "./app.sock" }, "unix:./app.sock"],
  ["../app.sock", { path: "../app.sock" }, "unix:../app.sock"],
  ["unix:/run/app.sock", { path: "/run/app.sock" }],
  ["unix:///run/app.sock", { path: "/run/app.sock" }, "unix:/run/app.sock"],
  ["unix:app.sock", { path: "app.sock" }],
  ["unix:/run/php/php8.2-fpm.sock", { path: "/run/php/php8.2-fpm.sock" }],
  ["unix:/srv/ü b:c.sock", { path: "/srv/ü b:c.sock" }],
  ["unix:@app", { path: "\0app" }],
  ["fd:0", { fd: 0 }],
  ["fd:3", { fd: 3 }],
];

for (const [text, address, written = text] of readings) {
  Deno.test(`parseAddress reads ${text}`, () => {
    assertEquals(parseAddress(text), address);
    assertEquals(formatAddress(address), written);
    assertEquals(parseAddress(written), address);
  });
}

for (
  const text of [
    "",
    " 9000",
    "9000\n",
    ":9000",
    "*:9000",
    "localhost",
    "127.0.0.1",
    "::1",
    "::1:9000",
    "[::1]",
    "[127.0.0.1]:9000",
    "a b:9000",
    "host:port",
    "host:-1",
    "host:1.5",
    "app.sock",
    "unix:",
    "unix:\0name",
    "/run/a\0b",
    "fd:",
    "fd:-1",
    "fd:x",
    "http://127.0.0.1:9000",
    "fcgi://127.0.0.1:9000",
    "tcp:127.0.0.1:9000",
  ]
) {
  Deno.test(`parseAddress refuses ${JSON.stringify(text)}`, () => {
    assertThrows(
      () => parseAddress(text),
      TypeError,
      `Cannot read address: ${JSON.stringify(text)} is not an address; write `,
    );
  });
}

Deno.test("parseAddress refuses what is no string", () => {
  assertThrows(() => parseAddress(9000 as never), TypeError, "Cannot read address: it is no string; write ");
});

Deno.test("parseAddress refuses a port above 65535", () => {
  assertThrows(() => parseAddress("65536"), RangeError, "Cannot read address: port is 65536, not 0 to 65535");
  assertThrows(() => parseAddress("host:99999"), RangeError, "port is 99999");
});

Deno.test("parseAddress refuses a path that no unix socket can have", () => {
  assertEquals(parseAddress(`unix:/${"x".repeat(106)}`), { path: `/${"x".repeat(106)}` });
  assertThrows(() => parseAddress(`/${"ü".repeat(60)}`), RangeError, "the path has 121 bytes; choose one of 1 to 107");
});

Deno.test("formatAddress takes the address of a server", () => {
  const addr = { transport: "tcp", hostname: "::1", port: 9000 } as const;
  assertEquals(formatAddress(addr), "[::1]:9000");
});
