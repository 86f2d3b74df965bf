/** A fetch handler behind `node:http`: bodies stream both ways, and who leaves is noticed. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { HttpHandler, HttpServer } from "./http_server.ts";

/** Listens for HTTP on Node. */
export function listenNodeHttp(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  handler: HttpHandler,
): Promise<HttpServer> {
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing, handler));
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: hostname, port }, () => {
      server.off("error", reject);
      resolve({
        hostname,
        port: (server.address() as AddressInfo).port,
        shutdown: () =>
          new Promise((resolve) => {
            server.close(() => resolve());
            server.closeIdleConnections();
          }),
      });
    });
  });
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, handler: HttpHandler): Promise<void> {
  const leaving = new AbortController();
  const completed = new Promise<void>((resolve, reject) => {
    outgoing.once("close", () => {
      if (outgoing.writableFinished) return resolve();
      const reason = new DOMException("The client has left", "AbortError");
      leaving.abort(reason);
      reject(reason);
    });
  });
  completed.catch(() => {});
  try {
    const request = toRequest(incoming, leaving.signal);
    if (request === undefined) return void outgoing.writeHead(400).end();
    const { remoteAddress, remotePort } = incoming.socket;
    const info = { incoming, completed, remoteAddr: { hostname: remoteAddress, port: remotePort } };
    await send(await handler(request, info), outgoing, incoming.method === "HEAD");
  } catch {
    // The response is not whole, and its reader must see that.
    outgoing.destroy();
  }
}

/** Makes the Request; `undefined` if Fetch has no such request. */
function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  const { method = "GET", url = "/", headersDistinct } = incoming;
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const target = /^https?:/i.test(url) ? url : `http://${headers.get("host") ?? "localhost"}${url}`;
  if (!URL.canParse(target) || new URL(target).username !== "") return undefined;
  const body = method === "GET" || method === "HEAD" ? null : Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  // Node streams a request body only if it is told that the response need not wait for its end.
  const init: RequestInit & { duplex: "half" } = { method, headers, body, signal, duplex: "half" };
  try {
    return new Request(target, init);
  } catch {
    return undefined;
  }
}

async function send(response: Response, outgoing: ServerResponse, isHead: boolean): Promise<void> {
  outgoing.statusCode = response.status;
  if (response.statusText !== "") outgoing.statusMessage = response.statusText;
  for (const [name, value] of response.headers) if (name !== "set-cookie") outgoing.setHeader(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  if (response.body === null || isHead) {
    await response.body?.cancel();
    return void outgoing.end();
  }
  outgoing.flushHeaders();
  await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), outgoing);
}
