// Web servers that die, with all their sites, of what FastCGI 1.0 allows: h2o 2.2 and HAProxy 2.6.

import { serve, type ServeOptions } from "../../mod.ts";
import { assert, assertEquals, assertStringIncludes } from "../std/assert.ts";
import { findProgram } from "../helpers/programs.ts";
import { freePort } from "./web_server.ts";

const MiB = 1_048_576;

/** A program that serves HTTP. */
interface RunningProgram {
  readonly url: string;
  /** Whether it has not ended. */
  readonly alive: boolean;
  stop(): Promise<void>;
}

/** Whether the tests of a program are to be left out: prints why, or throws where `CI` is set. */
function isMissing(name: string): boolean {
  if (findProgram(name) !== undefined) return false;
  if (Deno.env.get("CI")) throw new Error(`Cannot test behind ${name}: it is not installed`);
  console.log(`skipped: the tests behind ${name} (it is not installed)`);
  return true;
}

/** Runs `name` with a configuration that listens on the port it is given, and waits until it answers. */
async function run(name: string, config: (port: number) => string, args: readonly string[]): Promise<RunningProgram> {
  const folder = await Deno.makeTempDir({ prefix: `webfcgi-${name}-` });
  const port = freePort();
  await Deno.writeTextFile(`${folder}/config`, config(port));
  const process = new Deno.Command(findProgram(name)!, {
    args: [...args, `${folder}/config`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(process.stderr).text();
  let alive = true;
  const ended = process.status.then(() => alive = false);
  const stop = async (): Promise<void> => {
    // Asked to end, h2o waits for its clients' kept connections.
    if (alive) process.kill("SIGKILL");
    await ended;
    await stderr;
    await Deno.remove(folder, { recursive: true });
  };
  for (const deadline = Date.now() + 10_000; alive && Date.now() < deadline;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return {
        url: `http://127.0.0.1:${port}`,
        get alive() {
          return alive;
        },
        stop,
      };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  await stop();
  throw new Error(`Cannot start ${name}: ${await stderr}`);
}

/** Sends a body and reads the whole answer. */
async function post(url: string, body: Uint8Array<ArrayBuffer>): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(30_000) });
  return { status: response.status, text: await response.text() };
}

const handler = (request: Request): Response => {
  const status = Number(new URL(request.url).pathname.match(/\d{3}$/)?.[0] ?? 200);
  return new Response(`answer ${status}`, { status });
};

Deno.test({
  name: "h2o survives answers before the end of an upload on kept connections",
  ignore: isMissing("h2o"),
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "webfcgi-h2o-" });
    const quiet = { quiet: true, onError: () => {} };
    const limited = { ...quiet, maxBodyBytes: 1000 };
    const servers = [
      serve({ ...quiet, path: `${folder}/a`, mode: 0o666 }, handler),
      serve({ ...quiet, port: 0 }, handler),
      serve({ ...limited, path: `${folder}/b`, mode: 0o666 } as ServeOptions, handler),
      serve({ ...limited, port: 0 } as ServeOptions, handler),
    ];
    try {
      for (const { ready } of servers) await ready;
      await Deno.chmod(folder, 0o755);
      const port = (index: number): number => (servers[index]!.addr as { readonly port: number }).port;
      const sites = [
        ["/unix", `type: unix, port: ${folder}/a`],
        ["/tcp", `host: 127.0.0.1, port: ${port(1)}`],
        ["/unix-limited", `type: unix, port: ${folder}/b`],
        ["/tcp-limited", `host: 127.0.0.1, port: ${port(3)}`],
      ];
      const config = (at: number): string =>
        `user: root\nlisten: {host: 127.0.0.1, port: ${at}}\nnum-threads: 1\nhosts:\n  default:\n    paths:\n` +
        sites.map(([path, connect]) =>
          `      ${path}:\n        fastcgi.connect: {${connect}}\n        fastcgi.timeout.keepalive: 5000\n`
        ).join("");
      const h2o = await run("h2o", config, ["-c"]);
      try {
        for (const [path, size] of [["/unix", 2 * MiB], ["/tcp", 50 * MiB]] as const) {
          const body = new Uint8Array(size);
          for (const status of [401, 404, 200]) {
            assertEquals(await post(`${h2o.url}${path}/${status}`, body), { status, text: `answer ${status}` });
          }
          const refused = await post(`${h2o.url}${path}-limited/x`, body);
          assertEquals(refused, { status: 413, text: "413 Content Too Large\n" });
          assertEquals(await (await fetch(`${h2o.url}${path}/200`)).text(), "answer 200");
          assert(h2o.alive, `h2o died after ${path}`);
        }
      } finally {
        await h2o.stop();
      }
    } finally {
      await Promise.all(servers.map((server) => server.close()));
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "HAProxy survives long lines in the error log of a request",
  ignore: isMissing("haproxy"),
  async fn() {
    const server = serve({ port: 0, quiet: true, onError: () => {} }, async (request, info) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/throw") throw new Error(`Cannot read body: ${await request.text()}`);
      if (pathname === "/log") info.log("x".repeat(17_000));
      if (pathname === "/logs") { for (let i = 0; i < 70; i++) info.log("y".repeat(1000)); }
      return new Response("answer");
    });
    await server.ready;
    const { port } = server.addr as { readonly port: number };
    const config = (at: number): string =>
      "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n" +
      "fcgi-app app\n  docroot /\n  log-stderr global\nbackend back\n  use-fcgi-app app\n" +
      `  server app 127.0.0.1:${port} proto fcgi\nfrontend front\n  bind 127.0.0.1:${at}\n  default_backend back\n`;
    const haproxy = await run("haproxy", config, ["-db", "-f"]);
    try {
      for (let round = 0; round < 3; round++) {
        for (const path of ["/log", "/logs"]) {
          assertEquals(await (await fetch(haproxy.url + path)).text(), "answer");
        }
        const { status, text } = await post(`${haproxy.url}/throw`, new TextEncoder().encode("b".repeat(20_000)));
        assertEquals(status, 500);
        assertStringIncludes(text, "500");
        assert(haproxy.alive, "HAProxy died");
      }
    } finally {
      await haproxy.stop();
      await server.close();
    }
  },
});
