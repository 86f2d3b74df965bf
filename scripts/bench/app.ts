// The JavaScript side of the benchmark, on any runtime:
//   app.ts fastcgi FastResponse|Response PATH|PORT   our server
//   app.ts http PORT                                 the same handler on the runtime's own HTTP server
//   app.ts bare PORT                                 Node's HTTP server without Request and Response
//   app.ts front PORT PATH keep|close FOLDER         our client: PHP on a unix socket behind the runtime's HTTP server

import { createServer, type IncomingMessage } from "node:http";
import process from "node:process";
import { Readable } from "node:stream";
import { FastResponse, serve } from "@webfcgi/webfcgi";
import { createClient } from "@webfcgi/webfcgi/client";
import { makeHandler } from "./handler.ts";

type FetchHandler = (request: Request) => Promise<Response>;

interface BunApi {
  serve(options: { hostname: string; port: number; idleTimeout: number; fetch: FetchHandler }): void;
}

const { Bun, Deno: deno } = globalThis as unknown as { Bun?: BunApi; Deno?: typeof Deno };
const hostname = "127.0.0.1";

function serveHttp(port: number, handler: FetchHandler): void {
  if (Bun !== undefined) Bun.serve({ hostname, port, idleTimeout: 60, fetch: handler });
  else if (deno?.version?.deno !== undefined) deno.serve({ hostname, port, onListen: () => {} }, handler);
  else serveNode(port, handler);
}

/** The plainest way from Node's HTTP server to a fetch-style handler. */
function serveNode(port: number, handler: FetchHandler): void {
  createServer(async (message, answer) => {
    const method = message.method ?? "GET";
    const response = await handler(
      new Request(`http://${message.headers.host}${message.url}`, {
        method,
        headers: headersOf(message),
        ...method === "POST" ? { body: Readable.toWeb(message), duplex: "half" } as unknown as RequestInit : {},
      }),
    );
    const body = new Uint8Array(await response.arrayBuffer());
    answer.writeHead(response.status, [...response.headers, ["content-length", String(body.length)]].flat());
    answer.end(body);
  }).listen(port, hostname);
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
  return headers;
}

const [mode, ...args] = process.argv.slice(2);
if (mode === "fastcgi") {
  const [responseClass, where = ""] = args;
  serve({
    ...where.startsWith("/") ? { path: where } : { port: Number(where) },
    // The default is 1024, less than the benchmark opens.
    maxConnections: 100_000,
  }, makeHandler(responseClass === "FastResponse" ? FastResponse : Response));
} else if (mode === "http") {
  serveHttp(Number(args[0]), makeHandler(Response));
} else if (mode === "bare") {
  createServer((_message, answer) => {
    answer.writeHead(200, { "content-type": "text/plain" });
    answer.end("Hello, World!");
  }).listen(Number(args[0]), hostname);
} else {
  const [port, path, keep, documentRoot] = args;
  const php = createClient({ path: path!, keepAlive: keep === "keep", documentRoot: documentRoot! });
  serveHttp(Number(port), (request) => {
    return php.fetch(request, { scriptFilename: documentRoot + new URL(request.url).pathname });
  });
}
