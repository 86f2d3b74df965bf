/** Puts the parts together: picks the runtime's sockets, and serves what comes over them. */

import { detectRuntime, wantsNativeResponses } from "./runtime/detect.ts";
import { type DuplexStreams, openStreams } from "./runtime/streams_transport.ts";
import type { Accept, Addr, Listener, ListenOptions, Runtime, Transport, TransportSink } from "./runtime/transport.ts";
import { adoptFastResponse, adoptGlobals } from "./fetch/patch_globals.ts";
import type { Handler } from "./server/handler.ts";
import { type Handlers, handlersByRole } from "./server/roles.ts";
import { FastCgiServer, type Server } from "./server/server.ts";
import { type ConnectionOptions, resolveSettings, type ServeOptions } from "./server/server_options.ts";

/**
 * Serves FastCGI: like `Deno.serve`, behind a web server.
 *
 * Without an address it listens on the socket that it was started with, if there is one (descriptor 0 under spawn-fcgi,
 * mod_fcgid or lighttpd; systemd's socket activation), else on 127.0.0.1:9000.
 *
 * @throws {TypeError|RangeError} If an option cannot be. What goes wrong later rejects `server.ready`.
 *
 * @example
 * ```ts
 * import { serve } from "@webfcgi/webfcgi";
 *
 * await using server = serve({ port: 0, onListen: () => {} }, (request, info) => {
 *   info.log(`asked for ${request.url}`);
 *   return new Response("Hello");
 * });
 * await server.ready;
 * ```
 */
export function serve(handler: Handler): Server;
/** As above, with options. */
export function serve(options: ServeOptions, handler: Handler): Server;
/** As above, with the handlers among the options, as in `Bun.serve`. */
export function serve(options: ServeOptions & Handlers): Server;
export function serve(first: Handler | ServeOptions | ServeOptions & Handlers, handler?: Handler): Server {
  const options: ServeOptions & Partial<Handlers> = typeof first === "function" ? { fetch: first } : first;
  const handlers: Partial<Handlers> = handler === undefined ? options : { fetch: handler };
  const where = listenOptions(options);
  const { onListen = announce } = options;
  return makeServer(options, handlers, async (server) => {
    const runtime = await detectRuntime();
    const accept = (transport: Transport): TransportSink => server.accept(transport);
    const listener =
      await (where === undefined ? listenAnywhere(runtime, options, accept) : runtime.listen(where, accept));
    try {
      onListen(listener.addr);
    } catch (error) {
      await listener.close();
      throw error;
    }
    return listener;
  });
}

/**
 * Serves one connection over any pair of Web Streams; resolves when it is closed. Errors go to `onError`.
 *
 * @throws {TypeError|RangeError} If an option cannot be.
 *
 * @example
 * ```ts
 * import { serveConnection } from "@webfcgi/webfcgi";
 *
 * const toApplication = new TransformStream<Uint8Array, Uint8Array>();
 * const toWebServer = new TransformStream<Uint8Array, Uint8Array>();
 * const served = serveConnection(
 *   { readable: toApplication.readable, writable: toWebServer.writable },
 *   () => new Response("Hello"),
 * );
 * await toApplication.writable.close();
 * await Array.fromAsync(toWebServer.readable);
 * await served;
 * ```
 */
export function serveConnection(
  streams: DuplexStreams,
  handler: Handler | Handlers,
  options: ConnectionOptions = {},
): Promise<void> {
  const server = makeServer(options, typeof handler === "function" ? { fetch: handler } : handler, (server) => {
    openStreams(streams, (transport) => {
      const sink = server.accept(transport);
      return {
        received: (chunk, lent) => sink.received(chunk, lent),
        ended: () => sink.ended(),
        drained: () => sink.drained(),
        closed: (error) => {
          sink.closed(error);
          server.close();
        },
      };
    });
    return Promise.resolve(NO_LISTENER);
  });
  return server.finished;
}

function makeServer(
  options: ServeOptions,
  handlers: Partial<Handlers>,
  listen: (server: FastCgiServer) => Promise<Listener>,
): FastCgiServer {
  const byRole = handlersByRole(handlers);
  const settings = resolveSettings(options);
  if (!settings.nativeRequest) adoptGlobals();
  if (options.fastResponse) adoptFastResponse(wantsNativeResponses());
  return new FastCgiServer(settings, byRole, options.signal, listen);
}

/** Where the options say to listen; undefined if they do not. @throws {TypeError} If they say two things at once. */
function listenOptions(options: ServeOptions): ListenOptions | undefined {
  const { hostname, port, path, fd, mode = 0o660, takeOver, backlog = 511, reusePort = false } = options;
  const given = [hostname ?? port, path, fd].filter((value) => value !== undefined).length;
  if (given > 1) throw new TypeError("Cannot serve: give one of port, path and fd, not several");
  if (path !== undefined) return { path, mode, takeOver, backlog };
  if (fd !== undefined) return { fd };
  if (given === 1) return { hostname: hostname ?? "127.0.0.1", port: port ?? 9000, backlog, reusePort };
}

/** Listens on the socket that the process was started with, else on 127.0.0.1:9000. */
async function listenAnywhere(runtime: Runtime, options: ServeOptions, accept: Accept): Promise<Listener> {
  const { backlog = 511, reusePort = false } = options;
  const fd = runtime.inheritedFd();
  if (fd !== undefined) {
    try {
      return await runtime.listen({ fd }, accept);
    } catch (error) {
      // Deno without the permission to read /proc cannot tell a parent's pipe on descriptor 0 from a listening socket.
      if (fd !== 0) throw error;
    }
  }
  return runtime.listen({ hostname: "127.0.0.1", port: 9000, backlog, reusePort }, accept);
}

function announce(addr: Addr): void {
  const where = addr.transport === "tcp"
    ? `${addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname}:${addr.port}`
    : addr.transport === "unix"
    ? addr.path
    : `file descriptor ${addr.fd}`;
  console.log(`Listening for FastCGI on ${where}`);
}

/** Stands in for the listener of a connection that is there already. */
const NO_LISTENER: Listener = {
  addr: { transport: "unix", path: "" },
  close: () => Promise.resolve(),
  ref: () => {},
  unref: () => {},
};
