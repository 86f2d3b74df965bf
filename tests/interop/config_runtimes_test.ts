// The configurations that are generated, before an application on each runtime: over a unix socket under a path, and over
// TCP at the root.

import { mendingLines, type Need, webServerConfig, type WebServerName, webServers } from "../../src/config.ts";
import { bundle } from "../helpers/bundle.ts";
import { answers, findProgram } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import { findRuntimes, type InstalledRuntime } from "../runtimes.ts";
import { assertEquals } from "../std/assert.ts";
import { checkMessages, type checks, runChecks, type Visit } from "./config_checks.ts";
import { allOptions, staticFolders, withFolder } from "./config_scene.ts";
import { isMissing, isRoot, startOnDebian } from "./debian_server.ts";
import { freePort } from "./web_server.ts";

const missing: Readonly<Record<string, boolean>> = Object.fromEntries(
  webServers.map((server) => [server, isMissing(server)]),
);
const runtimes = (await findRuntimes()).filter(({ name }) => ["deno", "bun", "node24"].includes(name));

/** The application as a process. */
interface App extends AsyncDisposable {
  /** Where it listens. */
  readonly address: string;
}

async function startApp(command: readonly string[], address: string, mount: string): Promise<App> {
  const [program = "", ...args] = command;
  const process = new Deno.Command(findProgram(program) ?? program, {
    args: [...args, mount, address],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const isUp = async (): Promise<boolean> =>
    address.startsWith("/")
      ? await Deno.stat(address).then(() => true, () => false)
      : await answers(Number(address.split(":")[1]));
  await until(isUp, `the application at ${address}`);
  return {
    address,
    async [Symbol.asyncDispose](): Promise<void> {
      process.kill("SIGTERM");
      await process.status;
    },
  };
}

/** What a web server can do with its configuration, slow checks left to the tests of each line. */
function wantedOf(server: WebServerName): (keyof typeof checks)[] {
  const wanted = [
    ...["mount", "prefix", "static", "host", "https", "client-address", "authorization", "encoded-slash", "upload"],
    ...["chunked-upload", "request-head", "response-head", "events"],
  ] as Need[];
  return wanted.filter((need) => mendingLines(server, need).cannot === undefined) as (keyof typeof checks)[];
}

/** Puts one web server before the application, and gives back what is wrong. */
async function faultsBehind(server: WebServerName, folder: string, app: App, mount: string): Promise<unknown> {
  const port = freePort();
  const options = {
    ...allOptions(server, folder),
    mount,
    host: `localhost:${port}`,
    ...server === "fcgid"
      ? { command: `${folder}/dispatch.fcgi`, workers: 3 }
      : { listen: addressFor(server, app.address) },
    ...mendingLines(server, "static").cannot === undefined ? { static: staticFolders(folder, mount) } : {},
  };
  const { files, modules } = webServerConfig(server, options);
  const visit: Visit = { server, port, mount, options, folders: options.static ?? [], trusts: true };
  await using web = await startOnDebian(server, { files, modules, port });
  const faults = await runChecks(visit, wantedOf(server));
  const messages = await checkMessages(visit);
  const found = { ...faults, ...messages === undefined ? {} : { messages } };
  return Object.keys(found).length === 0 ? {} : { ...found, log: (await web.errorLog()).slice(-300) };
}

/** Debian's HAProxy has a root of its own, which is the tests' here. */
function addressFor(server: WebServerName, address: string): string {
  return server === "haproxy" && isRoot ? address.replace(/^.*(?=\/[^/]+\/[^/]+$)/, "") : address;
}

async function commandOf(runtime: InstalledRuntime, folder: string): Promise<string[]> {
  await bundle(new URL("config_probe_process.ts", import.meta.url), `${folder}/probe.mjs`);
  return [...runtime.command, `${folder}/probe.mjs`];
}

/** mod_fcgid's user may not enter the folder that a runtime lies in. */
async function writeScript(runtime: InstalledRuntime, folder: string, mount: string): Promise<void> {
  const [program = "", ...args] = runtime.command;
  await Deno.copyFile(findProgram(program) ?? program, `${folder}/runtime`);
  await Deno.chmod(`${folder}/runtime`, 0o755);
  const words = ["./runtime", ...args, `${folder}/probe.mjs`, mount].map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(`${folder}/dispatch.fcgi`, `#!/bin/sh\ncd '${folder}' && exec ${words}\n`);
  await Deno.chmod(`${folder}/dispatch.fcgi`, 0o755);
}

for (const runtime of runtimes) {
  for (const mount of ["", "/app"]) {
    Deno.test({
      name: `an application on ${runtime.name} is right behind each web server ${
        mount === "" ? "at the root over TCP" : "under a path over a unix socket"
      }`,
      fn: () =>
        withFolder(async (folder) => {
          const command = await commandOf(runtime, folder);
          await writeScript(runtime, folder, "none");
          const at = (name: string): string => mount === "" ? `127.0.0.1:${freePort()}` : `${folder}/${name}.sock`;
          await using app = await startApp(command, at("app"), "none");
          await using told = await startApp(command, at("told"), mount);
          const present = webServers.filter((server) => !missing[server]);
          const found = await Promise.all(present.map(async (server) => {
            const isTold = mendingLines(server, "mount", { mount }).lines.some(({ place }) => place === "application");
            return [server, await faultsBehind(server, folder, isTold ? told : app, mount)] as const;
          }));
          assertEquals(Object.fromEntries(found), Object.fromEntries(present.map((server) => [server, {}])));
        }),
    });
  }
}
