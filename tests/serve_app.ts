// Starts the contract handler in a process of its own: `serve_app.ts [--port N | --path FILE | --fd N]`. With no address
// it calls serve(handler) alone, so that an inherited socket is found. Prints "ready {addr}"; SIGTERM shuts it down.

import process from "node:process";
import { serve } from "../mod.ts";
import { createApp } from "./app.ts";

const [name, value] = process.argv.slice(2);
const onListen = (addr: unknown): void => console.log(`ready ${JSON.stringify(addr)}`);
const app = createApp();
const server = name === "--port"
  ? serve({ port: Number(value), onListen }, app)
  : name === "--path" && value !== undefined
  ? serve({ path: value, mode: 0o666, onListen }, app)
  : name === "--fd"
  ? serve({ fd: Number(value), onListen }, app)
  : serve(app);

process.on("SIGTERM", () => void server.shutdown());
