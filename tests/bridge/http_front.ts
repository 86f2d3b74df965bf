/** The runtime's own HTTP server before a handler, and a client that sends the very bytes of a request. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { BridgeInfo } from "@webfcgi/webfcgi/bridge";

type Handler = (request: Request, info: BridgeInfo) => Promise<Response>;

/** What the runtimes have for it. */
interface Runtimes {
  readonly Deno?: {
    readonly version?: unknown;
    serve(options: Record<string, unknown>, handler: Handler): DenoServer;
  };
  readonly Bun?: { serve(options: Record<string, unknown>): BunServer };
}

interface DenoServer {
  readonly addr: { readonly port: number };
  shutdown(): Promise<void>;
}

interface BunServer {
  readonly port: number;
  stop(closeActive: boolean): Promise<void>;
}

/** A server under way. */
export interface HttpFront {
  readonly port: number;
  close(): Promise<void>;
}

/** Puts a handler behind an HTTP server on a free port: `Deno.serve`, `Bun.serve`, or one of `node:http`. */
export async function startFront(handler: Handler): Promise<HttpFront> {
  const { Deno, Bun } = globalThis as unknown as Runtimes;
  const where = { hostname: "127.0.0.1", port: 0 };
  if (Deno?.version !== undefined) {
    const server = Deno.serve({ ...where, onListen() {} }, handler);
    return { port: server.addr.port, close: () => server.shutdown() };
  }
  if (Bun !== undefined) {
    const server = Bun.serve({ ...where, fetch: handler });
    return { port: server.port, close: () => server.stop(true) };
  }
  const server = createServer((incoming, outgoing) =>
    void answer(handler, incoming, outgoing).catch(() => outgoing.destroy())
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** What adapters for Node do. */
async function answer(handler: Handler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const leaving = new AbortController();
  outgoing.once("close", () => leaving.abort());
  const { method = "GET", url = "/", headersDistinct } = incoming;
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const body = method === "GET" || method === "HEAD" ? null : Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  const init: RequestInit & { duplex: "half" } = { method, headers, body, signal: leaving.signal, duplex: "half" };
  // The absolute form goes through as it is, as in @hono/node-server.
  const target = /^https?:/i.test(url) ? url : `http://${headers.get("host") ?? "localhost"}${url}`;
  // Node's Request has no user in its URL.
  if (!URL.canParse(target) || new URL(target).username !== "") return void outgoing.writeHead(400).end();
  const response = await handler(new Request(target, init), { incoming });
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) if (name !== "set-cookie") outgoing.setHeader(name, value);
  outgoing.setHeader("set-cookie", response.headers.getSetCookie());
  if (response.body === null) return void outgoing.end();
  await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), outgoing);
}

/** A response as it came, with its chunks put together. */
export interface RawResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Whether less of the body came than was promised. */
  readonly broken: boolean;
}

/**
 * Sends a request line and header lines as they are, with `Connection: close`, and with Host if it is HTTP/1.1 and the
 * lines have none, and reads to the end.
 */
export async function rawRequest(port: number, ...lines: string[]): Promise<RawResponse> {
  const parts: Uint8Array[] = [];
  const hasHost = lines[0]!.endsWith("/1.0") || lines.some((line) => line.startsWith("Host:"));
  const all = [...lines, ...(hasHost ? [] : [`Host: localhost:${port}`]), "Connection: close", "", ""];
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(20_000, () => socket.destroy(new Error(`No answer to ${lines[0]}`)));
    socket.on("data", (part: Uint8Array) => void parts.push(new Uint8Array(part)));
    // A reset after the head is a transfer that broke.
    socket.once("error", (error) => parts.length === 0 ? reject(error) : resolve());
    socket.once("close", () => resolve());
    socket.write(all.join("\r\n"), "latin1");
  });
  const decoder = new TextDecoder("latin1");
  const text = parts.map((part) => decoder.decode(part)).join("");
  const end = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...fields] = text.slice(0, end).split("\r\n");
  const headers = new Map(fields.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  const status = Number(statusLine.split(" ")[1]);
  const rest = text.slice(end + 4);
  if (headers.get("transfer-encoding") !== "chunked") {
    const length = headers.get("content-length");
    const isBodiless = lines[0]!.startsWith("HEAD") || status === 304;
    return { status, headers, body: rest, broken: !isBodiless && length !== undefined && Number(length) > rest.length };
  }
  let body = "";
  for (let at = 0;;) {
    const line = rest.indexOf("\r\n", at);
    const length = line < 0 ? NaN : parseInt(rest.slice(at, line), 16);
    if (length === 0) return { status, headers, body, broken: false };
    if (Number.isNaN(length) || rest.length < line + 2 + length) return { status, headers, body, broken: true };
    body += rest.slice(line + 2, line + 2 + length);
    at = line + 2 + length + 2;
  }
}
