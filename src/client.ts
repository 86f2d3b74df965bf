/**
 * The other half: `fetch` over FastCGI. Puts PHP-FPM, or any other FastCGI application, behind `Deno.serve`, `Bun.serve`, Hono or a test.
 *
 * @example Asking an application
 * ```ts
 * import { serve } from "@webfcgi/webfcgi";
 * import { createClient } from "@webfcgi/webfcgi/client";
 * import { assertEquals } from "@std/assert";
 *
 * const server = serve({ port: 0, quiet: true }, (request) => new Response(`Hello from ${request.url}`));
 * await server.ready;
 * const { port } = server.addr;
 *
 * const client = createClient({ port });
 * const response = await client.fetch("https://example.com/a?b");
 * assertEquals(await response.text(), "Hello from https://example.com/a?b");
 *
 * await client.close();
 * await server.shutdown();
 * ```
 *
 * @example Errors say which limit or rule it was
 * ```ts
 * import { serve } from "@webfcgi/webfcgi";
 * import { createClient, LimitError } from "@webfcgi/webfcgi/client";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const server = serve({ port: 0, quiet: true }, () => new Promise<Response>(() => {}));
 * await server.ready;
 * const { port } = server.addr;
 *
 * const client = createClient({ port, headTimeoutMs: 50 });
 * const error: unknown = await client.fetch("/").catch((error) => error);
 * assert(error instanceof LimitError);
 * assertEquals([error.code, error.limit, error.max], ["LIMIT", "headTimeoutMs", 50]);
 *
 * await client.close();
 * await server.close();
 * ```
 *
 * @module
 */

import { type ClientOptions, resolveClient } from "./client/client_options.ts";
import { type Client, FastCgiClient } from "./client/fast_cgi_client.ts";
import { detectRuntime } from "./runtime/detect.ts";
import type { Runtime } from "./runtime/transport.ts";

export { authorizerVariables } from "./client/authorizer_variables.ts";
export type { ApplicationCapabilities } from "./client/capabilities.ts";
export type { CgiVariables, ClientOptions, StderrSource } from "./client/client_options.ts";
export type { Client, ClientStats } from "./client/fast_cgi_client.ts";
export type { FastCgiRequestInit, RequestEnd } from "./client/outgoing_request.ts";
export * from "./errors.ts";

/**
 * Makes a client of the application at an address. Nothing is connected before the first request.
 *
 * @param address Where the application listens: `"127.0.0.1:9000"`, `"[::1]:9000"`, `"9000"` or
 * `"unix:/run/php/php8.2-fpm.sock"`; or options that say where.
 * @param options More options besides an address.
 * @throws {TypeError|RangeError} If an option is invalid, or there is no option of that name.
 *
 * @example PHP behind any JavaScript server
 * ```ts
 * import { createClient } from "@webfcgi/webfcgi/client";
 * import { assertEquals } from "@std/assert";
 *
 * const php = createClient("unix:/run/php/php8.2-fpm.sock", { scriptFilename: "/srv/www/index.php" });
 * const handler = (request: Request): Promise<Response> => php.fetch(request, { remoteAddr: "192.0.2.1" });
 *
 * assertEquals([typeof handler, php.stats().connections], ["function", 0]); // Deno.serve(handler)
 * await php.close();
 * ```
 *
 * @example What an application gets of one script
 * ```ts
 * import { serve } from "@webfcgi/webfcgi";
 * import { createClient } from "@webfcgi/webfcgi/client";
 * import { assertEquals } from "@std/assert";
 *
 * const names = ["SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "COLOUR"];
 * const server = serve({ port: 0, quiet: true }, (_request, { params }) => {
 *   return Response.json(names.map((name) => params.get(name)));
 * });
 * await server.ready;
 * const { port } = server.addr;
 *
 * const client = createClient({ port, params: { COLOUR: "blue" } });
 * const response = await client.fetch("/shop.php/cart", {
 *   scriptFilename: "/srv/www/shop.php",
 *   remoteAddr: "192.0.2.1",
 * });
 * assertEquals(await response.json(), ["/srv/www/shop.php", "/shop.php", "/cart", "192.0.2.1", "blue"]);
 *
 * await client.close();
 * await server.shutdown();
 * ```
 */
export function createClient(address: string | ClientOptions, options: ClientOptions = {}): Client {
  const settings = resolveClient(
    typeof address === "object" ? { ...options, ...address } : withAddress(address, options),
  );
  let runtime: Promise<Runtime> | undefined;
  return new FastCgiClient(settings, async (open, signal) => {
    runtime ??= detectRuntime();
    return (await runtime).connect(settings.addr, open, signal);
  });
}

function withAddress(address: string, options: ClientOptions): ClientOptions {
  if (options.address === undefined) return { ...options, address };
  throw new TypeError("Cannot make client: the address is given twice; leave it out of the options");
}
