// What signals_deno_test.ts runs on each runtime: `signals_child.mjs SIGNALS`. A request waits until the test lets it go.

import process from "node:process";
import { serve } from "@webfcgi/webfcgi";

const signals = process.argv[2] === "true";
const count = (): number => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT");
const release = new Promise((resolve) => process.on("SIGUSR2", resolve));

const server = serve({
  port: 0,
  signals,
  onListen: (addr) => console.log(addr.transport === "tcp" && addr.port),
  fetch: async () => {
    console.log("asked");
    await release;
    return new Response("answered");
  },
});
const during = count();
server.finished.then(() => {
  console.log(`finished, handlers ${during} and ${count()}`);
});
if (process.argv[3] === "close") server.close();
