// Starts the contract handler in a process of its own: `serve_app.ts [--port N | --path FILE [--take-over] | --fd N]
// [--shutdown-timeout MS]`. With no address it calls serve(handler) alone, so that an inherited socket is found. Prints
// "ready {addr}"; SIGTERM shuts it down.

import process from "node:process";
import { parseArgs } from "node:util";
import { serve } from "../mod.ts";
import { createApp } from "./app.ts";

const { values } = parseArgs({
  options: {
    "port": { type: "string" },
    "path": { type: "string" },
    "fd": { type: "string" },
    "take-over": { type: "boolean", default: false },
    "shutdown-timeout": { type: "string", default: "10000" },
  },
});
const { port, path, fd } = values;
const options = {
  onListen: (addr: unknown): void => console.log(`ready ${JSON.stringify(addr)}`),
  shutdownTimeoutMs: Number(values["shutdown-timeout"]),
};
const app = createApp();
const server = port !== undefined
  ? serve({ ...options, port: Number(port) }, app)
  : path !== undefined
  ? serve({ ...options, path, mode: 0o666, takeOver: values["take-over"] }, app)
  : fd !== undefined
  ? serve({ ...options, fd: Number(fd) }, app)
  : serve(app);

process.on("SIGTERM", () => void server.shutdown());
