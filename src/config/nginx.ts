/** How nginx is told: a file for `conf.d`, with a server of its own. */

import { at, braces, type ConfigLines, type Dialect, linesFirst, type Places, spaced } from "./dialect.ts";
import { hostPort, type Site, sized } from "./site.ts";

const UNITS = ["", "k", "m", "g"];

/** Writes an upstream even for one address, because connections are kept only there. */
function address({ name, addresses }: Site): ConfigLines[] {
  const several = addresses.length > 1;
  const lines = [
    ...several ? ["least_conn;"] : [],
    // By default, an address that has failed gets no requests for ten seconds.
    ...addresses.map((address) => `server ${hostPort(address)}${several ? " fail_timeout=1s" : ""};`),
    "keepalive 8;",
  ];
  return [
    at("http", braces(`upstream ${name}`, lines)),
    at("location", `fastcgi_pass ${name};`),
    // By default, a machine that does not answer is waited for a minute.
    ...several ? [at("location", "fastcgi_connect_timeout 2s;")] : [],
  ];
}

/** Only a trusted proxy is believed. nginx has one set of variables for all sites, hence their names. */
function https({ name, proxies }: Site): ConfigLines[] {
  const trusted = proxies.map((network) => `${network} on;`);
  const header = "$http_x_forwarded_proto";
  return [
    at("http", braces(`geo $realip_remote_addr $${name}_proxy`, ["default off;", ...trusted])),
    at("http", braces(`map $${name}_proxy:${header} $${name}_https`, ['default "";', "on:https on;"])),
    // Else nginx's own redirects, as from /app to /app/, lead to http:.
    at("server", "absolute_redirect off;"),
    at("location", `fastcgi_param HTTPS $${name}_https if_not_empty;`),
  ];
}

/** By default, a sub-request has the URL, method and length of the page that makes it. */
function subrequest({ auth }: Site): ConfigLines[] {
  return [
    ...auth === undefined ? [] : [at("location", `auth_request ${auth};`)],
    at("location of the check", "# Its own URL and method, and no body: not the page's."),
    at("location of the check", "fastcgi_param REQUEST_URI $uri$is_args$args;"),
    at("location of the check", "fastcgi_param REQUEST_METHOD GET;"),
    at("location of the check", 'fastcgi_param CONTENT_LENGTH "";'),
    at("location of the check", "fastcgi_pass_request_body off;"),
  ];
}

function frame(site: Site, places: Places): string {
  const { host = "localhost", port, mount, auth } = site;
  const location = ["include fastcgi_params;", ...places("location")];
  const check = [
    "internal;",
    ...location.filter((line) => !line.startsWith("auth_request")),
    ...places("location of the check"),
  ];
  const server = [
    `listen ${port};`,
    `listen [::]:${port};`,
    `server_name ${host};`,
    ...linesFirst(places("server")),
    ...auth === undefined ? [] : [braces(`location = ${auth}`, check)],
    braces(places("opening")[0] ?? `location ${mount || "/"}`, location),
  ];
  return spaced([...places("http"), braces("server", spaced(server))]).join("\n");
}

/** nginx. */
export const nginx: Dialect = {
  needs: {
    address,
    mount: ({ mount }) => mount === "" ? [] : [at("location", `fastcgi_param SCRIPT_NAME ${mount};`)],
    prefix: ({ mount }) => mount === "" ? [] : [at("opening", `location ${mount}/`)],
    static: ({ folders }) =>
      folders.map(({ url, folder }) => at("server", braces(`location ${url}`, [`alias ${folder};`]))),
    host: [
      at("http", braces("map $http_host $host_port", ['default "";', '"~:(?<p>\\d+)$" ":$p";'])),
      at("location", "# Not $http_host: it may be another host than the one that nginx has checked."),
      at("location", "fastcgi_param HTTP_HOST $host$host_port;"),
    ],
    https,
    "client-address": ({ proxies }) => [
      ...proxies.map((network) => at("server", `set_real_ip_from ${network};`)),
      at("server", "real_ip_header X-Forwarded-For;"),
      at("server", "real_ip_recursive on;"),
    ],
    authorization: [],
    "encoded-slash": [],
    upload: ({ upload = 0 }) => [at("location", `client_max_body_size ${sized(upload, UNITS)};`)],
    "chunked-upload": [],
    "request-head": ({ header = 0 }) => [at("server", `large_client_header_buffers 4 ${sized(header, UNITS)};`)],
    "response-head": ({ header = 0 }) => [
      at("location", `fastcgi_buffer_size ${sized(header, UNITS)};`),
      at("location", `fastcgi_buffers 8 ${sized(header, UNITS)};`),
    ],
    events: [],
    stream: [at("location", "fastcgi_buffering off;"), at("location", "fastcgi_request_buffering off;")],
    kept: (site) => [...address(site), at("location", "fastcgi_keep_conn on;")],
    slow: ({ timeoutSeconds }) => [at("location", `fastcgi_read_timeout ${timeoutSeconds}s;`)],
    subrequest,
  },
  files: (site, places) => [
    { path: `/etc/nginx/conf.d/${site.name}.conf`, placement: "a file of its own", text: frame(site, places) },
  ],
  check: () => ["nginx -t"],
  load: "systemctl reload nginx",
};
