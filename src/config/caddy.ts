/** How Caddy is told: a Caddyfile, or a site for one. */

import { at, braces, type ConfigLines, type Dialect, type Places, spaced } from "./dialect.ts";
import { type Site, type SiteAddress, sized } from "./site.ts";

const TAB = "\t";

function upstream(address: SiteAddress): string {
  if ("path" in address) return `unix/${address.path}`;
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** The site's address: for a name alone, Caddy gets a certificate. */
function siteAddress({ host, port, proxies }: Site): string {
  if (host === undefined) return `:${port}`;
  return port === 80 && proxies.length === 0 ? host : `http://${host}${port === 80 ? "" : `:${port}`}`;
}

/** Only a trusted proxy is believed. */
function https({ proxies }: Site): ConfigLines[] {
  return [
    at("site", braces("@https", [`remote_ip ${proxies.join(" ")}`, "header X-Forwarded-Proto https"], TAB)),
    at("site", "vars @https app_https on"),
    at("transport fastcgi", "env HTTPS {http.vars.app_https}"),
  ];
}

/** The last address is the one that the trusted proxy has seen itself. */
function clientAddress({ proxies }: Site): ConfigLines[] {
  const lines = [`remote_ip ${proxies.join(" ")}`, "header_regexp client X-Forwarded-For ([^,\\s]+)\\s*$"];
  return [
    at("site", braces("@forwarded", lines, TAB)),
    at("site", "vars app_client {remote_host}"),
    at("site", "vars @forwarded app_client {re.client.1}"),
    at("transport fastcgi", "env REMOTE_ADDR {http.vars.app_client}"),
  ];
}

function frame(site: Site, places: Places): string {
  const { mount, addresses, auth } = site;
  const upstreams = addresses.map(upstream).join(" ");
  const transport = (lines: string[]): string =>
    lines.length === 0 ? "transport fastcgi" : braces("transport fastcgi", lines, TAB);
  const balance = addresses.length === 1 ? [] : ["lb_policy least_conn", "lb_try_duration 1s", "fail_duration 1s"];
  const handle = spaced([
    ...places("handle"),
    ...auth === undefined ? [] : [
      braces(`forward_auth ${upstreams}`, [
        ...places("forward_auth"),
        transport([...places("transport fastcgi"), ...places("transport fastcgi of forward_auth")]),
      ], TAB),
    ],
    braces(`reverse_proxy ${upstreams}`, [
      ...balance,
      ...places("reverse_proxy"),
      transport(places("transport fastcgi")),
    ], TAB),
  ]);
  return braces(
    siteAddress(site),
    spaced([
      ...places("site"),
      ...mount === "" ? [] : [places("matcher")[0] ?? `@app path ${mount}/*`],
      braces(mount === "" ? "handle" : "handle @app", handle, TAB),
    ]),
    TAB,
  );
}

/** Caddy. */
export const caddy: Dialect = {
  needs: {
    address: [],
    mount: ({ mount }) => mount === "" ? [] : [at("transport fastcgi", `split ${mount}`)],
    prefix: ({ mount }) => mount === "" ? [] : [at("matcher", `@app path ${mount} ${mount}/*`)],
    static: ({ folders }) =>
      folders.map(({ url, folder }) =>
        at("site", braces(`handle_path ${url}*`, [`root * ${folder}`, "file_server"], TAB))
      ),
    host: [],
    https,
    "client-address": clientAddress,
    authorization: [],
    "encoded-slash": [],
    upload: ({ upload = 0 }) => [
      at("handle", braces("request_body", [`max_size ${sized(upload, ["", "KiB", "MiB", "GiB"])}`], TAB)),
    ],
    "chunked-upload": [],
    "request-head": [],
    "response-head": [],
    events: [],
    stream: [at("reverse_proxy", "flush_interval -1")],
    kept: "Caddy makes a connection for each request",
    slow: ({ timeoutSeconds }) => [at("transport fastcgi", `read_timeout ${timeoutSeconds}s`)],
    subrequest: ({ auth, mount }) => [
      ...auth === undefined ? [] : [at("forward_auth", `uri ${auth}`)],
      // Else it is the page's.
      at("transport fastcgi of forward_auth", `env REQUEST_URI ${auth ?? `${mount}/auth`}`),
    ],
  },
  files: (
    site,
    places,
  ) => [{ path: "/etc/caddy/Caddyfile", placement: "in place of the file", text: frame(site, places) }],
  check: () => ["caddy validate --config /etc/caddy/Caddyfile"],
  load: "systemctl reload caddy",
};
