/** How HAProxy is told: sections for the end of `haproxy.cfg`. */

import { at, type Dialect, indent, type Places } from "./dialect.ts";
import { hostPort, type Site, type SiteAddress } from "./site.ts";

/** The buffer holds the whole head, and HAProxy's own reserve. */
const BUFFER_RESERVE = 8 * 1024;

function section(head: string, lines: readonly string[]): string {
  return [head, ...indent(lines)].join("\n");
}

function server(address: SiteAddress): string {
  return "path" in address ? `unix@${address.path}` : hostPort(address);
}

function buffer({ header = 0 }: Site): ReturnType<typeof at>[] {
  return [at("global", `tune.bufsize ${header + BUFFER_RESERVE}`)];
}

/** The condition that a request comes from a trusted proxy. */
function trusted({ proxies }: Site): string {
  return `{ src ${proxies.join(" ")} }`;
}

/** What is done with the requests of a path; of one host, if there is one. */
function rule(action: string, { host }: Site, path: string): string {
  const conditions = [
    ...path === "" ? [] : [path],
    ...host === undefined ? [] : [`{ req.hdr(host),host_only -i ${host} }`],
  ];
  return [action, ...conditions.length === 0 ? [] : ["if", ...conditions]].join(" ");
}

function frame(site: Site, places: Places): string {
  const { name, port, mount, addresses } = site;
  const [balance, check] = addresses.length > 1
    ? [[
      "balance leastconn",
      "option redispatch",
      "# A request that a server has lost goes to another one, unless it may have changed something.",
      "retry-on conn-failure empty-response",
      "http-request disable-l7-retry unless { method GET HEAD OPTIONS }",
    ], " check inter 1s fall 1 rise 1"]
    : [[], ""];
  const path = mount === "" ? "" : `{ path_beg ${mount} }`;
  const uses = places("frontend").length > 0 ? places("frontend") : [rule(`use_backend ${name}`, site, path)];
  const global = places("global");
  return [
    ...global.length === 0 ? [] : [section("global", global)],
    section(`frontend ${name}`, [`bind :${port}`, ...uses]),
    section(`backend ${name}`, [
      ...balance,
      ...places("backend"),
      `use-fcgi-app ${name}`,
      ...addresses.some((address) => "path" in address)
        ? ["# Debian's HAProxy finds the path below its own root, /var/lib/haproxy."]
        : [],
      ...addresses.map((address, index) => `server ${name}${index + 1} ${server(address)} proto fcgi${check}`),
    ]),
    section(`fcgi-app ${name}`, ["docroot /", ...places("fcgi-app")]),
  ].join("\n\n");
}

/** HAProxy. */
export const haproxy: Dialect = {
  needs: {
    address: [],
    mount: (
      { mount },
    ) => [at("fcgi-app", mount === "" ? "path-info ^()(/.*)$" : `path-info ^(${escaped(mount)})(/.*)?$`)],
    prefix: (site) =>
      site.mount === "" ? [] : [
        // For a path that ends with the mount, HAProxy does not report it.
        at("frontend", rule(`http-request set-path ${site.mount}/`, site, `{ path ${site.mount} }`)),
        at("frontend", rule(`use_backend ${site.name}`, site, `{ path_beg ${site.mount}/ }`)),
      ],
    static: "HAProxy serves no files",
    host: [],
    https: (site) => [
      at("fcgi-app", `set-param HTTPS on if ${trusted(site)} { req.hdr(x-forwarded-proto) https }`),
    ],
    "client-address": (site) => [
      at(
        "fcgi-app",
        `set-param REMOTE_ADDR %[req.hdr(x-forwarded-for,-1)] if ${
          trusted(site)
        } { req.hdr(x-forwarded-for) -m found }`,
      ),
    ],
    authorization: [
      at("fcgi-app", "# Without it the Authorization header is withheld."),
      at(
        "fcgi-app",
        "set-param HTTP_AUTHORIZATION %[req.hdr(authorization)] if { req.hdr(authorization) -m found }",
      ),
    ],
    "encoded-slash": [],
    upload: [],
    "chunked-upload": "HAProxy 2.6 answers 400 to an upload without a length that is larger than its buffer",
    "request-head": buffer,
    "response-head": buffer,
    events: [
      at("backend", "# Without it streams and events arrive in lumps of 200 ms."),
      at("backend", "option http-no-delay"),
    ],
    stream: [
      at("backend", "# Without it streams and events arrive in lumps of 200 ms."),
      at("backend", "option http-no-delay"),
    ],
    kept: [at("backend", "http-reuse always")],
    slow: ({ timeoutSeconds }) => [at("backend", `timeout server ${timeoutSeconds}s`)],
    subrequest: "HAProxy makes no sub-requests",
  },
  files: (
    site,
    places,
  ) => [{ path: "/etc/haproxy/haproxy.cfg", placement: "at the end of the file", text: frame(site, places) }],
  check: () => ["haproxy -c -f /etc/haproxy/haproxy.cfg"],
  load: "systemctl reload haproxy",
};

function escaped(text: string): string {
  return text.replaceAll(".", "\\.");
}
