/** A program as users of the npm package write it: `check_npm.ts` has TypeScript check it against the packed types. */

import { FastCgiError, type Handler, serve, serveConnection } from "@webfcgi/webfcgi";
import { bridge, type BridgeInfo } from "@webfcgi/webfcgi/bridge";
import { authorizerVariables, type Client, createClient } from "@webfcgi/webfcgi/client";
import { webServerConfig } from "@webfcgi/webfcgi/config";
import { main as webfcgi } from "@webfcgi/webfcgi/cli";
import { decodePairs, type FastCgiRecord, FCGI_PARAMS, RecordDecoderStream } from "@webfcgi/webfcgi/codec";

const handler: Handler = async (request, info) => {
  const { pathname } = new URL(request.url);
  const upload = request.method === "POST" ? await request.text() : "";
  return new Response(`${info.scriptName} ${pathname} ${info.params.get("REMOTE_USER") ?? ""} ${upload}`, {
    headers: { "content-type": "text/plain" },
  });
};

export async function main(signal: AbortSignal): Promise<void> {
  await using server = serve({ port: 0, signal, onListen: (addr) => console.log(addr) }, handler);
  await server.ready;
  server.unref();
  await server.shutdown();
  await server.finished;
}

export async function overStreams(readable: ReadableStream<Uint8Array>): Promise<unknown> {
  const { writable } = new TransformStream<Uint8Array, Uint8Array>();
  try {
    return await serveConnection({ readable, writable }, handler);
  } catch (error) {
    if (error instanceof FastCgiError) return error.code satisfies string;
    throw error;
  }
}

export async function paramsOf(readable: ReadableStream<Uint8Array>): Promise<string[]> {
  const reader = readable.pipeThrough(new RecordDecoderStream()).getReader();
  const { value } = await reader.read();
  const record: FastCgiRecord | undefined = value;
  return record?.type === FCGI_PARAMS ? decodePairs(record.content) : [];
}

export function phpSite(onError: (error: unknown) => void): (request: Request, info?: BridgeInfo) => Promise<Response> {
  const php: Client = createClient("unix:/run/php/php8.2-fpm.sock", { keepAlive: true });
  return bridge(php, { root: new URL("file:///srv/www"), frontController: null, onError });
}

export async function mayPass(request: Request): Promise<Record<string, string> | undefined> {
  await using client = createClient({ port: 9000, documentRoot: "/srv/www" });
  const response = await client.fetch(request, { role: "authorizer", remoteAddr: "192.0.2.1" });
  return authorizerVariables(response);
}

export const site: string = webServerConfig("nginx", { mount: "/app" }).text;
export const version: Promise<number> = webfcgi(["--version"]);
