// Web servers that die, with all their sites, of what FastCGI 1.0 allows: h2o 2.2 and HAProxy 2.6.

import { serve } from "../../mod.ts";
import { findProgram, isLeftOut } from "../helpers/programs.ts";
import { assertEquals, assertStringIncludes } from "../std/assert.ts";
import { makeRunFolder } from "./debian_server.ts";
import { startForeground, type WebServer } from "./foreground.ts";
import { freePort } from "./web_server.ts";

const MiB = 1_048_576;
const quiet = { quiet: true, onError: () => {} };

function isMissing(name: string): boolean {
  return isLeftOut(`the tests of what ${name} cannot take`, findProgram(name) === undefined ? name : undefined);
}

/** Starts a web server with a configuration that listens on the port that it is given. */
async function start(name: string, args: readonly string[], config: (port: number) => string): Promise<WebServer> {
  const run = await makeRunFolder(name);
  const port = freePort();
  await Deno.writeTextFile(`${run}/config`, config(port));
  return await startForeground(name, [findProgram(name)!, ...args, `${run}/config`], { run, port });
}

/** Sends a request, on a connection of its own, and reads the whole answer. */
async function ask(url: string, body?: Uint8Array<ArrayBuffer>): Promise<{ status: number; text: string }> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const method = body === undefined ? "GET" : "POST";
  const signal = AbortSignal.timeout(30_000);
  const response = await fetch(url, { client, method, signal, ...body && { body } });
  return { status: response.status, text: await response.text() };
}

Deno.test({
  name: "h2o survives answers before the end of an upload on kept connections",
  ignore: isMissing("h2o"),
  async fn() {
    const folder = await makeRunFolder("sockets");
    const answer = (request: Request): Response => {
      const status = Number(new URL(request.url).pathname.slice(-3));
      return new Response(`answer ${status}`, { status });
    };
    const unix = [undefined, 1000].map((maxBodyBytes, index) =>
      serve({ ...quiet, path: `${folder}/${index}`, mode: 0o666, ...maxBodyBytes && { maxBodyBytes } }, answer)
    );
    const tcp = [undefined, 1000].map((maxBodyBytes) =>
      serve({ ...quiet, port: 0, ...maxBodyBytes && { maxBodyBytes } }, answer)
    );
    await Promise.all([...unix, ...tcp].map(({ ready }) => ready));
    const sites = [
      ["/unix", `type: unix, port: ${folder}/0`],
      ["/unix-limited", `type: unix, port: ${folder}/1`],
      ["/tcp", `host: 127.0.0.1, port: ${tcp[0]!.addr.port}`],
      ["/tcp-limited", `host: 127.0.0.1, port: ${tcp[1]!.addr.port}`],
    ].map(([path, to]) =>
      `      ${path}:\n        fastcgi.connect: {${to}}\n        fastcgi.timeout.keepalive: 5000\n`
    );
    try {
      const user = Deno.uid() === 0 ? "user: root\n" : "";
      const hosts = `hosts:\n  default:\n    paths:\n${sites.join("")}`;
      await using h2o = await start(
        "h2o",
        ["-c"],
        (port) => `${user}listen: {host: 127.0.0.1, port: ${port}}\nnum-threads: 1\n${hosts}`,
      );
      const url = `http://127.0.0.1:${h2o.port}`;
      for (const [path, size] of [["/unix", 2 * MiB], ["/tcp", 50 * MiB]] as const) {
        const body = new Uint8Array(size);
        for (const status of [401, 404, 200]) {
          assertEquals(await ask(`${url}${path}/${status}`, body), { status, text: `answer ${status}` });
        }
        const refused = await ask(`${url}${path}-limited/200`, body);
        assertEquals(refused, { status: 413, text: "413 Content Too Large\n" });
        assertEquals(await ask(`${url}${path}/200`), { status: 200, text: "answer 200" });
      }
    } finally {
      await Promise.all([...unix, ...tcp].map((server) => server.close()));
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "HAProxy survives long lines in the error log of a request",
  ignore: isMissing("haproxy"),
  async fn() {
    await using server = serve({ ...quiet, port: 0 }, async (request, info) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/throw") throw new Error(`Cannot read body: ${await request.text()}`);
      if (pathname === "/log") info.log("x".repeat(17_000));
      if (pathname === "/logs") { for (let line = 0; line < 70; line++) info.log("y".repeat(1000)); }
      return new Response("answer");
    });
    await server.ready;
    await using haproxy = await start("haproxy", ["-db", "-f"], (port) =>
      [
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s",
        "fcgi-app app\n  docroot /\n  log-stderr global",
        `backend back\n  use-fcgi-app app\n  server app 127.0.0.1:${server.addr.port} proto fcgi`,
        `frontend front\n  bind 127.0.0.1:${port}\n  default_backend back\n`,
      ].join("\n"));
    const url = `http://127.0.0.1:${haproxy.port}`;
    for (let round = 0; round < 3; round++) {
      assertEquals(await ask(`${url}/log`), { status: 200, text: "answer" });
      assertEquals(await ask(`${url}/logs`), { status: 200, text: "answer" });
      const { status, text } = await ask(`${url}/throw`, new TextEncoder().encode("b".repeat(20_000)));
      assertEquals(status, 500);
      assertStringIncludes(text, "500");
    }
  },
});
