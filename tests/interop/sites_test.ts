// One handler behind real web servers, in every configuration, over TCP and a unix socket.

import { serve } from "../../mod.ts";
import { assertEquals } from "../std/assert.ts";
import { createApp } from "../app.ts";
import { checkSite, staticText } from "./check_site.ts";
import { childrenOf } from "./processes.ts";
import { placeSite, siteFiles, sites } from "./sites.ts";
import { isMissing, startWebServer } from "./web_server.ts";

const missing = { nginx: isMissing("nginx"), apache: isMissing("apache") };

for (const site of sites) {
  for (const socket of ["TCP", "unix"]) {
    Deno.test({
      name: `serve answers when ${site.kind} has ${site.name} over ${socket}`,
      ignore: missing[site.kind],
      fn: async (t) => {
        const folder = await Deno.makeTempDir({ prefix: "webfcgi-app-" });
        try {
          await Deno.chmod(folder, 0o755);
          await Deno.writeTextFile(`${folder}/hello.txt`, staticText);
          const path = `${folder}/app.sock`;
          await using server = serve({
            ...socket === "TCP" ? { port: 0 } : { path, mode: 0o666 },
            quiet: true,
            onError: () => undefined,
          }, createApp());
          await server.ready;
          const { addr } = server;
          const directives = placeSite(site, addr?.transport === "tcp" ? addr : { path }, `${folder}/`);
          await using web = await startWebServer(site.kind, directives, await siteFiles(site));
          await checkSite(t, { site, web }, 1000);
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
        assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
      },
    });
  }
}
