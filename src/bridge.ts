/**
 * A site in front of a FastCGI application: serves the files of a folder, and runs its scripts over FastCGI.
 *
 * @example A PHP site behind any server of fetch handlers
 * ```ts
 * import { bridge } from "@webfcgi/webfcgi/bridge";
 * import { createClient } from "@webfcgi/webfcgi/client";
 *
 * const php = createClient("unix:/run/php/php8.2-fpm.sock");
 * const handler = bridge(php, { root: "/srv/www" });
 * // Deno.serve(handler), Bun.serve({ fetch: handler }), or export default { fetch: handler }
 * ```
 *
 * @module
 */

import { Bridge } from "./bridge/bridge.ts";
import type { BridgeOptions } from "./bridge/bridge_options.ts";
import type { BridgeInfo } from "./bridge/bridge_info.ts";
import type { Client } from "./client/fast_cgi_client.ts";

export type { BridgeOptions } from "./bridge/bridge_options.ts";
export type { BridgeInfo } from "./bridge/bridge_info.ts";

/**
 * Makes a handler for `Deno.serve`, `Bun.serve`, Hono or anything else that takes one: it serves the files of a site's
 * folder, with types, ranges and conditional requests, runs its scripts over FastCGI, and passes the rest to the
 * front controller.
 *
 * No link is followed out of the folder (unless `followLinks` is set), nothing with a dot before its name is served
 * (except `/.well-known/`), and no script's source. A path that names a folder gets its index: a script, or
 * `index.html`. Pass on what the HTTP server gives the handler besides the request: the client's address, whether it
 * uses TLS, and Bun's time-out come from there.
 *
 * @param client Asks the application.
 * @throws {TypeError} If an option is invalid.
 *
 * @example Files of a folder, and an application for the rest
 * ```ts
 * import { serve } from "@webfcgi/webfcgi";
 * import { bridge } from "@webfcgi/webfcgi/bridge";
 * import { createClient } from "@webfcgi/webfcgi/client";
 * import { assertEquals } from "@std/assert";
 *
 * const application = serve({ port: 0, quiet: true }, ({ url }) => new Response(`The application's: ${url}`));
 * await application.ready;
 * const client = createClient({ port: application.addr.port });
 *
 * const handler = bridge(client, { root: ".", frontController: "" }); // PHP has a front controller, /index.php
 * const file = await handler(new Request("http://localhost/LICENSE"));
 * assertEquals((await file.text()).slice(0, 11), "MIT License");
 * const rest = await handler(new Request("http://localhost/path"));
 * assertEquals(await rest.text(), "The application's: http://localhost/path");
 *
 * await client.close();
 * await application.shutdown();
 * ```
 */
export function bridge(
  client: Pick<Client, "fetch">,
  options: BridgeOptions = {},
): (request: Request, info?: BridgeInfo) => Promise<Response> {
  const site = new Bridge(client, options, async () => (await import("./runtime/site_files.ts")).createSiteFiles());
  return (request, info = {}) => site.answer(request, info);
}
