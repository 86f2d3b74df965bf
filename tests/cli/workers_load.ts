/** Load on workers behind nginx, and what is known afterwards of each request that was not answered. */

import { assert, assertEquals } from "../std/assert.ts";
import { HttpConnection, text } from "../interop/http_client.ts";
import { childrenOf } from "../interop/processes.ts";

/** The application: notes each request once it has come whole, and answers with the version of its code. */
export function appOfVersion(version: number): string {
  return `import { appendFileSync } from "node:fs";
import process from "node:process";
const log = new URL("log", import.meta.url);
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (request.method === "POST") await request.arrayBuffer();
    appendFileSync(log, process.pid + " " + url.searchParams.get("id") + "\\n");
    if (url.pathname.endsWith("/slow")) await new Promise((resolve) => setTimeout(resolve, 400));
    return new Response("version ${version}");
  },
};
`;
}

/** nginx in front of one socket: with connections that are kept, under /kept/, and without, under /new/. */
export function nginxSite(name: string, address: string): { upstream: string; locations: string } {
  return {
    upstream: `upstream ${name} { server ${address}; keepalive 8; }`,
    locations: `location /${name}/kept/ { include fastcgi_params; fastcgi_keep_conn on; fastcgi_pass ${name}; }
location /${name}/new/ { include fastcgi_params; fastcgi_pass ${address}; }`,
  };
}

/** Requests without a pause, one after another in each of several clients: GETs of a path, or `"POST /path"`. */
export class Load {
  answered = 0;
  /** The ids of the requests that were not answered as they must be, and how. */
  readonly failed: Map<string, string> = new Map<string, string>();
  /** The paths of the requests that wait for their answer, by their ids. */
  readonly underWay: Map<string, string> = new Map<string, string>();
  /** The version that answered last, of each path. */
  readonly versions: Map<string, string> = new Map<string, string>();
  readonly #clients: Promise<void>[];
  #isOver = false;
  #lastId = 0;

  constructor(port: number, paths: readonly string[]) {
    this.#clients = paths.map((path) => this.#ask(port, path));
  }

  /** Ends it once each client has its last answer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #ask(port: number, path: string): Promise<void> {
    const [method = "", target = ""] = path.startsWith("/") ? ["GET", path] : path.split(" ");
    let connection: HttpConnection | undefined;
    while (!this.#isOver) {
      const id = String(++this.#lastId);
      this.underWay.set(id, path);
      try {
        if (!connection?.reusable) {
          connection?.close();
          connection = await HttpConnection.connect(port);
        }
        const body = method === "POST" ? { body: new Uint8Array(2000) } : {};
        const response = await connection.request(method, `${target}?id=${id}`, body);
        const answer = text(response);
        if (response.status !== 200 || !answer.startsWith("version ")) throw new Error(`${response.status} ${answer}`);
        this.versions.set(path, answer);
        this.answered++;
      } catch (error) {
        this.failed.set(id, `${path}: ${(error as Error).message.slice(0, 80)}`);
        connection?.close();
      }
      this.underWay.delete(id);
    }
    connection?.close();
  }
}

/** Which processes have taken each request in, by its id. */
export function ownersOf(log: string): ReadonlyMap<string, readonly number[]> {
  const owners = new Map<string, number[]>();
  for (const line of Deno.readTextFileSync(log).trimEnd().split("\n")) {
    const [pid = "", id = ""] = line.split(" ");
    owners.set(id, [...owners.get(id) ?? [], Number(pid)]);
  }
  return owners;
}

/** Asserts that each request that failed was inside a process that was killed, or had not been read by any. */
export function assertOnlyInside(load: Load, log: string, killed: readonly number[], most: number): void {
  const owners = ownersOf(log);
  for (const [id, how] of load.failed) {
    const pids = owners.get(id) ?? [];
    assert(pids.every((pid) => killed.includes(pid)), `request ${id} failed (${how}) in ${pids}; killed: ${killed}`);
  }
  assert(load.failed.size <= most, `${load.failed.size} requests failed: ${[...load.failed.values()].slice(0, 5)}`);
  assert(load.answered > 0);
}

/** Looks at the listening sockets of a process again and again: O_NONBLOCK must never be off. */
export class FlagWatch {
  looks = 0;
  off = 0;
  readonly #files: string[];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(pid: number) {
    const listening = listeningInodes();
    const names = [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => name);
    this.#files = names.filter((name) => {
      const [, inode = ""] = /^socket:\[(\d+)\]$/.exec(Deno.readLinkSync(`/proc/${pid}/fd/${name}`)) ?? [];
      return listening.has(inode);
    }).map((name) => `/proc/${pid}/fdinfo/${name}`);
    assert(this.#files.length > 0, "the parent has a listening socket");
    this.#timer = setInterval(() => this.#look(), 1);
  }

  #look(): void {
    for (const file of this.#files) {
      const [, flags = ""] = /^flags:\s*(\d+)/m.exec(readIfThere(file)) ?? [];
      if (flags === "") continue;
      this.looks++;
      // open(2): O_NONBLOCK.
      if ((parseInt(flags, 8) & 0o4000) === 0) this.off++;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  check(): void {
    assertEquals(this.off, 0, "O_NONBLOCK was off");
    assert(this.looks > 50);
  }
}

function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function listeningInodes(): ReadonlySet<string> {
  const inodes = new Set<string>();
  // proc(5): TCP_LISTEN, and __SO_ACCEPTCON.
  for (const [file, column, value, inodeColumn] of [["tcp", 3, "0A", 9], ["unix", 3, "00010000", 6]] as const) {
    for (const line of Deno.readTextFileSync(`/proc/net/${file}`).split("\n")) {
      const columns = line.trim().split(/\s+/);
      if (columns[column] === value) inodes.add(columns[inodeColumn]!);
    }
  }
  return inodes;
}

/** The workers of a parent. */
export function workersOf(pid: number): number[] {
  return childrenOf(pid);
}
