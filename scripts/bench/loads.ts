/** The rows of the tables, and how servers are loaded for each. */

import type { Job } from "./dialogue.ts";

/** A load, but for what only a run knows. */
export type Load = Omit<Job, "addr" | "pids" | "script" | "warmUpSeconds" | "seconds">;

/** A load straight on FastCGI servers. */
export interface DirectLoad extends Load {
  readonly row: string;
  readonly socket: "unix" | "tcp";
  /** Whether it is measured with the runtime's own Response, too. */
  readonly withResponse?: boolean;
  /** Whether it is asked of no one else's servers. */
  readonly oursOnly?: boolean;
}

const MiB = 1 << 20;

const hello: Load & { socket: "unix" } = {
  protocol: "fastcgi",
  socket: "unix",
  connections: 16,
  busy: 16,
  perConnection: 1,
  keep: true,
  path: "/hello",
  bodyBytes: 0,
  expectedBytes: "Hello, World!".length,
  // So many make a runtime's compiler do what it can.
  warmUp: 10_000,
  maxRequests: Number.MAX_SAFE_INTEGER,
};
const four = { ...hello, connections: 4, busy: 4 } as const;
const download = { ...four, path: "/down", expectedBytes: MiB, warmUp: 500 } as const;
const upload = { ...four, path: "/up", bodyBytes: MiB, expectedBytes: String(MiB).length, warmUp: 500 } as const;
const once = { oursOnly: true, connections: 1, busy: 1, warmUp: 0, maxRequests: 1 } as const;

/** The rows of all tables. */
export const rows = {
  kept: "hello, 16 kept connections",
  one: "hello, one kept connection",
  fresh: "hello, a new TCP connection each",
  shared: "hello, 16 at a time on each of 4 connections",
  many: "hello, 2,000 kept connections",
  download: "1 MiB download",
  upload: "1 MiB upload through `request.body`",
  streamDown: "1 GiB download, a stream",
  streamUp: "1 GiB upload through `request.body`",
  nginx: "hello behind nginx, kept connections",
  proxy: "the same handler on the runtime's own HTTP server behind nginx",
  bare: "`node:http` without Request and Response behind nginx",
  client: "PHP behind our client on the runtime's own HTTP server",
  clientKept: "the same with `keepConn`",
} as const;

/** The row of the same with the runtime's own Response. */
export const responseRow = (row: string): string => `${row}, runtime's own Response`;

export const directLoads: readonly DirectLoad[] = [
  { ...hello, row: rows.kept, withResponse: true },
  { ...hello, row: rows.one, connections: 1, busy: 1 },
  { ...hello, row: rows.fresh, socket: "tcp", keep: false, withResponse: true },
  { ...four, row: rows.shared, perConnection: 16, oursOnly: true },
  { ...hello, row: rows.many, connections: 2000, oursOnly: true },
  { ...download, row: rows.download, withResponse: true },
  { ...upload, row: rows.upload },
  { ...download, ...once, row: rows.streamDown, path: "/stream", expectedBytes: 1024 * MiB },
  { ...upload, ...once, row: rows.streamUp, bodyBytes: 1024 * MiB, expectedBytes: String(1024 * MiB).length },
];
/** What browsers ask a web server. */
export const httpLoad: Load = { ...hello, protocol: "http" };
/** The same of the script that peers have. */
export const phpLoad: Load = { ...httpLoad, path: "/index.php" };
