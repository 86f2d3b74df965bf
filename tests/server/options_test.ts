import { serve, serveConnection } from "@webfcgi/webfcgi";
import { resolvePlace } from "../../src/server/listen_options.ts";
import { resolveConnectionSettings, resolveSettings } from "../../src/server/server_options.ts";
import { assertEquals, assertThrows } from "../std/assert.ts";

const hello = (): Response => new Response("hello");

/** A call that has been got wrong, as a program without types can write it. */
type Wrong = readonly [args: readonly unknown[], error: typeof TypeError | typeof RangeError, message: string];

const long = "/".padEnd(108, "x");

const wrong: readonly Wrong[] = [
  // What stands where.
  [[], TypeError, "there is no handler; write serve(handler)"],
  [[{}], TypeError, "there is no handler; write serve(options, handler)"],
  [[{ port: 0 }], TypeError, "there is no handler; write serve(options, handler)"],
  [[null, hello], TypeError, "the options are null; "],
  [[9000, hello], TypeError, "the options are 9000; write serve({ port: 9000 }, handler)"],
  [
    ["/run/a.sock", hello],
    TypeError,
    'the options are "/run/a.sock"; write serve({ address: "/run/a.sock" }, handler)',
  ],
  [["127.0.0.1:9000"], TypeError, 'write serve({ address: "127.0.0.1:9000" }, handler)'],
  [[hello, { port: 0 }], TypeError, "the handler comes last; write serve(options, handler)"],
  [[{ port: 0 }, "x"], TypeError, 'the handler is "x"; write a function'],
  [[{ port: 0, fetch: 5 }], TypeError, "the handler is 5; write a function"],
  [[{ port: 0 }, { fetch: hello }], TypeError, "the handler is an object; write its function fetch"],
  [[{ port: 0, authorizer: {} }, hello], TypeError, "authorizer is an object; write a function"],
  [[{ port: 0, fetch: hello }, hello], TypeError, "the handler is given twice, as fetch and as an argument"],
  [
    [
      new (class App {
        fetch = hello;
        get = hello;
      })(),
    ],
    TypeError,
    "write serve({ fetch: app.fetch })",
  ],
  // Names.
  [[{ Port: 0 }, hello], TypeError, 'there is no option "Port"; did you mean port?'],
  [[{ prot: 0 }, hello], TypeError, 'there is no option "prot"; did you mean port?'],
  [[{ host: "::1" }, hello], TypeError, 'there is no option "host"; did you mean hostname?'],
  [[{ socket: "/run/a.sock" }, hello], TypeError, 'there is no option "socket"; did you mean path?'],
  [[{ unix: "/run/a.sock" }, hello], TypeError, "did you mean path?"],
  [[{ requestTimeout: 5 }, hello], TypeError, 'there is no option "requestTimeout"; did you mean requestTimeoutMs?'],
  [[{ headTimeoutMS: 5 }, hello], TypeError, "did you mean headTimeoutMs?"],
  [[{ nativeRequest: true }, hello], TypeError, 'there is no option "nativeRequest"; did you mean request: "native"?'],
  [[{ allowedPeer: [] }, hello], TypeError, "did you mean allowedPeers?"],
  [[{ handler: hello }, hello], TypeError, "did you mean fetch?"],
  [[{ websocket: {} }, hello], TypeError, 'there is no option "websocket"'],
  // Addresses.
  [
    [{ port: 0, path: "/x" }, hello],
    TypeError,
    "several addresses are given, by hostname and port and by path; give one",
  ],
  [[{ path: "/x", fd: 0 }, hello], TypeError, "several addresses are given, by path and by fd; give one"],
  [[{ address: "9000", port: 9000 }, hello], TypeError, "by address and by hostname and port; give one"],
  [[{ address: "localhost" }, hello], TypeError, 'Cannot read address: "localhost" is not an address; write "9000", '],
  [[{ address: 9000 }, hello], TypeError, "Cannot read address: it is no string; write "],
  [[{ port: "9000" }, hello], TypeError, 'port is "9000"; write a whole number, 0 to 65535'],
  [[{ port: -1 }, hello], RangeError, "port is -1; write a whole number, 0 to 65535"],
  [[{ port: 65_536 }, hello], RangeError, "port is 65536; "],
  [[{ port: 80.5 }, hello], RangeError, "port is 80.5; "],
  [[{ port: NaN }, hello], RangeError, "port is NaN; "],
  [[{ hostname: "127.0.0.1:9000" }, hello], TypeError, 'hostname is "127.0.0.1:9000"; write an IP address or a name'],
  [[{ hostname: "[::1]" }, hello], TypeError, 'hostname is "[::1]"; '],
  [[{ hostname: "" }, hello], TypeError, 'hostname is ""; '],
  [[{ hostname: 5 }, hello], TypeError, "hostname is 5; "],
  [
    [{ path: "unix:/run/a.sock" }, hello],
    TypeError,
    'path is "unix:/run/a.sock"; write path: "/run/a.sock", or address: "unix:/run/a.sock"',
  ],
  [[{ path: "" }, hello], RangeError, 'path is ""; the path has 0 bytes; choose one of 1 to 107'],
  [[{ path: long }, hello], RangeError, "the path has 108 bytes; choose one of 1 to 107"],
  [[{ path: "/run/a\0b" }, hello], RangeError, "the path has a NUL in it"],
  [[{ path: 9000 }, hello], TypeError, "path is 9000; write a string"],
  [[{ fd: -1 }, hello], RangeError, "fd is -1; write a whole number, 0 to 2147483647"],
  [[{ fd: "3" }, hello], TypeError, 'fd is "3"; '],
  // What goes with them.
  [[{ path: "/x", mode: 660 }, hello], RangeError, "mode is 660, which is 0o1224; write 0o660"],
  [[{ path: "/x", mode: 5000 }, hello], RangeError, "mode is 5000, which is 0o11610; write a mode of 0o777 at most"],
  [[{ path: "/x", mode: "0660" }, hello], TypeError, 'mode is "0660"; write 0o660, a number'],
  [[{ path: "/x", mode: "rw" }, hello], TypeError, 'mode is "rw"; write a whole number'],
  [[{ path: "/x", mode: "660" }, hello], TypeError, 'mode is "660"; write 0o660, a number'],
  [[{ path: "/x", mode: -1 }, hello], RangeError, "mode is -1; "],
  [[{ path: "/x", group: "" }, hello], TypeError, 'group is ""; write the name or the number of a group'],
  [[{ path: "/x", group: -1 }, hello], RangeError, "group is -1; "],
  [[{ path: "/x", group: {} }, hello], TypeError, "group is an object; "],
  [
    [{ port: 0, mode: 0o660 }, hello],
    TypeError,
    "mode is an option of a unix socket with a path, and none is given; leave it out",
  ],
  [[{ address: "unix:@app", mode: 0o600 }, hello], TypeError, "mode is an option of a unix socket with a path"],
  [[{ group: "www-data" }, hello], TypeError, "group is an option of a unix socket"],
  [[{ fd: 3, takeOver: true }, hello], TypeError, "takeOver is an option of a unix socket"],
  [[{ path: "/x", reusePort: true }, hello], TypeError, "reusePort is an option of a port"],
  [[{ fd: 3, backlog: 5 }, hello], TypeError, "backlog is an option of a port or a unix socket"],
  [[{ port: 0, backlog: 0 }, hello], RangeError, "backlog is 0; write a whole number, 1 to 2147483647"],
  [[{ port: 0, backlog: Infinity }, hello], RangeError, "backlog is Infinity; "],
  [[{ port: 0, reusePort: 1 }, hello], TypeError, "reusePort is 1; write true or false"],
  // Peers.
  [
    [{ port: 0, allowedPeers: "10.0.0.1" }, hello],
    TypeError,
    'allowedPeers is "10.0.0.1"; write an array of addresses',
  ],
  [
    [{ port: 0, allowedPeers: ["localhost"] }, hello],
    TypeError,
    'allowedPeers has "localhost" in it; write IP addresses',
  ],
  [[{ port: 0, allowedPeers: ["10.0.0.0/33"] }, hello], TypeError, 'allowedPeers has "10.0.0.0/33" in it; '],
  [[{ port: 0, allowedPeers: [5] }, hello], TypeError, "allowedPeers has 5 in it; "],
  // The rest.
  [[{ mount: "app" }, hello], TypeError, 'mount is "app"; write "" or a path like "/app"'],
  [[{ mount: "/app/" }, hello], TypeError, 'mount is "/app/"; '],
  [[{ mount: "/" }, hello], TypeError, 'mount is "/"; '],
  [[{ mount: 5 }, hello], TypeError, "mount is 5; "],
  [[{ request: "fast" }, hello], TypeError, 'request is "fast"; write "lazy" or "native"'],
  [[{ stripMount: "yes" }, hello], TypeError, 'stripMount is "yes"; write true or false'],
  [[{ quiet: 1 }, hello], TypeError, "quiet is 1; write true or false"],
  [[{ signal: {} }, hello], TypeError, "signal is an object; write an AbortSignal"],
  [[{ onListen: "x" }, hello], TypeError, 'onListen is "x"; write a function'],
  [[{ onError: 5 }, hello], TypeError, "onError is 5; write a function"],
  [[{ onFinish: 5 }, hello], TypeError, "onFinish is 5; write a function"],
  [[{ signals: "SIGTERM" }, hello], TypeError, 'signals is "SIGTERM"; write true or false'],
  [[{ maxRequests: "5" }, hello], TypeError, 'maxRequests is "5"; write a number, 1 or more; Infinity for no limit'],
];

for (const [args, kind, message] of wrong) {
  const [first] = args;
  const shown = typeof first === "object" && first?.constructor === Object ? JSON.stringify(first) : String(first);
  Deno.test(`serve throws at once when it is given ${shown.slice(0, 60)}: ${message.slice(0, 60)}`, () => {
    const error = assertThrows(() => (serve as (...args: readonly unknown[]) => unknown)(...args), kind) as Error;
    assertEquals(error.constructor, kind);
    const [start, at] = message.startsWith("Cannot")
      ? [message, 0]
      : ["Cannot serve: ", error.message.indexOf(message)];
    assertEquals([error.message.startsWith(start), at >= 0], [true, true], error.message);
  });
}

const least = {
  maxConnections: 1,
  maxRequests: 1,
  maxParamsBytes: 1,
  maxBodyBytes: 0,
  headTimeoutMs: 1,
  bodyTimeoutMs: 1,
  writeTimeoutMs: 1,
  requestTimeoutMs: 1,
  idleTimeoutMs: 1,
  shutdownTimeoutMs: 0,
};

for (const [name, value] of Object.entries(least)) {
  Deno.test(`serve refuses a ${name} below ${value} and takes ${value} and Infinity`, () => {
    for (const wrong of [value - 1, NaN]) {
      const error = assertThrows(() => serve({ port: 0, [name]: wrong }, hello), RangeError);
      const remedy = `write a number, ${value} or more; Infinity for no limit`;
      assertEquals(error.message, `Cannot serve: ${name} is ${wrong}; ${remedy}`);
    }
    for (const right of [value, Infinity]) {
      assertEquals(resolveSettings({ [name]: right })[name as keyof typeof least], right);
    }
  });
}

Deno.test("serve has the defaults that its documentation gives", () => {
  assertEquals(resolveSettings({}), {
    mount: undefined,
    stripMount: false,
    request: "lazy",
    maxConnections: 1024,
    maxRequests: 1024,
    maxParamsBytes: 262_144,
    maxBodyBytes: Infinity,
    headTimeoutMs: 30_000,
    bodyTimeoutMs: 60_000,
    writeTimeoutMs: 120_000,
    requestTimeoutMs: Infinity,
    idleTimeoutMs: Infinity,
    shutdownTimeoutMs: 10_000,
    patchGlobals: true,
    fastResponse: false,
    quiet: false,
    allowedPeers: undefined,
    onError: undefined,
    onFinish: undefined,
    signals: false,
  });
});

Deno.test("handlers get native requests where the globals are left alone, unless request says otherwise", () => {
  assertEquals(resolveSettings({ patchGlobals: false }).request, "native");
  assertEquals(resolveSettings({ patchGlobals: false, request: "lazy" }).request, "lazy");
  assertEquals(resolveSettings({ request: "native" }).request, "native");
  assertEquals(resolveConnectionSettings({}).request, "native");
  assertEquals(resolveConnectionSettings({ request: "lazy" }).request, "lazy");
});

Deno.test("serve listens where its options say", () => {
  const tcp = { backlog: 511, reusePort: false };
  const unix = { mode: 0o660, group: undefined, takeOver: false, backlog: 511 };
  const places: readonly (readonly [options: Parameters<typeof resolvePlace>[0], where: object, named?: false])[] = [
    [{}, { hostname: "127.0.0.1", port: 9000, ...tcp }, false],
    [{ backlog: 5, reusePort: true }, { hostname: "127.0.0.1", port: 9000, backlog: 5, reusePort: true }, false],
    [{ port: 0 }, { hostname: "127.0.0.1", port: 0, ...tcp }],
    [{ hostname: "::1" }, { hostname: "::1", port: 9000, ...tcp }],
    [{ address: "[::1]:80" }, { hostname: "::1", port: 80, ...tcp }],
    [{ path: "a.sock", backlog: 1 }, { path: "a.sock", ...unix, backlog: 1 }],
    [{ address: "unix:/a", mode: 0o600, group: 33 }, { path: "/a", ...unix, mode: 0o600, group: 33 }],
    [{ fd: 0 }, { fd: 0 }],
    [{ address: "fd:3" }, { fd: 3 }],
    [{ fd: 3, takeOver: false, reusePort: false }, { fd: 3 }],
  ];
  for (const [options, where, named = true] of places) assertEquals(resolvePlace(options), { where, named });
});

Deno.test("serveConnection throws at once when an option is none of its own", () => {
  const streams = { readable: new ReadableStream<Uint8Array>(), writable: new WritableStream<Uint8Array>() };
  const call = serveConnection as (...args: readonly unknown[]) => unknown;
  assertThrows(
    () => call(streams, { port: 0 }, hello),
    TypeError,
    'Cannot serve connection: there is no option "port"',
  );
  assertThrows(
    () => call(streams, hello, {}),
    TypeError,
    "the handler comes last; write serveConnection(options, handler)",
  );
  assertThrows(() => call(streams), TypeError, "Cannot serve connection: there is no handler");
});
