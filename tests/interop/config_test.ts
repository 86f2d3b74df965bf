// The configurations that are generated, in the real web servers: each line is needed, and does what it says.

import {
  mendingLines,
  type Need,
  needs,
  webServerConfig,
  type WebServerConfigOptions,
  type WebServerName,
  webServers,
} from "../../src/config.ts";
import { readSite } from "../../src/config/site.ts";
import { writeNeeds } from "../../src/config/web_servers.ts";
import { assertEquals } from "../std/assert.ts";
import { checks, type Nature } from "./config_checks.ts";
import {
  addressOf,
  allOptions,
  bareFiles,
  faultsOf,
  listen,
  makeScripts,
  staticFolders,
  withFolder,
} from "./config_scene.ts";
import { type Ability, abilityTable } from "./config_table.ts";
import { checkOnDebian, isMissing } from "./debian_server.ts";
import { freePort } from "./web_server.ts";

const missing: Readonly<Record<string, boolean>> = Object.fromEntries(
  webServers.map((server) => [server, isMissing(server)]),
);

/** What the web servers do that no line is about; what is not here, they do not. */
const natures: Readonly<Record<Nature, Readonly<Partial<Record<WebServerName, Ability>>>>> = {
  gone: { nginx: "by itself" },
  // lighttpd's line is that of events.
  broken: { nginx: "by itself", apache: "by itself", lighttpd: "with lines", haproxy: "by itself" },
};

/** What each web server makes true, as the tests find it out. */
const findings = new Map<WebServerName, ReadonlyMap<string, Ability>>();

/** What the table of knowledge says of a web server. */
function expected(server: WebServerName, name: Need | Nature, options: WebServerConfigOptions): Ability {
  if (name === "gone" || name === "broken") return natures[name][server] ?? "no";
  const { lines, cannot } = mendingLines(server, name, options);
  return cannot !== undefined ? "no" : lines.length === 0 ? "by itself" : "with lines";
}

for (const server of webServers) {
  Deno.test({
    name: `each line for ${server} is needed, and does what it says`,
    ignore: missing[server] ?? true,
    fn: () =>
      withFolder(async (folder) => {
        const names = Object.keys(checks) as (keyof typeof checks)[];
        const options: WebServerConfigOptions = allOptions(server, folder);
        const isTold = mendingLines(server, "mount", options).lines.some(({ place }) => place === "application");
        const mount = isTold ? { mount: "/app" } : {};
        await using plain = await listen({ port: 0 });
        await using told = await listen({ port: 0, ...mount });
        const [bareScript, fullScript] = server === "fcgid"
          ? await makeScripts(folder, ["bare.fcgi", "full.fcgi"])
          : [];
        const run = async (bare: boolean): Promise<Record<string, string>> => {
          const port = freePort();
          const own: WebServerConfigOptions = {
            ...options,
            host: `localhost:${port}`,
            ...server === "fcgid"
              ? { command: (bare ? bareScript : fullScript)!, workers: 3 }
              : { listen: addressOf(bare ? plain : told, server) },
          };
          const { files, modules } = webServerConfig(server, own);
          const given = { files: bare ? bareFiles(server, own) : files, modules, port };
          const visit = {
            server,
            port,
            mount: "/app",
            options: own,
            folders: staticFolders(folder, "/app"),
            trusts: true,
          };
          return await faultsOf(given, visit, names);
        };
        const [bare, full] = await Promise.all([run(true), run(false)]);
        const found = new Map<string, Ability>([["subrequest", expected(server, "subrequest", options)]]);
        for (const name of names) {
          const wanted = expected(server, name, options);
          // A unix socket tells nothing of a connection.
          const isKnown = name === "address" || name === "kept" && server === "fcgid";
          const ability = full[name] !== undefined ? "no" : bare[name] !== undefined ? "with lines" : "by itself";
          found.set(name, isKnown ? wanted : ability);
          if (!isKnown) assertEquals(ability, wanted, `${name}: bare: ${bare[name]}; full: ${full[name]}; ${full.log}`);
        }
        // Longer ones do not pass at all.
        if (server === "apache") found.set("request-head", "no");
        findings.set(server, found);
      }),
  });
}

for (const server of webServers) {
  Deno.test({
    name: `${server} accepts each need's lines alone, and the extremes of all options`,
    ignore: missing[server] ?? true,
    fn: () =>
      withFolder(async (folder) => {
        const port = freePort();
        const base: WebServerConfigOptions = {
          ...allOptions(server, folder),
          host: `a-b.example:${port}`,
          ...server === "fcgid" ? { command: `${folder}/dispatch.fcgi` } : { listen: `${folder}/app.sock` },
        };
        const extremes: WebServerConfigOptions[] = [
          { mount: "/A.b_c~d-1/e", upload: "1T", header: server === "apache" ? "15k" : "63k", timeoutSeconds: 86_400 },
          { upload: 1024, header: 8192, timeoutSeconds: 1, workers: 1024 },
          { upload: 1_000_001, header: 10_001 },
          ...server === "fcgid" ? [] : [{ listen: "[::1]:9000" }, { listen: "localhost:9000" }],
          ...mendingLines(server, "https").cannot ? [] : [{ trustProxy: ["::1", "fe80::/10", "192.0.2.1"] }],
          ...mendingLines(server, "subrequest").cannot ? [] : [{ mount: "/app", auth: "/app/auth" }],
        ];
        const { modules } = webServerConfig(server, base);
        const needed = needs.filter((need) => mendingLines(server, need, base).lines.length > 0);
        const loaded = [
          ...needed.map((need) => writeNeeds(server, ["address", need], readSite(base))),
          ...extremes.map((options) => webServerConfig(server, { ...base, ...options }).files),
        ].map((files) => files.map((file) => ({ ...file, text: `${file.text}\n` })));
        const faults = await Promise.all(
          loaded.map((files) => checkOnDebian(server, { files, modules, port }).catch((error: Error) => error.message)),
        );
        assertEquals(faults.filter((fault) => fault !== undefined), []);
      }),
  });
}

Deno.test({
  name: "docs/web-server-table.md says what the tests have found out",
  ignore: Object.values(missing).includes(true),
  fn: async () => {
    const text = await Deno.readTextFile(new URL("../../docs/web-server-table.md", import.meta.url));
    const plain = (text: string): string => text.replaceAll(/ +/g, " ").replaceAll(/-{2,}/g, "-");
    assertEquals(plain(text), plain(abilityTable(findings)));
  },
});
