// Restarts under load: a new process takes the path over, the old one shuts down, and no request is lost or broken.

import { pattern } from "../app.ts";
import { findRuntimes, type InstalledRuntime } from "../runtimes.ts";
import { assert, assertEquals, assertRejects } from "../std/assert.ts";
import { type AppProcess, startApp } from "./app_process.ts";
import { HttpConnection, request, text } from "./http_client.ts";
import { childrenOf } from "./processes.ts";
import { placeSite, siteFiles, sites } from "./sites.ts";
import { isMissing, startWebServer, type WebServerKind } from "./web_server.ts";

const runtimes = await findRuntimes();
const missing = { nginx: isMissing("nginx"), apache: isMissing("apache") };

/** How many clients ask at once, each on a connection that it keeps. */
const CLIENTS = 12;

/** What clients ask for, each with what must come: what is short, what is sent, and what takes longer than a restart. */
const requests: readonly ((connection: HttpConnection) => Promise<void>)[] = [
  async (connection) => {
    const { status, body } = await connection.request("GET", "/download?bytes=3000");
    assertEquals([status, body], [200, pattern(0, 3000)]);
  },
  async (connection) => {
    const response = await connection.request("POST", "/upload", { body: pattern(0, 20_000) });
    assertEquals(response.status, 200);
    assertEquals(JSON.parse(text(response)).length, 20_000);
  },
  async (connection) => {
    const response = await connection.request("GET", "/events");
    assertEquals([response.status, text(response).match(/data: event/g)?.length], [200, 5]);
  },
];

/** Has clients ask without a pause until `done`; rejects if one of them is not answered as it must be. */
async function load(port: number, done: AbortSignal): Promise<number> {
  let answered = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
    let connection: HttpConnection | undefined;
    try {
      for (let turn = 0; !done.aborted; turn++) {
        if (!connection?.reusable) {
          connection?.close();
          connection = await HttpConnection.connect(port);
        }
        // Few ask for what takes long: the others are to wear the kept connections.
        await requests[client === 0 ? 2 : (client + turn) % 2]?.(connection);
        answered++;
      }
    } finally {
      connection?.close();
    }
  }));
  return answered;
}

/** Puts a web server before one process after another, each taking the path over from the one before. */
async function restart(
  name: string,
  kind: WebServerKind,
  processes: readonly InstalledRuntime[],
  check: (port: number, restarts: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const site = sites.find((site) => site.name === name && site.kind === kind);
  assert(site, `there is no site ${name}`);
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-app-" });
  const path = `${folder}/app.sock`;
  const start = (runtime: InstalledRuntime): Promise<AppProcess> => startApp(runtime, { path }, ["--take-over"]);
  const [first, ...others] = processes;
  assert(first);
  try {
    await Deno.chmod(folder, 0o755);
    let app = await start(first);
    try {
      await using web = await startWebServer(kind, placeSite(site, { path }, `${folder}/`), await siteFiles(site));
      try {
        await check(web.port, async () => {
          for (const runtime of others) {
            const next = await start(runtime);
            const old = app;
            app = next;
            await old.stop();
            // The old one has not removed the new one's socket.
            assertEquals((await request(web.port, "GET", "/download?bytes=10")).status, 200, runtime.name);
          }
        });
      } catch (error) {
        console.error(`error log of ${kind}:\n${(await web.errorLog()).slice(-2000)}`);
        throw error;
      }
    } finally {
      await app.stop();
    }
    await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
}

async function underLoad(port: number, restarts: () => Promise<void>): Promise<void> {
  const done = new AbortController();
  const answered = load(port, done.signal);
  // What fails in the meantime ends the test after the restarts.
  answered.catch(() => {});
  try {
    await restarts();
  } finally {
    done.abort();
  }
  assert(await answered > CLIENTS);
}

for (const runtime of runtimes) {
  Deno.test({
    name: `serve loses no request in restarts on ${runtime.name} behind nginx with kept connections`,
    ignore: missing.nginx,
    fn: () => restart("config at the root", "nginx", [runtime, runtime, runtime], underLoad),
  });
}

Deno.test({
  name: "serve loses no request when one runtime takes over from another behind nginx",
  ignore: missing.nginx,
  fn: () => restart('README.md "Put it behind nginx"', "nginx", runtimes, underLoad),
});

Deno.test({
  name: "serve loses no request when one runtime takes over from another behind Apache without kept connections",
  ignore: missing.apache,
  fn: () => restart("plain root", "apache", runtimes, underLoad),
});

Deno.test({
  name: "serve answers after restarts behind Apache with kept connections",
  ignore: missing.apache,
  fn: () => restart("config at the root", "apache", runtimes, (_, restarts) => restarts()),
});
