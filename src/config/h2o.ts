/** How h2o is told: `hosts` for `h2o.conf`. */

import { at, type ConfigLines, type Dialect, indent, type Places } from "./dialect.ts";
import type { Site, SiteAddress } from "./site.ts";

const noProxies = "h2o 2.2 takes neither the client's address nor the scheme from a proxy's headers";

function entry(key: string, lines: readonly string[]): string {
  return [`${key}:`, ...indent(lines, "  ")].join("\n");
}

function connect(address: SiteAddress): string {
  return entry(
    "fastcgi.connect",
    "path" in address
      ? [`port: ${address.path}`, "type: unix"]
      : [`host: "${address.hostname}"`, `port: ${address.port}`, "type: tcp"],
  );
}

function address({ addresses: [first, ...more] }: Site): ConfigLines[] | string {
  return first === undefined || more.length > 0 ? "h2o takes one address" : [at("the path", connect(first))];
}

function frame(site: Site, places: Places): string {
  const { host, port, mount } = site;
  const name = host === undefined ? "default" : `"${host}${port === 80 ? "" : `:${port}`}"`;
  return [
    ...places("h2o.conf"),
    ...places("application").map((option) => `# h2o does not say where ${mount} ends: serve needs ${option}.`),
    entry("hosts", [
      entry(name, [
        ...port === 80 ? [] : [entry("listen", [`port: ${port}`])],
        entry("paths", [...places("paths"), entry(`"${mount || "/"}"`, places("the path"))]),
      ]),
    ]),
  ].join("\n");
}

/** h2o. */
export const h2o: Dialect = {
  needs: {
    address,
    mount: ({ mount }) => mount === "" ? [] : [at("application", `--mount ${mount}`)],
    prefix: [],
    static: ({ folders }) =>
      folders.map(({ url, folder }) => at("paths", entry(`"${url}"`, [`file.dir: "${folder}"`]))),
    host: [],
    https: noProxies,
    "client-address": noProxies,
    authorization: [],
    "encoded-slash": [],
    upload: ({ upload }) => [at("h2o.conf", `limit-request-body: ${upload}`)],
    "chunked-upload": [],
    "request-head": [],
    "response-head": [],
    events: [],
    stream: [],
    kept: "h2o 2.2 can end by an assertion when it keeps connections",
    slow: ({ timeoutSeconds = 0 }) => [at("the path", `fastcgi.timeout.io: ${timeoutSeconds * 1000}`)],
    subrequest: "h2o makes no sub-requests",
  },
  files: (site, places) => [{ path: "/etc/h2o/h2o.conf", placement: "in place of hosts:", text: frame(site, places) }],
  check: () => ["h2o --mode test --conf /etc/h2o/h2o.conf"],
  load: "systemctl reload h2o",
};
