/** The runtime's own HTTP server before a fetch handler: `Deno.serve`, `Bun.serve`, or one of `node:http`. */

import { listenError } from "./socket_error.ts";

/** What the HTTP server says of a request besides it; the rest is as each runtime has it. */
export interface HttpInfo {
  /** The client's address, where the runtime says it of itself. */
  readonly remoteAddr?: object;
  /** Settles when the response has been sent, or will not be; Bun does not say. */
  readonly completed?: Promise<unknown>;
}

/** Answers a request; never rejects. */
export type HttpHandler = (request: Request, info: HttpInfo) => Response | Promise<Response>;

/** A server under way. */
export interface HttpServer {
  readonly hostname: string;
  readonly port: number;
  /** Accepts no more connections, and resolves when the responses under way have been sent. */
  shutdown(): Promise<void>;
}

interface Runtimes {
  readonly Deno?: {
    readonly version?: { readonly deno?: unknown };
    serve(options: object, handler: HttpHandler): {
      readonly addr: { readonly port: number };
      shutdown(): Promise<void>;
    };
  };
  readonly Bun?: {
    readonly version?: unknown;
    serve(
      options: { readonly [name: string]: unknown; readonly fetch: (request: Request, server: BunServer) => unknown },
    ): BunServer;
  };
}

interface BunServer {
  readonly port: number;
  readonly url: URL;
  readonly protocol: string | null;
  requestIP(request: Request): { readonly address: string; readonly port: number } | null;
  timeout(request: Request, seconds: number): void;
  stop(closeActive?: boolean): Promise<void>;
}

/** Listens for HTTP. @throws {Error} With the system's `code`, its message naming the address and what to do. */
export async function listenHttp(
  where: { readonly hostname: string; readonly port: number },
  handler: HttpHandler,
): Promise<HttpServer> {
  const { Deno, Bun } = globalThis as unknown as Runtimes;
  const { hostname } = where;
  try {
    if (typeof Deno?.version?.deno === "string") {
      const server = Deno.serve({ ...where, onListen() {}, onError: fail }, handler);
      return { hostname, port: server.addr.port, shutdown: () => server.shutdown() };
    }
    if (typeof Bun?.version === "string") {
      // Bun lets several processes share a port unless it is told otherwise, or is in development.
      const server = Bun.serve({
        ...where,
        development: false,
        reusePort: false,
        error: fail,
        fetch: (request, server) => handler(request, bunInfo(request, server)),
      });
      return { hostname, port: server.port, shutdown: () => server.stop() };
    }
    return await (await import("./node_http.ts")).listenNodeHttp(where, handler);
  } catch (error) {
    throw listenError(where, error);
  }
}

/** The handler fails at nothing; what a body fails with when its reader has left is no error, though Deno prints it. */
function fail(): Response {
  return new Response(null, { status: 500 });
}

/** What Bun's server says, with the client's address as the others have it. */
function bunInfo(request: Request, server: BunServer): HttpInfo {
  const { url, protocol } = server;
  const found = server.requestIP(request);
  return {
    ...(found === null ? {} : { remoteAddr: { hostname: found.address, port: found.port } }),
    ...{ url, protocol, timeout: (request: Request, seconds: number) => server.timeout(request, seconds) },
  };
}
