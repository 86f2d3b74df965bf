/** What `serve` says when it listens: to a person at a terminal a few lines, to a log one. */

import { lstatSync } from "node:fs";
import { relative, resolve } from "node:path";
import process from "node:process";
import { formatAddress } from "../runtime/address.ts";
import type { Addr } from "../runtime/transport.ts";
import { unixFiles } from "../runtime/unix_files.ts";
import { ownership } from "../runtime/user_names.ts";
import { coloured, errorIsTerminal, errorLine, runtimeText } from "./console.ts";
import { VERSION } from "./version.ts";

/** Says where an entry is served, and by how many workers, if by any. */
export function announce(entry: string, addrs: readonly Addr[], workers?: number): void {
  const places = addrs.map(placeText);
  const path = shortPath(entry);
  const by = workers === undefined ? "" : ` by ${workers} worker${workers === 1 ? "" : "s"}`;
  if (!errorIsTerminal()) {
    return errorLine(`webfcgi ${VERSION} (${runtimeText()}) serves ${path} on ${places.join(", ")}${by}`);
  }
  const rows = [
    ...places.map((place) => ["listening", place]),
    ["entry", path],
    ...workers === undefined ? [] : [["workers", `${workers}; kill -HUP ${process.pid} loads new code`]],
    ...addrs.filter(({ transport }) => transport !== "fd").map((addr) => ["nginx", nginxLine(addr)]),
    ["stop", "Ctrl+C"],
  ];
  writeBanner(rows);
}

/** Writes a few lines for a person at a terminal: of each a name and a text. */
export function writeBanner(rows: readonly (readonly string[])[]): void {
  const lines = rows.map(([name = "", text]) => `  ${coloured(name.padEnd(9), "dim", true)}  ${text}`);
  const title = `  ${coloured(`webfcgi ${VERSION}`, "bold", true)}  ${runtimeText()}`;
  process.stderr.write(`\n${title}\n\n${lines.join("\n")}\n\n`);
}

/** A path as it is short: below the working directory from there. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

function nginxLine(addr: Addr): string {
  const isRelative = addr.transport === "unix" && /^[^/\0]/.test(addr.path);
  const address = addr.transport === "fd" ? "" : formatAddress(isRelative ? { path: resolve(addr.path) } : addr);
  return `location / { include fastcgi_params; fastcgi_pass ${address}; }`;
}

/** An address, and who may connect to it. */
function placeText(addr: Addr): string {
  if (addr.transport === "fd") return `the inherited descriptor ${addr.fd}`;
  const address = formatAddress(addr);
  if (addr.transport !== "unix" || addr.path.startsWith("\0")) return address;
  return `${address} (${ownership(lstatSync(addr.path), unixFiles)})`;
}
