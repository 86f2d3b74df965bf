// Serves the contract handler over TCP and a unix socket until SIGTERM: `soak_app.ts PATH`. Prints "ready {port}", and
// "stray …" for whatever no one handles. `/state` tells what the servers and the process hold.

import process from "node:process";
import { type Handler, serve, type Server } from "../../mod.ts";
import { createApp } from "../app.ts";

const [path = ""] = process.argv.slice(2);
const app = createApp();
const { Bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
let errors = 0;

process.on("unhandledRejection", (reason) => console.log("stray rejection", reason));
process.on("uncaughtException", (error) => console.log("stray exception", error));

/** Has memory that no one needs given back, as far as the runtime can. */
async function settle(): Promise<void> {
  for (let round = 0; round < 4; round++) {
    Bun?.gc(true);
    gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const handler: Handler = async (request, info) => {
  if (request.url.endsWith("/hang")) {
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    throw request.signal.reason;
  }
  if (!request.url.endsWith("/state")) return app(request, info);
  await settle();
  const { rss, heapUsed, external } = process.memoryUsage();
  return Response.json({ rss, used: heapUsed + external, errors, servers: servers.map((server) => server.stats()) });
};

const options = {
  // Short, for clients that begin and do not go on; longer than a busy machine may hold up one that does.
  headTimeoutMs: 5000,
  onError: () => void errors++,
};
const tcp = serve({ ...options, port: 0, quiet: true }, handler);
const unix = serve({ ...options, path, quiet: true }, handler);
const servers: readonly Server[] = [tcp, unix];
await Promise.all(servers.map((server) => server.ready));
console.log(`ready ${"port" in tcp.addr ? tcp.addr.port : 0}`);
process.on("SIGTERM", () => void Promise.all(servers.map((server) => server.shutdown())));
