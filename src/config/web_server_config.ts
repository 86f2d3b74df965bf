/** Writes the configuration of a web server, or of what starts an application. */

import type { ConfigFiles } from "./config_file.ts";
import { container } from "./container.ts";
import type { WebServerName } from "./dialect.ts";
import { htaccess } from "./htaccess.ts";
import { commandLine, readSite, refuse, type Site, type WebServerConfigOptions } from "./site.ts";
import { systemd } from "./systemd.ts";
import { webServerFiles, webServers } from "./web_servers.ts";

/** What a configuration can be written for. */
export type ConfigTarget = WebServerName | "htaccess" | "systemd" | "container";

/** A configuration, and what to do with it. */
export interface WebServerConfig extends ConfigFiles {
  /** All of it, as it is printed: it begins with a comment, which is the command that makes it. */
  readonly text: string;
}

const starters: Readonly<Record<string, (site: Site) => ConfigFiles>> = { htaccess, systemd, container };

/** Everything that a configuration can be written for. */
export const configTargets: readonly ConfigTarget[] = Object.freeze(
  [...webServers, ...Object.keys(starters)] as ConfigTarget[],
);

/**
 * Writes the configuration of a web server, or of what starts an application. It is text alone: nothing is read or
 * written.
 *
 * URLs, hosts, the Authorization header and events arrive as they should in any case, and connections are kept where the
 * web server can. An option that does not concern the target is ignored, so that the same options do for all.
 *
 * @throws {TypeError} If the web server cannot do what an option asks for, or an option is invalid.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { webServerConfig } from "@webfcgi/webfcgi/config";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const { text, files, check, load } = webServerConfig("nginx", { listen: "/run/app.sock", mount: "/app" });
 * assert(text.startsWith("# webfcgi config nginx --listen /run/app.sock --mount /app\n"));
 * assert(text.includes("fastcgi_param SCRIPT_NAME /app;"));
 * assertEquals(files[0]?.path, "/etc/nginx/conf.d/app.conf");
 * assertEquals([...check, load], ["nginx -t", "systemctl reload nginx"]);
 * ```
 */
export function webServerConfig(target: ConfigTarget, options: WebServerConfigOptions = {}): WebServerConfig {
  if (!configTargets.includes(target)) throw refuse("target", target, `write one of ${configTargets.join(", ")}`);
  const site = readSite(options);
  if ((target === "fcgid" || target === "htaccess") && options.listen !== undefined) {
    throw refuse("listen", options.listen, "mod_fcgid starts the application itself, on a socket of its own");
  }
  const config = starters[target]?.(site) ?? webServerFiles(target as WebServerName, site);
  const first = `# ${commandLine(target, options)}\n`;
  const files = config.files.map((file) => ({ ...file, text: `${first}${file.text}\n` }));
  const parts = config.files.map(({ path, text }) => `# ${path}\n${text}\n`);
  return { ...config, files, text: files.length === 1 ? files[0]!.text : [first, ...parts].join("\n") };
}
