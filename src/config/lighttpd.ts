/** How lighttpd is told: a file for `conf-enabled`. */

import { at, braces, type ConfigLines, type Dialect, indent, type Places, spaced } from "./dialect.ts";
import type { Site } from "./site.ts";

/** mod_extforward believes both headers, of the proxies that it trusts. */
function extforward({ proxies }: Site): ConfigLines[] {
  const trusted = proxies.map((network) => `"${network}" => "trust"`).join(", ");
  return [
    at("lighttpd.conf", 'server.modules += ( "mod_extforward" )'),
    at("site", `extforward.forwarder = ( ${trusted} )`),
    at("site", 'extforward.headers = ( "X-Forwarded-For" )'),
  ];
}

const streams = [
  at("site", "# Without it streams and events arrive at their end."),
  at("site", "server.stream-response-body = 1"),
];

function frame(site: Site, places: Places): string {
  const { host, port, mount, addresses, folders } = site;
  const backends = addresses.map((address) =>
    [
      ..."path" in address
        ? [`"socket" => "${address.path}"`]
        : [`"host" => "${address.hostname}"`, `"port" => ${address.port}`],
      '"check-local" => "disable"',
      ...places("fastcgi.server"),
    ].join(",\n")
  );
  const server = `fastcgi.server = ( "${mount || "/"}" => (\n${
    indent(backends.map((lines) => `(\n${indent([lines]).join("\n")}\n)`)).join(",\n")
  }\n) )`;
  const app = around(
    [
      ...folders.filter(({ url }) => url.startsWith(`${mount}/`)).map(({ url }) =>
        `$HTTP["url"] !~ "^${escaped(url)}"`
      ),
      ...places("opening"),
    ],
    [server],
  );
  const inside = around([
    ...port === 80 ? [] : [`$SERVER["socket"] == ":${port}"`],
    ...host === undefined ? [] : [`$HTTP["host"] == "${host}"`],
  ], [...places("site"), ...app]);
  return spaced(['server.modules += ( "mod_fastcgi" )', ...places("lighttpd.conf"), ...inside]).join(
    "\n",
  );
}

/** lighttpd. */
export const lighttpd: Dialect = {
  needs: {
    address: ({ mount }) => mount === "" ? [at("fastcgi.server", '"fix-root-scriptname" => "enable"')] : [],
    mount: [],
    prefix: ({ mount }) => mount === "" ? [] : [at("opening", `$HTTP["url"] =~ "^${escaped(mount)}(/|$)"`)],
    static: ({ folders }) => [
      at("site", `alias.url += ( ${folders.map(({ url, folder }) => `"${url}" => "${folder}"`).join(", ")} )`),
    ],
    host: [],
    https: extforward,
    "client-address": extforward,
    authorization: [],
    "encoded-slash": [],
    upload: ({ upload = 0 }) => [at("site", `server.max-request-size = ${Math.ceil(upload / 1024)}`)],
    "chunked-upload": [],
    "request-head": ({ header }) => [at("lighttpd.conf", `server.max-request-field-size = ${header}`)],
    "response-head": [],
    events: streams,
    stream: streams,
    kept: "lighttpd makes a connection for each request",
    slow: ({ timeoutSeconds }) => [at("fastcgi.server", `"read-timeout" => ${timeoutSeconds}`)],
    subrequest: "lighttpd makes no sub-request that could check; an Authorizer can",
  },
  files: (site, places) => [
    {
      path: `/etc/lighttpd/conf-enabled/50-${site.name}.conf`,
      placement: "a file of its own",
      text: frame(site, places),
    },
  ],
  check: () => ["lighttpd -tt -f /etc/lighttpd/lighttpd.conf"],
  load: "systemctl restart lighttpd",
};

/** Puts lines under conditions, each in the one before. */
function around(conditions: readonly string[], lines: readonly string[]): string[] {
  return conditions.reduceRight((inner, condition) => [braces(condition, inner)], [...lines]);
}

function escaped(text: string): string {
  return text.replaceAll(/[.+]/g, "\\$&");
}
