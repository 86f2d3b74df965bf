/** What both of Apache's modules have in common: a virtual host of their own, and what Apache itself needs. */

import type { ConfigFile } from "./config_file.ts";
import { at, type ConfigLines, type Dialect, indent, linesFirst, type Places, spaced } from "./dialect.ts";
import type { Site } from "./site.ts";

/** A section in angle brackets. */
export function section(head: string, lines: readonly string[]): string {
  return [`<${head}>`, ...indent(lines), `</${head.split(" ")[0]}>`].join("\n");
}

/** The file of a virtual host, and before it the one of what would have no effect there. */
export function siteFiles(site: Site, places: Places, vhost: readonly string[]): ConfigFile[] {
  const { name, host = "localhost", port } = site;
  const placement = "a file of its own";
  const conf = places("conf-enabled");
  const text = [
    ...site.header === undefined ? [] : ["# Response headers of more than 8 KiB do not pass: Apache's limit is fixed."],
    ...port === 80 ? [] : [`Listen ${port}`],
    section(`VirtualHost *:${port}`, spaced([`ServerName ${host}`, ...linesFirst(places("VirtualHost")), ...vhost])),
  ];
  return [
    ...conf.length === 0
      ? []
      : [{ path: `/etc/apache2/conf-available/${name}.conf`, placement, text: conf.join("\n") } as const],
    { path: `/etc/apache2/sites-available/${name}.conf`, placement, text: spaced(text).join("\n") },
  ];
}

/** Folders that Apache serves. */
export function folderLines({ folders }: Site): ConfigLines[] {
  return folders.map(({ url, folder }) =>
    at("VirtualHost", `Alias ${url} ${folder}`, section(`Directory ${folder}`, ["Require all granted"]))
  );
}

/** Only what a trusted proxy says of TLS is believed. */
function https({ proxies }: Site): ConfigLines[] {
  const isHttps = "%{HTTP:X-Forwarded-Proto} == 'https'";
  return proxies.map((network) =>
    at("VirtualHost", `SetEnvIfExpr "%{CONN_REMOTE_ADDR} -ipmatch '${network}' && ${isHttps}" HTTPS=on`)
  );
}

/** Apache takes this from the first virtual host of a port, which is not ours. */
export function requestHead({ header }: Site): ConfigLines[] {
  return [
    at(
      "conf-enabled",
      "# Here it is read before all sites: in a later one it has no effect.",
      `LimitRequestFieldSize ${header}`,
    ),
  ];
}

/** What is written alike for both modules. */
export const anyApache: Pick<
  Dialect["needs"],
  "https" | "client-address" | "encoded-slash" | "response-head"
> = {
  https,
  "client-address": ({ proxies }) => [
    at("VirtualHost", "RemoteIPHeader X-Forwarded-For"),
    ...proxies.map((network) => at("VirtualHost", `RemoteIPInternalProxy ${network}`)),
  ],
  "encoded-slash": [
    at("VirtualHost", "# Without it every URL with %2F is answered 404.", "AllowEncodedSlashes NoDecode"),
  ],
  "response-head": "Apache takes lines of up to 8 KiB in a response's head",
};

/** The commands that put a site in force. */
export function siteCommands({ name, header }: Site, modules: readonly string[]): string[] {
  return [
    `a2enmod ${modules.join(" ")}`,
    ...header === undefined ? [] : [`a2enconf ${name}`],
    `a2ensite ${name}`,
    "apachectl configtest",
  ];
}
