// The same handler file on Bun and Node, behind nginx and Apache; and on every runtime, started by spawn-fcgi.

import { assertEquals } from "../std/assert.ts";
import { isLeftOut, missingOf } from "../helpers/programs.ts";
import { findRuntimes } from "../runtimes.ts";
import { type AppProcess, spawnApp, startApp } from "./app_process.ts";
import { checkSite, staticText } from "./check_site.ts";
import { childrenOf } from "./processes.ts";
import { placeSite, printedSite, type Site, siteFiles } from "./sites.ts";
import { isMissing, startWebServer } from "./web_server.ts";

const runtimes = await findRuntimes();
const missing = { nginx: isMissing("nginx"), apache: isMissing("apache") };
const missingSpawnFcgi = isLeftOut("the tests of inherited sockets", missingOf("spawn-fcgi"));

/** Puts a web server before an application in a folder of their own, and takes it through the checks. */
async function check(t: Deno.TestContext, site: Site, start: (folder: string) => Promise<AppProcess>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-app-" });
  try {
    await Deno.chmod(folder, 0o755);
    await Deno.writeTextFile(`${folder}/hello.txt`, staticText);
    await using app = await start(folder);
    await using web = await startWebServer(
      site.kind,
      placeSite(site, app.addr, `${folder}/`),
      await siteFiles(site),
    );
    await checkSite(t, { site, web }, 100);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
}

for (const runtime of runtimes) {
  if (runtime.name !== "deno") {
    Deno.test({
      name: `serve answers on ${runtime.name} when nginx is at the root over unix`,
      ignore: missing.nginx,
      fn: (t) =>
        check(
          t,
          printedSite("nginx", "config at the root"),
          (folder) => startApp(runtime, { path: `${folder}/app.sock` }),
        ),
    });
    Deno.test({
      name: `serve answers on ${runtime.name} when Apache is under a path over TCP`,
      ignore: missing.apache,
      fn: (t) => check(t, printedSite("apache", "config under a path"), () => startApp(runtime, { port: 0 })),
    });
  }
  Deno.test({
    name: `serve finds the inherited unix socket on ${runtime.name} when spawn-fcgi starts it`,
    ignore: missing.nginx || missingSpawnFcgi,
    fn: (t) =>
      check(t, printedSite("nginx", "config under a path"), (folder) => spawnApp(runtime, `${folder}/app.sock`)),
  });
  Deno.test({
    name: `serve finds the inherited TCP socket on ${runtime.name} when spawn-fcgi starts it`,
    ignore: missing.nginx || missingSpawnFcgi,
    fn: (t) => check(t, printedSite("nginx", "config at the root"), () => spawnApp(runtime)),
  });
}
