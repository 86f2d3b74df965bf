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
  /** Ends at once. */
  close(): void;
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
    serve(options: object): { readonly port: number; stop(closeActive?: boolean): Promise<void> };
  };
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
      const aborter = new AbortController();
      const server = Deno.serve({ ...where, signal: aborter.signal, onListen() {} }, handler);
      return { hostname, port: server.addr.port, shutdown: () => server.shutdown(), close: () => aborter.abort() };
    }
    if (typeof Bun?.version === "string") {
      const server = Bun.serve({ ...where, fetch: handler });
      return { hostname, port: server.port, shutdown: () => server.stop(), close: () => void server.stop(true) };
    }
    return await (await import("./node_http.ts")).listenNodeHttp(where, handler);
  } catch (error) {
    throw listenError(where, error);
  }
}
