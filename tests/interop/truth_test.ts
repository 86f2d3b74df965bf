// No half is taken for a whole: responses that fail after their head, and uploads that the client gives up.

import { serve, type ServeOptions } from "../../mod.ts";
import { createApp, pattern } from "../app.ts";
import { findRuntimes, type InstalledRuntime } from "../runtimes.ts";
import { assert, assertEquals, assertRejects } from "../std/assert.ts";
import { type AppAddress, startApp } from "./app_process.ts";
import { HttpConnection, request, text, TruncatedBodyError } from "./http_client.ts";
import { childrenOf } from "./processes.ts";
import { isMissing, startWebServer, type WebServer, type WebServerKind } from "./web_server.ts";

const missing = { nginx: isMissing("nginx"), apache: isMissing("apache") };
const params = await Deno.readTextFile(new URL("configs/fastcgi_params", import.meta.url));

/** An application under test. */
interface App {
  readonly addrs: readonly AppAddress[];
  /** Shuts it down; resolves when it is gone. */
  stop(): Promise<void>;
}

/** A path of the web server that leads to the application in a way of its own. */
interface Way {
  readonly path: string;
  /** Whether uploads are sent on as they come. */
  readonly streamsUploads: boolean;
  readonly directives: string;
}

/** Every way to an application: by each of its sockets, on kept and on new connections, passed on at once and not. */
function waysTo(kind: WebServerKind, addrs: readonly AppAddress[]): Way[] {
  return addrs.flatMap((addr) =>
    [true, false].flatMap((kept) =>
      [true, false].map((streams): Way => {
        const socket = "path" in addr ? "unix" : "tcp";
        const path = `/${socket}-${kept ? "kept" : "new"}-${streams ? "streams" : "gathers"}/`;
        if (kind === "nginx") {
          const lines = [
            "include fastcgi_params;",
            `fastcgi_pass ${"path" in addr ? `unix:${addr.path}` : `127.0.0.1:${addr.port}`};`,
            `fastcgi_keep_conn ${kept ? "on" : "off"};`,
            `fastcgi_buffering ${streams ? "off" : "on"};`,
            `fastcgi_request_buffering ${streams ? "off" : "on"};`,
          ];
          return { path, streamsUploads: streams, directives: `location ${path} {\n${lines.join("\n")}\n}` };
        }
        // Apache has one pool of connections for equal URLs: the path tells them apart.
        const url = "path" in addr
          ? `unix:${addr.path}|fcgi://localhost${path}`
          : `fcgi://127.0.0.1:${addr.port}${path}`;
        const options = `enablereuse=${kept ? "on" : "off"} flushpackets=${streams ? "on" : "off"}`;
        return { path, streamsUploads: true, directives: `ProxyPass ${path} ${url} ${options}` };
      })
    )
  );
}

/** A web server with every way to an application. */
interface Visit {
  readonly kind: WebServerKind;
  readonly web: WebServer;
  readonly ways: readonly Way[];
  readonly app: App;
}

async function visit(
  kind: WebServerKind,
  start: (folder: string) => Promise<App>,
  check: (visit: Visit) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-app-" });
  try {
    await Deno.chmod(folder, 0o755);
    const { addrs, stop } = await start(folder);
    let stopping: Promise<void> | undefined;
    const app = { addrs, stop: (): Promise<void> => stopping ??= stop() };
    try {
      const ways = waysTo(kind, addrs);
      const site = ways.map(({ directives }) => directives).join("\n");
      await using web = await startWebServer(kind, site, { fastcgi_params: params });
      try {
        await check({ kind, web, ways, app });
      } catch (error) {
        console.error(`error log of ${kind}:\n${(await web.errorLog()).slice(-2000)}`);
        throw error;
      }
    } finally {
      await app.stop();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
}

/** How a response fails; the route `/break` does it. */
interface Failure {
  readonly way: Way;
  readonly how: "fail" | "end" | "hang";
  readonly bytes: number;
  readonly length: string;
}

/** Every way to fail: with no byte, what one buffer holds, and more than that; with a length and without. */
function failures(ways: readonly Way[], how: Failure["how"]): Failure[] {
  // Without a length, a body that ends early is a whole one.
  const lengths = how === "end" ? ["2000000"] : ["2000000", "none"];
  return ways.flatMap((way) =>
    [0, 10, 1_048_576].flatMap((bytes) => lengths.map((length): Failure => ({ way, how, bytes, length })))
  );
}

/** Reads a response that is to be broken. */
async function assertBroken({ kind, web }: Visit, { way, how, bytes, length }: Failure): Promise<void> {
  const target = `${way.path}break?how=${how}&bytes=${bytes}&length=${length}`;
  using connection = await HttpConnection.connect(web.port);
  let received = 0;
  let status = 0;
  try {
    // Apache leaves the client of a broken transfer waiting as long as its connection is to be kept.
    const headers = kind === "apache" ? [["Connection", "close"] as const] : [];
    const response = await connection.open("GET", target, { headers });
    status = response.status;
    for await (const piece of response.body) received += piece.length;
  } catch (error) {
    assert(error instanceof TruncatedBodyError || error instanceof Deno.errors.ConnectionReset, `${target}: ${error}`);
    return;
  }
  // What has not been passed on yet, a web server can still replace.
  assert(status >= 500, `${target}: a whole response with status ${status} and ${received} bytes`);
}

/** The body of an upload, which is given up after a third of it, in one piece or in chunks. */
const upload = { length: 900_000, given: 300_000, chunk: 10_000 } as const;

/** Gives an upload up: leaves, or only ends the own side and waits for an answer. */
async function giveUp({ web }: Visit, way: Way, key: string, chunked: boolean, leaves: boolean): Promise<void> {
  using connection = await HttpConnection.connect(web.port);
  const length = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${upload.length}`;
  await connection.send(`POST ${way.path}upload?key=${key} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n\r\n`);
  for (let at = 0; at < upload.given; at += upload.chunk) {
    if (chunked) await connection.send(`${upload.chunk.toString(16)}\r\n`);
    await connection.send(pattern(at, upload.chunk));
    if (chunked) await connection.send("\r\n");
  }
  // A body that comes slowly is not gathered.
  if (way.streamsUploads) await untilWatched(web, way, key, "waiting");
  if (leaves) return;
  await connection.endRequest();
  try {
    const { status } = await connection.readHead("POST");
    assert(status >= 400, `${way.path}: an upload that was given up was answered with ${status}`);
  } catch (error) {
    assert(
      error instanceof TruncatedBodyError || error instanceof Deno.errors.ConnectionReset,
      `${way.path}: ${error}`,
    );
  }
}

async function untilWatched(web: WebServer, { path }: Way, key: string, state: string | undefined): Promise<void> {
  let last: string | undefined;
  for (const deadline = Date.now() + 5000; Date.now() < deadline;) {
    last = JSON.parse(text(await request(web.port, "GET", `${path}watched?key=${key}`)))?.state;
    if (last === state) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`${path}: the upload is ${last}, not ${state}`);
}

async function assertUploadsFail(visit: Visit): Promise<void> {
  const cases = visit.ways.flatMap((way) =>
    [true, false].flatMap((chunked) => [true, false].map((leaves) => ({ way, chunked, leaves })))
  );
  await forAll(cases, async ({ way, chunked, leaves }) => {
    const key = `${chunked ? "chunked" : "length"}-${leaves ? "leaves" : "ends"}${way.path.slice(1, -1)}`;
    await giveUp(visit, way, key, chunked, leaves);
    // What the web server gathers never comes to the application.
    await untilWatched(visit.web, way, key, way.streamsUploads ? "failed" : undefined);
  });
}

/** The server is asked to stop while responses are under way that never end. */
async function assertBrokenByStop(visit: Visit): Promise<void> {
  const { web, ways: [way], app } = visit;
  const cases = failures(visit.ways, "hang").filter(({ bytes, length }) => bytes > 0 && length === "none");
  const requests = async (): Promise<number> => Number(text(await request(web.port, "GET", `${way?.path}requests`)));
  const before = await requests();
  const broken = forAll(cases, (failure) => assertBroken(visit, failure));
  broken.catch(() => {});
  // Who asks is counted too.
  for (let asked = 1; await requests() < before + asked + cases.length; asked++) {
    assert(asked < 500, "not all requests come to the application");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await app.stop();
  await broken;
}

/** The server is stopped while clients take nothing, so that the web server takes nothing either. */
async function assertBrokenByReset({ web, ways, app }: Visit): Promise<void> {
  const responses = await Promise.all(
    ways.filter(({ path }) => path.includes("streams")).map(async ({ path }) => {
      const connection = await HttpConnection.connect(web.port);
      // Kernels take up to 32 MiB for a reader, and there are two of them on the way.
      const { body } = await connection.open("GET", `${path}download?bytes=200000000`);
      return { path, connection, body };
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  await app.stop();
  for (const { path, connection, body } of responses) {
    using _ = connection;
    const read = async (): Promise<void> => {
      for await (const _ of body) continue;
    };
    await assertRejects(read, TruncatedBodyError, "", path);
  }
}

/** What is whole stays whole. */
async function assertWhole({ web, ways }: Visit): Promise<void> {
  await forAll(ways, async ({ path }) => {
    const response = await request(web.port, "GET", `${path}download?bytes=300000`);
    assertEquals([response.status, response.body.length], [200, 300_000], path);
  });
}

/** Does `task` for all items, a few at a time. */
async function forAll<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** Serves in this process, over TCP and a unix socket. */
async function serveHere(folder: string, options: ServeOptions = {}): Promise<App> {
  const path = `${folder}/app.sock`;
  const handler = createApp();
  const quiet = { ...options, quiet: true, onError: () => undefined, shutdownTimeoutMs: 300 };
  const servers = [serve({ ...quiet, port: 0 }, handler), serve({ ...quiet, path, mode: 0o666 }, handler)];
  for (const server of servers) await server.ready;
  const addr = servers[0]?.addr;
  assert(addr?.transport === "tcp");
  const stop = async (): Promise<void> => void await Promise.all(servers.map((server) => server.shutdown()));
  return { addrs: [{ port: addr.port }, { path }], stop };
}

/** Serves in a process of its own. */
async function serveOn(runtime: InstalledRuntime, addr: AppAddress): Promise<App> {
  const options = ["--shutdown-timeout", "300"];
  const { addr: found, stop } = await startApp(runtime, addr, options);
  return { addrs: [found], stop };
}

for (const kind of ["nginx", "apache"] as const) {
  const test = (name: string, fn: () => Promise<void>): void => Deno.test({ name, ignore: missing[kind], fn });

  for (const how of ["fail", "end"] as const) {
    test(`serve breaks the transfer when a response's body does "${how}" too early behind ${kind}`, () =>
      visit(kind, serveHere, async (visit) => {
        await forAll(failures(visit.ways, how), (failure) => assertBroken(visit, failure));
        await assertWhole(visit);
      }));
  }

  test(`serve breaks the transfer when a response takes longer than requestTimeoutMs behind ${kind}`, () =>
    visit(kind, (folder) => serveHere(folder, { requestTimeoutMs: 200 }), async (visit) => {
      await forAll(failures(visit.ways, "hang"), (failure) => assertBroken(visit, failure));
      await assertWhole(visit);
    }));

  test(`Server.shutdown breaks the transfer of what still runs at its deadline behind ${kind}`, () =>
    visit(kind, serveHere, assertBrokenByStop));

  test(`serve makes reading an upload fail when the client gives it up behind ${kind}`, () =>
    visit(kind, serveHere, async (visit) => {
      await assertUploadsFail(visit);
      await assertWhole(visit);
    }));

  for (const runtime of await findRuntimes()) {
    if (runtime.name === "deno") continue;
    test(`serve takes no half for a whole on ${runtime.name} behind ${kind}`, () =>
      visit(
        kind,
        (folder) => serveOn(runtime, kind === "nginx" ? { path: `${folder}/app.sock` } : { port: 0 }),
        async (visit) => {
          const early = [...failures(visit.ways, "fail"), ...failures(visit.ways, "end")];
          await forAll(early, (failure) => assertBroken(visit, failure));
          await assertUploadsFail(visit);
          await assertWhole(visit);
          await assertBrokenByStop(visit);
        },
      ));
    // Deno's sockets know no reset, unix sockets neither: there nginx takes what it has for whole.
    if (kind === "nginx") {
      test(`Server.shutdown breaks the transfer of who takes nothing any more on ${runtime.name} over TCP`, () =>
        visit(kind, () => serveOn(runtime, { port: 0 }), assertBrokenByReset));
    }
  }
}
