/**
 * FastCGI for the Fetch era: one `(request) => Response` handler behind nginx, Apache and every other web server that
 * speaks FastCGI, on Deno, Bun and Node.
 *
 * @example
 * ```ts
 * import { serve } from "@webfcgi/webfcgi";
 *
 * const server = serve({ port: 0, quiet: true }, (request) => new Response(`Hello from ${request.url}`));
 * await server.ready;
 * await server.shutdown();
 * ```
 *
 * @module
 */

export { Params } from "./src/cgi/params.ts";
export * from "./src/errors.ts";
export type { Addr, FdAddr, NetAddr, UnixAddr } from "./src/runtime/transport.ts";
export type { DuplexStreams } from "./src/runtime/streams_transport.ts";
export { serve, serveConnection } from "./src/serve.ts";
export { FastResponse } from "./src/fetch/fast_response.ts";
export type { ErrorHandler, Handler, HandlerInfo, Role } from "./src/server/handler.ts";
export { authorized, type Handlers } from "./src/server/roles.ts";
export type { FinishedRequest, FinishHandler, Outcome } from "./src/server/response_watch.ts";
export type { Server, ServerStats } from "./src/server/server.ts";
export type {
  ConnectionOptions,
  NetServeOptions,
  ServeOptions,
  UnixServeOptions,
} from "./src/server/server_options.ts";
