// What process_deno_test.ts runs on each runtime: `serve_child.mjs ROLE`.

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { serve, type ServeOptions, type Server } from "@webfcgi/webfcgi";
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
  await server.close();
  class Mine extends Request {}
  class MyResponse extends Response {}
  console.log(JSON.stringify({
    text,
    isNative,
    changed: names.filter((name, i) => globalThis[name] !== before[i]),
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
  }));
}

const roles: Readonly<Record<string, () => Promise<void>>> = {
  ownRequest: () => globals(true),
  unpatched: () => globals(false),

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

await roles[process.argv[2] ?? ""]?.();
