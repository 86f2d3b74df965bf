/** What the tests of configurations are written with: applications, folders, and web servers with checks run on them. */

import { serve, type ServeOptions, type Server } from "../../mod.ts";
import {
  type ConfigFile,
  mendingLines,
  type Need,
  type StaticFolder,
  type WebServerConfigOptions,
  type WebServerName,
} from "../../src/config.ts";
import { readSite } from "../../src/config/site.ts";
import { writeNeeds } from "../../src/config/web_servers.ts";
import { bundle } from "../helpers/bundle.ts";
import { findProgram } from "../helpers/programs.ts";
import { assertEquals } from "../std/assert.ts";
import { type checks, files, runChecks, uploadLimit, type Visit } from "./config_checks.ts";
import { createProbe } from "./config_probe.ts";
import { type Given, isRoot, startOnDebian } from "./debian_server.ts";
import { childrenOf } from "./processes.ts";

/** A folder with two static folders and a script for mod_fcgid, and a name full of letters that are allowed. */
export async function withFolder(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "webfcgi+~@_.-" });
  try {
    await Deno.chmod(folder, 0o755);
    for (const path of ["one/files", "two/files"]) {
      await Deno.mkdir(`${folder}/${path}`, { recursive: true });
      for (const [name, content] of Object.entries(files)) {
        await Deno.writeTextFile(`${folder}/${path}/${name}`, content);
      }
    }
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
}

/** Writes files that start the probing application, for mod_fcgid. */
export async function makeScripts(folder: string, names: readonly string[], ...args: string[]): Promise<string[]> {
  await bundle(new URL("config_probe_process.ts", import.meta.url), `${folder}/probe.mjs`);
  const command = [findProgram("node") ?? "node", `${folder}/probe.mjs`, ...args].map((word) => `'${word}'`).join(" ");
  for (const name of names) {
    await Deno.writeTextFile(`${folder}/${name}`, `#!/bin/sh\nexec ${command}\n`);
    await Deno.chmod(`${folder}/${name}`, 0o755);
  }
  return names.map((name) => `${folder}/${name}`);
}

/** What leads to an application, and no more. */
export function bareFiles(server: WebServerName, options: WebServerConfigOptions): ConfigFile[] {
  return writeNeeds(server, ["address"], readSite(options)).map((file) => ({ ...file, text: `${file.text}\n` }));
}

/** Serves the probing application in this process. */
export async function listen(options: ServeOptions, name = "", seen: string[] = []): Promise<Server> {
  const server = serve({ ...options, quiet: true, onError: () => undefined }, createProbe(name, seen));
  await server.ready;
  return server;
}

/** The address of a server, as a web server finds it: Debian's HAProxy from its own root on, which is the tests' here. */
export function addressOf({ addr }: Server, server: WebServerName): string {
  if ("port" in addr) return `127.0.0.1:${addr.port}`;
  const { path } = addr as Deno.UnixAddr;
  return server === "haproxy" && isRoot ? path.replace(/^.*(?=\/[^/]+\/[^/]+$)/, "") : path;
}

/** The folders that a web server should serve: one besides the application, one in it. */
export function staticFolders(folder: string, mount: string): StaticFolder[] {
  return [
    { url: "/static/", folder: `${folder}/one/files` },
    { url: `${mount}/files/`, folder: `${folder}/two/files/` },
  ];
}

/** Every option that a web server can make true. */
export function allOptions(server: WebServerName, folder: string): WebServerConfigOptions {
  const options: WebServerConfigOptions = {
    mount: "/app",
    upload: uploadLimit,
    // Apache passes no longer ones on.
    header: server === "apache" ? 15 * 1024 : 32 * 1024,
    // With mod_fcgid, the start of a process counts.
    timeoutSeconds: server === "fcgid" ? 6 : 2,
    stream: true,
    trustProxy: "127.0.0.0/8",
    static: staticFolders(folder, "/app"),
  };
  const cannot = (need: Need): boolean => mendingLines(server, need).cannot !== undefined;
  if (cannot("static")) delete options.static;
  if (cannot("https")) delete options.trustProxy;
  return options;
}

/** Starts a web server, and runs checks on what is behind it. */
export async function faultsOf(
  given: Given,
  visit: Visit,
  names: readonly (keyof typeof checks)[],
): Promise<Record<string, string>> {
  await using web = await startOnDebian(visit.server, given);
  // The others break connections that may be kept.
  const kept = names.includes("kept") ? await runChecks(visit, ["kept"]) : {};
  const faults = { ...kept, ...await runChecks(visit, names.filter((name) => name !== "kept")) };
  if (Object.values(faults).some((fault) => /answered 5/.test(fault))) {
    faults.log = (await web.errorLog()).slice(-500);
  }
  return faults;
}
