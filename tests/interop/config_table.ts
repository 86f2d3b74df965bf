/** The table of what web servers do by themselves, with lines, and not at all: Markdown for docs/. */

import { mendingLines, type Need, type WebServerName, webServers } from "../../src/config.ts";
import type { Nature } from "./config_checks.ts";

/** How something becomes true: `with lines` are those that a configuration has. */
export type Ability = "by itself" | "with lines" | "no";

/** What the tests have found out, a web server's by the names of the checks. */
export type Findings = ReadonlyMap<WebServerName, ReadonlyMap<string, Ability>>;

const titles: Readonly<Record<WebServerName, string>> = {
  nginx: "nginx",
  apache: "Apache",
  fcgid: "mod_fcgid",
  lighttpd: "lighttpd",
  caddy: "Caddy 2.6",
  haproxy: "HAProxy 2.6",
  h2o: "h2o 2.2",
};

const rows: Readonly<Record<Exclude<Need, "address" | "prefix"> | Nature, string>> = {
  mount: "the mount is known to the application",
  static: "files from a folder",
  host: "host and port as asked for",
  https: "`https:` behind a proxy that ends TLS",
  "client-address": "the client's address behind a proxy",
  authorization: "the Authorization header",
  "encoded-slash": "`%2F` in a path",
  upload: "uploads of 3 MiB, or as large as you say",
  "chunked-upload": "uploads of 100 kB without a length",
  "request-head": "request headers of 32 KiB",
  "response-head": "response headers of 32 KiB",
  events: "events as they are written",
  stream: "every response as it is written",
  kept: "kept connections",
  slow: "a time-out of your own",
  subrequest: "a check before the application",
  gone: "the signal fires when a client leaves while the handler waits",
  broken: "the client sees that a stream breaks off",
};

const cells: Readonly<Record<Ability, string>> = { "by itself": "yes", "with lines": "config", no: "**no**" };

/** Writes the table, and below it why a web server cannot do what it cannot. */
export function abilityTable(findings: Findings): string {
  const columns = webServers.filter((server) => findings.has(server));
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const table = [
    line(["", ...columns.map((server) => titles[server])]),
    line(["-", ...columns.map(() => "-")]),
    ...Object.entries(rows).map(([name, title]) =>
      line([title, ...columns.map((server) => cells[findings.get(server)?.get(name) ?? "no"])])
    ),
  ];
  const reasons = new Set(columns.flatMap((server) => {
    const needs = Object.keys(rows).filter((name) => name !== "gone" && name !== "broken") as Need[];
    return needs.flatMap((need) => mendingLines(server, need, { header: "32k" }).cannot ?? []);
  }));
  const legend = "`config`: with the lines, or the option of `serve`, that `webServerConfig` writes.";
  return [legend, "", ...table, "", ...[...reasons].map((reason) => `- ${reason}.`), ""].join("\n");
}
