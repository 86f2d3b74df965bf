// What process_deno_test.ts runs on each runtime: `serve_child.mjs ROLE`.

import { copyFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { serve, type ServeOptions, type Server } from "@webfcgi/webfcgi";
import { differences, snapshot } from "../fetch/global_snapshot.ts";
import { WebServer } from "./web_server.ts";

const quiet = { port: 0, quiet: true };

async function startServer(options: ServeOptions = quiet): Promise<Server> {
  const server = serve(options, () => new Response("ok"));
  await server.ready;
  return server;
}

/** Prints what has become of the global classes, and of a request. */
async function globals(patchGlobals: boolean): Promise<void> {
  const names = ["Request", "Response", "fetch", "Headers", "AbortController", "ReadableStream"] as const;
  const before = names.map((name) => globalThis[name]);
  const BeforeRequest = Request;
  const BeforeResponse = Response;
  let isNative = false;
  const server = serve({ ...quiet, patchGlobals }, (request) => {
    isNative = Object.getPrototypeOf(request) === BeforeRequest.prototype;
    return new Response("ok");
  });
  await server.ready;
  const web = await WebServer.connect(server.addr);
  const { text } = await web.ask().answer();
  await web.close();
  class Mine extends Request {}
  class MyResponse extends Response {}
  const changed = (): string[] => names.filter((name, i) => globalThis[name] !== before[i]);
  const seen = {
    text,
    isNative,
    changed: changed(),
    works: [
      new Request("http://x/") instanceof BeforeRequest,
      new BeforeRequest("http://x/") instanceof Request,
      new Mine("http://x/y") instanceof Mine,
      new Mine("http://x/y").url,
      new MyResponse("x") instanceof BeforeResponse,
      Request.name,
      Response.name,
      fetch.name,
      Response.json({}).status,
      Response.redirect("http://x/").status,
      Request.prototype === BeforeRequest.prototype,
    ],
  };
  await server.close();
  console.log(JSON.stringify({ ...seen, changedAfter: changed() }));
}

/** Serves by two copies of the package at once, each of which passes on a request; prints what changed afterwards. */
async function copies(): Promise<void> {
  const before = snapshot();
  const texts: string[] = [];
  const options = { ...quiet, fastResponse: true };
  const pass = async (request: Request): Promise<Response> =>
    new Response(await Request.prototype.text.call(new Request(request, { headers: { "x-a": "1" } })));
  const first = serve(options, pass);
  // Not by a query behind the URL: Bun would wait for this module, which waits for it.
  const copy = import.meta.url.replace(/\.mjs$/, ".copy.mjs");
  copyFileSync(new URL(import.meta.url), new URL(copy));
  // A copy may be loaded when the globals have been changed.
  const other: { serve: typeof serve } = await import(copy);
  const servers = [first, other.serve(options, pass)];
  for (const server of servers) {
    await server.ready;
    // Also when the one whose copy has made the change has finished.
    for (const last of [false, true]) {
      const web = await WebServer.connect(server.addr);
      texts.push((await web.ask({ method: "POST", body: `${last}` }).answer()).text);
      await web.close();
    }
    if (server === servers[0]) await server.close();
  }
  const changedStill = differences(before, snapshot()).length > 0;
  await servers[1]!.close();
  console.log(
    JSON.stringify({ isCopy: serve !== other.serve, texts, changedStill, left: differences(before, snapshot()) }),
  );
}

// For the second copy.
export { serve };

const hello = (): Response => new Response("ok");

const roles: Readonly<Record<string, () => Promise<void>>> = {
  ownRequest: () => globals(true),
  unpatched: () => globals(false),
  copies,

  /** Ends by itself, though server and connections are open. */
  async unref() {
    const server = await startServer();
    const before = await WebServer.connect(server.addr);
    await before.ask().answer();
    server.unref();
    const after = await WebServer.connect(server.addr);
    console.log((await after.ask().answer()).text);
    process.on("exit", () => console.log("exit"));
    before.unref();
    after.unref();
  },

  /** Ends by itself after a shutdown. */
  async shutdown() {
    const server = await startServer();
    const web = await WebServer.connect(server.addr);
    console.log((await web.ask().answer()).text);
    await server.shutdown();
    await web.close();
    process.on("exit", () => console.log("exit"));
  },

  /** Says what comes of `serve` with the options in the next argument, which is JSON. */
  async options() {
    const text = process.argv[3];
    const server = text === undefined ? serve(hello) : serve(JSON.parse(text), hello);
    try {
      await server.ready;
    } catch (error) {
      console.log((error as Error).message);
    }
    process.exit(0);
  },

  /** Listens on a path again and again. */
  async listenOften() {
    for (let i = 0; i < 30; i++) {
      const server = serve({ path: process.argv[3]!, mode: 0o600, quiet: true }, hello);
      await server.ready;
      await server.close();
    }
    console.log("ok");
  },

  /** Fails because the port is taken, and no one looks at the server's promises. */
  async unheard() {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    console.log(port);
    serve({ ...quiet, port }, () => new Response());
    setTimeout(() => process.exit(0), 2000);
  },
};

// Only in the first copy.
const child = Symbol.for("webfcgi.serve_child");
if (!(child in globalThis)) {
  Object.assign(globalThis, { [child]: true });
  await roles[process.argv[2] ?? ""]?.();
}
