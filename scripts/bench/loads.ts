/** The rows of the tables: what servers are asked, and how. */

import { type Exchange, sessionAnswer } from "./requests.ts";

/** How the rows of some contenders end. */
export const suffixes = {
  response: ", runtime's own Response",
  http: ", runtime's own HTTP server",
  bare: ", `node:http` without Request and Response",
  keep: ", `keepAlive`",
  one: ", 1 worker",
  two: ", 2 workers",
} as const;

/** The row of the same load through nginx. */
export function behindNginx(row: string): string {
  return `${row.replace(", 16 kept connections", "")}, behind nginx`;
}

/** How a server is loaded: a row. */
export interface Load extends Exchange {
  readonly row: string;
  /** What the server listens on, where nothing else decides it. */
  readonly socket: "unix" | "tcp";
  /** Connections open at a time. */
  readonly connections: number;
  /** Connections that have requests under way at a time: they take turns. */
  readonly busy: number;
  /** Requests sent at once on a connection; more follow when all are answered. */
  readonly batch: number;
  /** Whether connections are kept; else each request has one of its own. */
  readonly keep: boolean;
  /** Requests in a second; 0: the next one at once, which is saturation. */
  readonly rate: number;
  /** Requests that warm the server up. */
  readonly warmUp: number;
  /** Whether one request is all of the load. */
  readonly once: boolean;
  /** The peers that take part. */
  readonly peers: readonly string[];
  /** Whether it is measured with the runtime's own Response, too. */
  readonly withResponse: boolean;
}

const MiB = 1 << 20;
const MANY = 2000;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const mebibyte = new Uint8Array(MiB).fill(0x78);
/** Short, so that it stays in the processor's cache while it is compared. */
const page = mebibyte.subarray(0, 4096);
const items = Array.from({ length: 40 }, (_, id) => ({ id, name: `item number ${id}`, price: 3 * id, count: id % 5 }));

const hello: Load = {
  row: "hello, 16 kept connections",
  socket: "unix",
  connections: 16,
  busy: 16,
  batch: 1,
  keep: true,
  rate: 0,
  path: "/hello",
  expected: encode("Hello, World!"),
  // So many make a runtime's compiler do what it can.
  warmUp: 10_000,
  once: false,
  peers: ["libfcgi", "Go", "PHP-FPM"],
  withResponse: true,
};
const others = { peers: [], withResponse: false } as const;
const four = { ...hello, ...others, connections: 4, busy: 4, warmUp: 500 } as const;
const upload = { ...four, peers: ["Go"], body: mebibyte, expected: encode(String(MiB)) } as const;
const gibibyte = { ...four, connections: 1, busy: 1, once: true } as const;

const headers: Load = { ...hello, row: "three headers", path: "/headers", peers: ["libfcgi"] };
const session: Load = { ...hello, ...others, row: "session", path: "/session", expected: encode(sessionAnswer) };
const json: Load = {
  ...hello,
  ...others,
  row: "JSON in and out",
  path: "/json",
  contentType: "application/json",
  body: encode(JSON.stringify({ items })),
  expected: encode(JSON.stringify({
    count: items.length,
    sum: items.reduce((sum, { price, count }) => sum + price * count, 0),
  })),
};
const text: Load = { ...upload, row: "1 MiB up, `text()`", path: "/text" };
const bytes: Load = { ...upload, row: "1 MiB up, `bytes()`", path: "/bytes" };
const body: Load = { ...upload, row: "1 MiB up, `request.body`", path: "/body", peers: ["libfcgi", "Go", "PHP-FPM"] };
const down: Load = {
  ...four,
  row: "1 MiB down",
  path: "/down",
  expected: page,
  again: MiB / page.length,
  peers: ["libfcgi", "Go", "PHP-FPM"],
  withResponse: true,
};
const many: Load = { ...hello, ...others, row: "hello, 2,000 kept connections", connections: MANY };

/** The loads straight on FastCGI servers. Those of a group come in turn to the same servers. */
export const directLoads: readonly (readonly Load[])[] = [
  [
    hello,
    { ...hello, row: "hello, 5,000 a second, idle waits", rate: 5000, withResponse: false },
    { ...hello, ...others, row: "hello, 16 at a time on each of 4 connections", connections: 4, busy: 4, batch: 16 },
    many,
  ],
  [headers],
  [session],
  [json],
  [text],
  [bytes],
  [body],
  [down],
  [{ ...gibibyte, row: "1 GiB down, a stream", path: "/stream", expected: page, again: 1024 * MiB / page.length }],
  [{
    ...gibibyte,
    row: "1 GiB up, `request.body`",
    path: "/body",
    body: mebibyte,
    repeat: 1024,
    expected: encode(String(1024 * MiB)),
  }],
];

/** These come last: for a minute after them, the system still has thousands of closed connections to clean up. */
export const freshLoads: readonly (readonly Load[])[] = [[{
  ...hello,
  row: "hello, a new TCP connection each",
  socket: "tcp",
  keep: false,
  peers: ["libfcgi", "Go", "PHP-FPM", "node-fastcgi"],
}]];

/** The loads that two versions of the library are compared with. */
export const comparedLoads: readonly (readonly Load[])[] = [
  [hello, many],
  [headers],
  [session],
  [json],
  [text],
  [bytes],
  [body],
  [down],
];

/** The loads on nginx in front of a handler. */
export const nginxLoads: readonly (readonly Load[])[] = [hello, headers, session, json, text, bytes, body].map(
  (load) => [{ ...load, row: behindNginx(load.row), peers: load === hello ? ["Go"] : [] }],
);
/** The load on workers. */
export const workersLoads: readonly (readonly Load[])[] = [[{ ...hello, ...others, row: "hello, `webfcgi serve`" }]];

/** The load on an HTTP server in front of PHP. */
export const phpLoads: readonly (readonly Load[])[] = [[
  { ...hello, ...others, row: "PHP behind our client", path: "/index.php" },
]];
