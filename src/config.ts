/**
 * Configurations of web servers, written for an application: nginx, Apache, mod_fcgid, lighttpd, Caddy, HAProxy and h2o;
 * and of what starts an application: `.htaccess`, systemd, containers.
 *
 * @example
 * ```ts
 * import { webServerConfig } from "@webfcgi/webfcgi/config";
 * import { assert } from "@std/assert";
 *
 * const { text } = webServerConfig("caddy", { mount: "/app", static: [{ url: "/static/", folder: "/srv/app/static" }] });
 * assert(text.startsWith("# webfcgi config caddy --mount /app --static /static/=/srv/app/static/\n"));
 * ```
 *
 * @module
 */

export type { ConfigFile, ConfigFiles } from "./config/config_file.ts";
export type { ConfigLines, Need, WebServerName } from "./config/dialect.ts";
export type { StaticFolder, WebServerConfigOptions } from "./config/site.ts";
export { type ConfigTarget, configTargets, type WebServerConfig, webServerConfig } from "./config/web_server_config.ts";
export { type Mending, mendingLines, needs, webServers } from "./config/web_servers.ts";
