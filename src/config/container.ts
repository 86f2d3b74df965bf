/** What an image of an application is made by. */

import type { ConfigFiles } from "./config_file.ts";
import { refuse, type Site } from "./site.ts";

const IMAGES = { node: "node:24-slim", bun: "oven/bun:1-slim", deno: "denoland/deno:2" } as const;

/** Writes a `Containerfile`. */
export function container({ command, addresses }: Site): ConfigFiles {
  const [program = "", ...rest] = command;
  const runtime = /^(?:.*\/)?(node|bun|deno)$/.exec(program)?.[1] as keyof typeof IMAGES | undefined;
  if (runtime === undefined) throw refuse("command", command.join(" "), "write one that begins with node, bun or deno");
  const install = {
    node: ["COPY package*.json ./", "RUN npm ci --omit=dev"],
    bun: ["COPY package.json bun.lock* ./", "RUN bun install --production --frozen-lockfile"],
    deno: [],
  }[runtime];
  const text = [
    `FROM ${IMAGES[runtime]}`,
    "WORKDIR /srv/app",
    ...install,
    "COPY . .",
    `USER ${runtime}`,
    ...addresses.flatMap((address) => "port" in address ? [`EXPOSE ${address.port}`] : []),
    "# A list, not a line: between a shell and the application, SIGTERM is lost.",
    `CMD ${JSON.stringify([runtime, ...rest])}`,
  ].join("\n");
  return {
    files: [{ path: "Containerfile", placement: "a file of its own", text }],
    modules: [],
    check: ["docker build -f Containerfile -t app ."],
    load: "docker run --rm -p 127.0.0.1:9000:9000 app",
  };
}
