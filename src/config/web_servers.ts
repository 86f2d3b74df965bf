/** Writes configurations of web servers, and the lines that mend one, from what is known of each. */

import { apache } from "./apache.ts";
import { caddy } from "./caddy.ts";
import type { ConfigFile, ConfigFiles } from "./config_file.ts";
import type { Answer, ConfigLines, Dialect, Need, WebServerName } from "./dialect.ts";
import { fcgid } from "./fcgid.ts";
import { h2o } from "./h2o.ts";
import { haproxy } from "./haproxy.ts";
import { lighttpd } from "./lighttpd.ts";
import { nginx } from "./nginx.ts";
import { readSite, type Site, type WebServerConfigOptions } from "./site.ts";

/** What a need is written like in a web server's configuration. */
export interface Mending {
  /** None if the web server does it by itself, or cannot. */
  readonly lines: readonly ConfigLines[];
  /** Why it cannot. */
  readonly cannot?: string;
}

const dialects: Readonly<Record<WebServerName, Dialect>> = { nginx, apache, fcgid, lighttpd, caddy, haproxy, h2o };

/** The web servers that configurations can be written for. */
export const webServers: readonly WebServerName[] = Object.freeze(Object.keys(dialects) as WebServerName[]);

/** Every need. */
export const needs: readonly Need[] = Object.freeze(Object.keys(nginx.needs) as Need[]);

/** What is met in any case, as far as a web server can. */
const ALWAYS: readonly Need[] = [
  "address",
  "mount",
  "prefix",
  "host",
  "authorization",
  "encoded-slash",
  "chunked-upload",
  "events",
  "kept",
];

/** What is met where an option asks for it. */
const ASKED: Partial<Record<Need, (site: Site) => boolean>> = {
  static: ({ folders }) => folders.length > 0,
  https: ({ proxies }) => proxies.length > 0,
  "client-address": ({ proxies }) => proxies.length > 0,
  upload: ({ upload }) => upload !== undefined,
  "request-head": ({ header }) => header !== undefined,
  "response-head": ({ header }) => header !== undefined,
  stream: ({ stream }) => stream,
  slow: ({ timeoutSeconds }) => timeoutSeconds !== undefined,
  subrequest: ({ auth }) => auth !== undefined,
};

/** What a mending is written for where the options say nothing. */
const EXAMPLE = {
  static: [{ url: "/static/", folder: "/srv/app/static" }],
  upload: "20M",
  header: "15k",
  trustProxy: "10.0.0.0/8",
  timeoutSeconds: 300,
  command: "/srv/app/dispatch.fcgi",
} as const satisfies WebServerConfigOptions;

/**
 * Gives the lines that make a web server meet one need, from the same table as {@linkcode webServerConfig}.
 *
 * Options that the need depends on have examples for defaults.
 *
 * @throws {TypeError} If an option is invalid.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { mendingLines } from "@webfcgi/webfcgi/config";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mendingLines("nginx", "upload", { upload: "100M" }), {
 *   lines: [{ place: "location", text: "client_max_body_size 100m;" }],
 * });
 * assertEquals(mendingLines("caddy", "kept"), {
 *   lines: [],
 *   cannot: "Caddy makes a connection for each request",
 * });
 * ```
 */
export function mendingLines(server: WebServerName, need: Need, options: WebServerConfigOptions = {}): Mending {
  const answer = answerOf(server, need, readSite({ ...EXAMPLE, ...options }));
  return typeof answer === "string" ? { lines: [], cannot: answer } : { lines: answer };
}

/** Writes the files of a web server that meets some needs and no others. */
export function writeNeeds(server: WebServerName, wanted: readonly Need[], site: Site): ConfigFile[] {
  const answers = wanted.map((need) => answerOf(server, need, site));
  return dialects[server].files(site, (place) => {
    const lines = answers.flatMap((answer) => typeof answer === "string" ? [] : answer);
    // Two needs may have lines in common.
    return [...new Set(lines.filter((line) => line.place === place).map(({ text }) => text))];
  });
}

/** Writes the configuration of a web server. */
export function webServerFiles(server: WebServerName, site: Site): ConfigFiles {
  const { modules, check, load } = dialects[server];
  const asked = needs.filter((need) => ASKED[need]?.(site));
  for (const need of ["address", ...asked] as const) {
    const answer = answerOf(server, need, site);
    // Of what `header` asks for, that is one half.
    if (typeof answer === "string" && need !== "response-head") {
      throw new TypeError(`Cannot write configuration: ${answer}`);
    }
  }
  const files = writeNeeds(server, [...ALWAYS, ...asked], site);
  return { files, modules: modules?.(site) ?? [], check: check(site), load };
}

function answerOf(server: WebServerName, need: Need, site: Site): Answer {
  const answer = dialects[server].needs[need];
  return typeof answer === "function" ? answer(site) : answer;
}
