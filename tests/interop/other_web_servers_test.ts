// An application behind lighttpd, Caddy, HAProxy and h2o, with the configurations that are printed for them.

import { serve } from "../../mod.ts";
import { webServerConfig, type WebServerName } from "../../src/config.ts";
import { createApp, pattern } from "../app.ts";
import { answers, findProgram, isLeftOut, missingOf } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { header, HttpConnection, request, text } from "./http_client.ts";
import { childrenOf } from "./processes.ts";
import { freePort } from "./web_server.ts";

/** How a web server is started, and what its configuration needs besides. */
interface Kind {
  readonly program: string;
  readonly server: WebServerName;
  readonly args: (path: string) => readonly string[];
  /** Puts in the port that it listens on, and what a test needs. */
  readonly complete: (block: string, port: number, folder: string) => string;
}

const kinds: Readonly<Record<string, Kind>> = {
  lighttpd: {
    program: "lighttpd",
    server: "lighttpd",
    args: (path) => ["-D", "-f", path],
    complete: (block, port, folder) =>
      `server.bind = "127.0.0.1"\nserver.port = ${port}\nserver.document-root = "${folder}"\n` +
      `server.errorlog = "${folder}/error.log"\n${block}`,
  },
  Caddy: {
    program: "caddy",
    server: "caddy",
    args: (path) => ["run", "--adapter", "caddyfile", "--config", path],
    complete: (block, port) =>
      `{\nadmin off\nauto_https off\n}\n${block.replace(":80 {", `:${port} {\nbind 127.0.0.1`)}`,
  },
  HAProxy: {
    program: "haproxy",
    server: "haproxy",
    args: (path) => ["-db", "-f", path],
    complete: (block, port) =>
      "defaults\nmode http\ntimeout connect 10s\ntimeout client 30s\ntimeout server 30s\n" +
      block.replace("bind :80", `bind 127.0.0.1:${port}`),
  },
  h2o: {
    program: "h2o",
    server: "h2o",
    args: (path) => ["-m", "worker", "-c", path],
    complete: (block, port, folder) =>
      `num-threads: 2\nerror-log: ${folder}/error.log\n${Deno.uid() === 0 ? "user: root\n" : ""}` +
      `listen:\n  host: 127.0.0.1\n  port: ${port}\n${block}`,
  },
};

/** Starts a web server in front of what listens on a port, and waits until it answers. */
async function withWebServer(
  { program, server, args, complete }: Kind,
  mount: string,
  appPort: number,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-web-" });
  const port = freePort();
  await Deno.chmod(folder, 0o755);
  const block = webServerConfig(server, { listen: String(appPort), mount }).text;
  await Deno.writeTextFile(`${folder}/config`, complete(block, port, folder));
  const child = new Deno.Command(findProgram(program)!, {
    args: [...args(`${folder}/config`)],
    env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  let ended = false;
  const status = child.status.finally(() => ended = true);
  try {
    await until(() => ended || answers(port), `an answer of ${program}`);
    assert(!ended, `${program} ended`);
    await use(port);
  } catch (error) {
    stderr.then((text) => console.error(text.slice(-2000)));
    throw error;
  } finally {
    if (!ended) child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await status;
    clearTimeout(timer);
    await stderr;
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, kind] of Object.entries(kinds)) {
  const ignore = isLeftOut(`the tests behind ${name}`, missingOf(kind.program));
  for (const mount of ["", "/fcgi"]) {
    Deno.test({
      name: `serve answers behind ${name} as it is configured ${mount === "" ? "at the root" : "under a path"}`,
      ignore,
      fn: async () => {
        const options = name === "h2o" ? { mount } : {};
        await using server = serve({ port: 0, quiet: true, ...options }, createApp());
        await server.ready;
        await withWebServer(kind, mount, server.addr.port, (port) => check(port, mount));
        assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
      },
    });
  }
}

async function check(port: number, mount: string): Promise<void> {
  const headers = [["Authorization", "Basic eDp5"], ["X-Custom", "a"]] as const;
  const response = await request(port, "GET", `${mount}/echo/a%2Fb/c?x=%20`, { headers });
  assertEquals([response.status, header(response, "content-type")], [200, "application/json"], text(response));
  const { url, headers: seen, scriptName, remoteAddr } = JSON.parse(text(response));
  assertEquals(url, `http://localhost:${port}${mount}/echo/a%2Fb/c?x=%20`);
  assertEquals([seen.authorization, seen["x-custom"]], ["Basic eDp5", "a"]);
  assertEquals([scriptName, remoteAddr.hostname], [mount, "127.0.0.1"]);

  const body = pattern(0, 1_000_000);
  const upload = await request(port, "POST", `${mount}/upload`, { body });
  assertEquals(JSON.parse(text(upload)).length, body.length);
  const download = await request(port, "GET", `${mount}/download?bytes=1000000`);
  assertEquals(download.body, body);

  // The handler makes each event once the one before has arrived here.
  using connection = await HttpConnection.connect(port);
  const release = (): Promise<unknown> => request(port, "GET", `${mount}/release?key=e`);
  await release();
  const events = await connection.open("GET", `${mount}/events?key=e`);
  let received = "";
  let released = 1;
  for await (const piece of events.body) {
    received += new TextDecoder().decode(piece);
    for (; released < Math.min(received.split("\n\n").length, 5); released++) await release();
  }
  assertEquals(received.match(/data: event/g)?.length, 5);
}
