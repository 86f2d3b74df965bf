/** Serves FastCGI: puts options, handlers, sockets and the server together. */

import { listen } from "./listen.ts";
import { show } from "./options.ts";
import { type Clock, systemClock } from "./runtime/clock.ts";
import { type DuplexStreams, openStreams } from "./runtime/streams_transport.ts";
import { onEndSignal, residentBytes, runtimeText } from "./runtime/this_process.ts";
import type { ListenOptions, NetAddr, UnixAddr } from "./runtime/transport.ts";
import { patchGlobals, patchResponse } from "./fetch/patch_globals.ts";
import { ConnectionSet } from "./server/connection_set.ts";
import type { Handler } from "./server/handler.ts";
import { type Place, resolvePlace } from "./server/listen_options.ts";
import { type Handlers, handlersByRole } from "./server/roles.ts";
import { FastCgiServer, type Server } from "./server/server.ts";
import {
  type ConnectionOptions,
  type NetServeOptions,
  resolveConnectionSettings,
  resolveSettings,
  type ServeOptions,
  type Settings,
  type UnixServeOptions,
} from "./server/server_options.ts";
import { type ProcessFacts, serverValue } from "./server/server_values.ts";
import { VERSION } from "./version.ts";

/** A property of the global object while `webfcgi serve` loads a program, whatever copies of this package there are. */
export const LOADING: unique symbol = Symbol.for("webfcgi loading") as typeof LOADING;

/**
 * Serves FastCGI: like `Deno.serve`, behind a web server.
 *
 * Without an address it listens on the socket that it was started with, if there is one (descriptor 0 under spawn-fcgi,
 * mod_fcgid or lighttpd; systemd's socket activation), else on 127.0.0.1:9000.
 *
 * @throws {TypeError|RangeError} If an option is invalid or unknown, or there is no handler. What goes wrong later rejects
 * `server.ready`.
 *
 * @example
 * ```ts
 * import { serve } from "@webfcgi/webfcgi";
 * import { assert } from "@std/assert";
 *
 * await using server = serve({ port: 0, quiet: true }, (request, info) => {
 *   info.log(`asked for ${request.url}`);
 *   return new Response("Hello");
 * });
 * await server.ready;
 * assert(server.addr.port > 0);
 * ```
 */
export function serve(handler: Handler): Server;
/** As above, with options that name a TCP address. */
export function serve(options: NetServeOptions & Partial<Handlers>, handler: Handler): Server<NetAddr>;
/** As above, with options that name a unix socket. */
export function serve(options: UnixServeOptions & Partial<Handlers>, handler: Handler): Server<UnixAddr>;
/** As above, with options. */
export function serve(options: ServeOptions & Partial<Handlers>, handler: Handler): Server;
/** As above, with the handlers among the options, as in `Bun.serve`. */
export function serve(options: NetServeOptions & Handlers): Server<NetAddr>;
/** As above, with options that name a unix socket. */
export function serve(options: UnixServeOptions & Handlers): Server<UnixAddr>;
/** As above, with other options. */
export function serve(options: ServeOptions & Handlers): Server;
export function serve(first: Handler | ServeOptions & Partial<Handlers>, handler?: Handler): Server {
  if (LOADING in globalThis) {
    const remedy = "export the handler instead, as in export default { fetch: handler }";
    throw new TypeError(`Cannot serve: webfcgi serve, which loads this program, serves it; ${remedy}`);
  }
  return serveBy(systemClock, first, handler);
}

/** As `serve`, by another clock. */
export function serveBy(clock: Clock, first: Handler | ServeOptions & Partial<Handlers>, second?: Handler): Server {
  const { options, handlers } = readArguments<ServeOptions>("Cannot serve", "serve", first, second);
  return start(clock, options, handlers, resolvePlace(options));
}

/**
 * As `serve`, for the command: `extraValue` has the values of names of its own that FCGI_GET_VALUES may ask for, and
 * `where` is a socket that another process keeps.
 */
export function serveCommanded(
  options: ServeOptions,
  handlers: Partial<Handlers>,
  extraValue: NonNullable<Settings["extraValue"]>,
  where?: ListenOptions,
): Server {
  const place = where === undefined ? resolvePlace(options) : { where, named: true, handed: true };
  return start(systemClock, options, handlersByRole(handlers), place, extraValue);
}

function start(
  clock: Clock,
  options: ServeOptions,
  handlers: ReadonlyMap<number, Handler>,
  place: Place,
  extraValue?: Settings["extraValue"],
): FastCgiServer {
  const ownValue = (name: string): string | undefined => serverValue(name, server.stats(), clock.now(), facts);
  const settings: Settings = { ...resolveSettings(options), extraValue: extraValue ?? ownValue };
  const releases: (() => void)[] = [];
  if (settings.patchGlobals) releases.push(patchGlobals());
  if (settings.fastResponse) releases.push(patchResponse());
  const server = new FastCgiServer(
    settings,
    handlers,
    options.signal,
    (accept) => listen(place, settings, options.onListen, accept),
    clock,
    () => releases.forEach((release) => release()),
  );
  if (settings.signals) releases.push(onEndSignal(() => void server.shutdown()));
  return server;
}

const facts: ProcessFacts = { version: VERSION, runtime: runtimeText, memoryBytes: residentBytes };

/**
 * Serves one connection over any pair of Web Streams; resolves when it is closed. Errors go to `onError`.
 *
 * @throws {TypeError|RangeError} If an option is invalid or unknown, or there is no handler.
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
export function serveConnection(streams: DuplexStreams, handler: Handler): Promise<void>;
/** As above, with options. */
export function serveConnection(
  streams: DuplexStreams,
  options: ConnectionOptions & Partial<Handlers>,
  handler: Handler,
): Promise<void>;
/** As above, with the handlers among the options. */
export function serveConnection(streams: DuplexStreams, options: ConnectionOptions & Handlers): Promise<void>;
export function serveConnection(
  streams: DuplexStreams,
  first: Handler | ConnectionOptions & Partial<Handlers>,
  second?: Handler,
): Promise<void> {
  const what = "Cannot serve connection";
  const { options, handlers } = readArguments<ConnectionOptions>(what, "serveConnection", first, second);
  const settings = resolveConnectionSettings(options);
  return new Promise((resolve) => {
    const connections = new ConnectionSet(settings, handlers, systemClock, resolve);
    openStreams(streams, (transport) => connections.accept(transport));
  });
}

/** Takes options and handlers apart, wherever they stand. @throws {TypeError} If the arguments cannot be understood. */
function readArguments<O extends object>(
  what: string,
  name: string,
  first: unknown,
  second: unknown,
): { options: O; handlers: ReadonlyMap<number, Handler> } {
  const [given, handler]: [unknown, unknown] = typeof first === "function" && second === undefined
    ? [{}, first]
    : [first, second];
  const write = (form: string): string => `write ${name}(${form})`;
  if (given === undefined) throw new TypeError(`${what}: there is no handler; ${write("handler")}`);
  if (typeof given === "function") throw new TypeError(`${what}: the handler comes last; ${write("options, handler")}`);
  if (typeof given !== "object" || given === null) {
    const meant = typeof given === "number" ? "port" : "address";
    throw new TypeError(`${what}: the options are ${show(given)}; ${write(`{ ${meant}: ${show(given)} }, handler`)}`);
  }
  const options = given as O & Partial<Handlers>;
  const prototype = Object.getPrototypeOf(options);
  if (options.fetch !== undefined && prototype !== null && prototype.constructor !== Object) {
    throw new TypeError(`${what}: the options are an application; ${write("{ fetch: app.fetch }")}`);
  }
  if (handler === undefined) return { options, handlers: handlersByRole(options) };
  if (options.fetch !== undefined) {
    throw new TypeError(`${what}: the handler is given twice, as fetch and as an argument`);
  }
  return { options, handlers: handlersByRole({ ...options, fetch: handler as Handler }) };
}
