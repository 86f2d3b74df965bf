/** Whether requests come where they should, and nowhere else. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { createClient } from "../../client.ts";
import type { StaticFolder, WebServerName } from "../../config.ts";
import { parseAddress } from "../../runtime/address.ts";
import { isMarked, type Patient, type Result, RIGHT, seenIn, unseen } from "./finding.ts";
import type { Answer } from "./http.ts";

const NAMES: readonly (readonly [RegExp, WebServerName])[] = [
  [/^nginx/i, "nginx"],
  [/^Apache/i, "apache"],
  [/^lighttpd/i, "lighttpd"],
  [/^Caddy/i, "caddy"],
  [/^HAProxy/i, "haproxy"],
  [/^h2o/i, "h2o"],
];

/** Which web server a name and version is of. */
function serverOf(software: string): WebServerName | undefined {
  return NAMES.find(([pattern]) => pattern.test(software))?.[1];
}

/** The application answers. Also finds out which web server it is that asks it. */
export async function reach(patient: Patient): Promise<Result> {
  const answer = await patient.ask("/", "see");
  const seen = seenIn(answer);
  patient.software = seen?.serverSoftware || (answer.headers.get("server") ?? "");
  patient.server = serverOf(patient.software);
  if (seen !== undefined) {
    if (patient.server === "apache" && !seen.scriptFilename.startsWith("proxy:")) patient.server = "fcgid";
    return RIGHT;
  }
  return { level: "wrong", ...whoAnswered(patient, answer) };
}

function whoAnswered(patient: Patient, { status }: Answer): Omit<Result, "level"> {
  const where = patient.order.listen ?? "the application";
  if (isMarkedGateway(status)) {
    const saw = `status ${status}: the web server cannot reach ${where}`;
    return { saw, remedy: "Compare that address with the web server's, and see its error log", ...linesOf(patient) };
  }
  const saw = `status ${status}, and not from ${where}: another server, site or location answers, or the token is over`;
  return { saw, remedy: "Look for the site and the location that this URL belongs to", ...linesOf(patient) };
}

function isMarkedGateway(status: number): boolean {
  return status === 502 || status === 503 || status === 504;
}

function linesOf(patient: Patient): Pick<Result, "lines"> {
  return { lines: patient.mend("address").lines };
}

/** The web server's user may connect to the socket. */
export function socket({ order, server }: Patient): Result {
  if (order.listen === undefined) return unseen("--listen does not say where the application listens");
  const address = parseAddress(order.listen);
  if (!("path" in address) || !address.path.startsWith("/")) return RIGHT;
  const { path } = address;
  if (/^\/(?:var\/)?tmp\//.test(path)) {
    const remedy = "Put it into a folder below /run: systemd gives many services a /tmp of their own";
    return { level: "wrong", saw: `${path} is in ${dirname(path)}`, lines: [], remedy };
  }
  const user = webServerUser(server);
  if (user === undefined) return unseen("no process of the web server with a user of its own is found here");
  for (let place = path, bit = 2;; place = dirname(place), bit = 1) {
    if (!isAllowed(place, user, bit)) {
      const what = bit === 2 ? "connect to" : "pass";
      const remedy = bit === 2
        ? `Serve with --group and the web server's group, or put user ${user.uid} into the socket's group`
        : `Let it: chmod o+x ${place}`;
      return { level: "wrong", saw: `the web server's user ${user.uid} may not ${what} ${place}`, lines: [], remedy };
    }
    if (place === "/") return RIGHT;
  }
}

interface User {
  readonly uid: number;
  readonly gids: readonly number[];
}

const PROGRAMS = ["nginx", "apache2", "httpd", "lighttpd", "caddy", "haproxy", "h2o"];

/** The user of a running web server's workers. */
function webServerUser(server: WebServerName | undefined): User | undefined {
  const wanted = PROGRAMS.filter((name) =>
    server === undefined || serverOf(name.replace("httpd", "apache")) === server
  );
  try {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const status = readStatus(pid);
      const uid = Number(status.get("Uid")?.[1] ?? 0);
      if (uid === 0 || !wanted.includes(status.get("Name")?.[0] ?? "")) continue;
      return { uid, gids: [Number(status.get("Gid")?.[1]), ...(status.get("Groups") ?? []).map(Number)] };
    }
  } catch {
    // Not Linux.
  }
  return undefined;
}

function readStatus(pid: string): Map<string, string[]> {
  try {
    const lines = readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
    return new Map(
      lines.map((line) => [line.split(":")[0]!, line.split(/[:\s]+/).slice(1).filter((word) => word !== "")]),
    );
  } catch {
    // It has ended.
    return new Map();
  }
}

/** Whether a user may write (2) a socket or pass (1) a folder; what cannot be looked at is no obstacle. */
function isAllowed(path: string, { uid, gids }: User, bit: number): boolean {
  try {
    const { mode, uid: owner, gid } = statSync(path);
    const shift = owner === uid ? 6 : gids.includes(gid) ? 3 : 0;
    return (mode >> shift & bit) !== 0;
  } catch {
    return true;
  }
}

/** Nobody but the web server can connect. */
export async function exposed({ order }: Patient): Promise<Result> {
  if (order.listen === undefined) return unseen("--listen does not say where the application listens");
  const address = parseAddress(order.listen);
  if (!("port" in address) || /^(?:127\.|::1$|localhost$)/.test(address.hostname)) return RIGHT;
  const isWildcard = /^(?:0\.0\.0\.0|::)$/.test(address.hostname);
  const hosts = isWildcard ? outerAddresses() : [address.hostname];
  for (const hostname of hosts) {
    const client = createClient({ hostname, port: address.port, connectTimeoutMs: 1000, headTimeoutMs: 2000 });
    try {
      await client.capabilities();
    } catch {
      continue;
    } finally {
      await client.close();
    }
    const saw = `${hostname}:${address.port} answers: whoever can connect there can be any visitor`;
    const remedy = "Listen on 127.0.0.1 or a unix socket; for a web server on another machine, --allow-peers";
    return { level: isWildcard ? "wrong" : "consider", saw, lines: [], remedy };
  }
  return RIGHT;
}

function outerAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
}

/** The web server serves the files of a folder, and nothing beside it. */
export async function staticFiles(patient: Patient): Promise<Result> {
  for (const folder of patient.order.folders) {
    const result = await staticFolder(patient, folder);
    if (result.level !== "right") return result;
  }
  return RIGHT;
}

async function staticFolder(patient: Patient, { url, folder }: StaticFolder): Promise<Result> {
  const file = firstFile(folder);
  if (file === undefined) return unseen(`${folder} has no file that can be read`);
  const target = `${url.replace(/\/?$/, "/")}${encodeURIComponent(file.name)}`;
  const answer = await patient.askTarget(target, "see");
  const mending = patient.mend("static");
  if (isMarked(answer)) return { level: "wrong", saw: `${target} is answered by the application`, ...mending };
  if (answer.body !== file.text) {
    return { level: "wrong", saw: `${target}: status ${answer.status}, not ${join(folder, file.name)}`, ...mending };
  }
  const beside = firstFile(dirname(folder.replace(/\/$/, "")));
  if (beside === undefined) return RIGHT;
  const climb = `${url.replace(/\/$/, "")}../${encodeURIComponent(beside.name)}`;
  const climbed = await patient.askTarget(climb, "see");
  if (isMarked(climbed) || climbed.body !== beside.text) return RIGHT;
  return { level: "wrong", saw: `${climb} leads out of the folder, to ${beside.name}`, ...mending };
}

const MAX_FILE_BYTES = 1_000_000;

/** A file with something in it. */
function firstFile(folder: string): { readonly name: string; readonly text: string } | undefined {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (!entry.isFile() || entry.name.startsWith(".")) continue;
      const { size } = statSync(path);
      if (size > 0 && size < MAX_FILE_BYTES) {
        return { name: entry.name, text: new TextDecoder().decode(readFileSync(path)) };
      }
    }
  } catch {
    // It is the web server's, not this user's.
  }
  return undefined;
}

/** Paths that are denied stay denied, however they are written. */
export async function pathRules(patient: Patient): Promise<Result> {
  for (const denied of patient.order.denied) {
    const [first = "", ...rest] = denied.slice(1);
    const encoded = `/%${first.charCodeAt(0).toString(16)}${rest.join("")}`;
    const bare = denied.replace(/\/$/, "");
    const ways = [denied, encoded, `/${denied}`, `/.${denied}`, `/x/..${denied}`, `/x//..//..${denied}`, `${bare}%2f`];
    for (const target of ways) {
      const seen = seenIn(await patient.askTarget(target, "see"));
      if (seen === undefined || !isBelow(seen.url, denied)) continue;
      const remedy = patient.server === "haproxy"
        ? `http-request deny if { path,url_dec -m beg ${denied} }`
        : "Deny it in the application as well";
      return { level: "wrong", saw: `${denied} is denied, but ${target} reaches the application`, lines: [], remedy };
    }
  }
  return RIGHT;
}

function isBelow(url: string, denied: string): boolean {
  try {
    return decodeURIComponent(new URL(url).pathname).startsWith(denied);
  } catch {
    return false;
  }
}
