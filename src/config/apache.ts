/** How Apache is told, with mod_proxy_fcgi and mod_fcgid: a file for `sites-available`, with a virtual host of its own. */

import { at, type ConfigLines, type Dialect, indent, spaced } from "./dialect.ts";
import { hostPort, type Site, type SiteAddress } from "./site.ts";

/** A section in angle brackets. */
export function section(head: string, lines: readonly string[]): string {
  return [`<${head}>`, ...indent(lines), `</${head.split(" ")[0]}>`].join("\n");
}

/** A virtual host, and what Apache takes from the first virtual host alone if it is in one. */
export function virtualHost({ host = "localhost", port }: Site, outside: string[], inside: string[]): string {
  const listen = port === 80 ? [] : [`Listen ${port}`];
  return spaced([
    ...listen,
    ...outside,
    section(`VirtualHost *:${port}`, spaced([`ServerName ${host}`, ...inside])),
  ]).join("\n");
}

/** What both modules need. */
export const anyApache = {
  static: ({ folders, mount }: Site): ConfigLines[] =>
    folders.flatMap(({ url, folder }) => [
      ...url.startsWith(`${mount}/`) ? [at("exceptions", `ProxyPass ${url} !`)] : [],
      at("vhost", `Alias ${url} ${folder}`, section(`Directory ${folder}`, ["Require all granted"])),
    ]),
  https: ({ proxies }: Site): ConfigLines[] =>
    proxies.map((network) =>
      at(
        "vhost",
        `SetEnvIfExpr "%{CONN_REMOTE_ADDR} -ipmatch '${network}' && %{HTTP:X-Forwarded-Proto} == 'https'" HTTPS=on`,
      )
    ),
  "client-address": ({ proxies }: Site): ConfigLines[] => [
    at("vhost", "RemoteIPHeader X-Forwarded-For"),
    ...proxies.map((network) => at("vhost", `RemoteIPInternalProxy ${network}`)),
  ],
  authorization: [
    at("location", "# Without it the Authorization header is withheld."),
    at("location", "CGIPassAuth On"),
  ],
  "encoded-slash": [
    at("vhost", "# Without it every URL with %2F is answered 404.", "AllowEncodedSlashes NoDecode"),
  ],
  "request-head": ({ header }: Site): ConfigLines[] => [
    at(
      "server",
      "# Not in the virtual host: Apache would take it from the first one of the port.",
      `LimitRequestFieldSize ${header}`,
    ),
  ],
  "response-head": "Apache takes lines of up to 8 KiB in a response's head",
  check: ({ name }: Site, modules: readonly string[]): string[] => [
    `a2enmod ${modules.join(" ")}`,
    `a2ensite ${name}`,
    "apachectl configtest",
  ],
} as const;

function url(address: SiteAddress, path: string, label: string): string {
  return "path" in address ? `unix:${address.path}|fcgi://${label}${path}` : `fcgi://${hostPort(address)}${path}`;
}

/** Where requests go: an address, or a balancer of several. */
function target({ name, addresses, mount }: Site): string {
  const path = mount === "" ? "/" : "";
  const [first] = addresses;
  return addresses.length === 1 && first ? url(first, path, name) : `balancer://${name}${path}`;
}

/** A balancer's name may not have the underscore that a word may have. */
function named(site: Site): Site {
  return { ...site, name: site.name.replaceAll("_", "-") };
}

function modules({ addresses, proxies }: Site): string[] {
  const balancing = addresses.length > 1 ? ["proxy_balancer", "lbmethod_bybusyness"] : [];
  return ["proxy_fcgi", ...balancing, ...proxies.length > 0 ? ["remoteip"] : []];
}

export const apache: Dialect = {
  title: "Apache",
  needs: {
    address: [],
    mount: [at("vhost", 'SetEnvIf Request_URI "^" proxy-fcgi-pathinfo=unescape')],
    prefix: [],
    static: anyApache.static,
    host: [],
    https: anyApache.https,
    "client-address": anyApache["client-address"],
    authorization: [...anyApache.authorization],
    "encoded-slash": [...anyApache["encoded-slash"]],
    // LimitRequestBody does not hold for mod_proxy_fcgi.
    upload: [],
    "chunked-upload": [],
    "request-head": anyApache["request-head"],
    "response-head": anyApache["response-head"],
    events: [at("ProxyPass", "flushpackets=on")],
    stream: [at("ProxyPass", "flushpackets=on")],
    kept: [at("ProxyPass", "enablereuse=on")],
    slow: ({ timeoutSeconds }) => [at("ProxyPass", `timeout=${timeoutSeconds}`)],
    subrequest: "Apache has no request that is asked before another",
  },
  frame(given, places) {
    const site = named(given);
    const { name, addresses, mount } = site;
    const words = places("ProxyPass");
    const balanced = addresses.length > 1;
    const members = addresses.map((address, index) =>
      ["BalancerMember", url(address, "", `${name}-${index + 1}`), ...words].join(" ")
    );
    const pass = ["ProxyPass", mount || "/", target(site), ...balanced ? [] : words].join(" ");
    const location = places("location");
    return virtualHost(site, places("server"), [
      ...places("exceptions"),
      ...places("vhost"),
      ...location.length > 0 ? [section(`Location ${mount || "/"}`, location)] : [],
      ...balanced ? [section(`Proxy balancer://${name}`, [...members, "ProxySet lbmethod=bybusyness"])] : [],
      pass,
    ]);
  },
  file: ({ name }) => `/etc/apache2/sites-available/${name}.conf`,
  placement: "a file of its own",
  modules,
  check: (site) => anyApache.check(site, modules(site)),
  load: "systemctl reload apache2",
};
