// All frameworks' applications in a process of their own. Its arguments are the addresses of three servers: at the root,
// under /app with base paths, and under /app with stripMount. The header X-Framework says which application is meant.

import process from "node:process";
import { serve } from "../../../mod.ts";
import { aborted, frameworks, nodeFrameworks } from "./applications.js";

const isNode = !("Deno" in globalThis) && !("Bun" in globalThis);
const makes = { ...frameworks, ...isNode ? nodeFrameworks : {} };
const [, , root, base, strip] = process.argv;

for (const [address, options, path] of [[root, {}, ""], [base, {}, "/app"], [strip, { stripMount: true }, ""]]) {
  const applications = Object.fromEntries(Object.entries(makes).map(([name, make]) => [name, make(path)]));
  serve({ address, mode: 0o666, quiet: true, signals: true, ...options }, (request, info) => {
    if (info.pathInfo === "/aborted") return Response.json([...aborted]);
    return applications[request.headers.get("x-framework")](request, info);
  });
}
