/** What arrives of a request's head. */

import type { WebServerConfigOptions } from "../../config.ts";
import { isNetwork } from "../../config/site.ts";
import { isMarked, type Patient, type Result, RIGHT, seenIn } from "./finding.ts";
import type { Seen } from "./probe.ts";

/** Targets that web servers are tempted to change. */
const TARGETS = ["//x", "/a%20b", "/%C3%A9", "/a;b", "/?q=%2F&e=%zz"];

/** `request.url` has the path and the query as they were sent. */
export async function url(patient: Patient): Promise<Result> {
  for (const path of TARGETS) {
    const target = patient.order.mount + path;
    const seen = seenIn(await patient.askTarget(target, "see"));
    if (seen === undefined) continue;
    const { pathname, search } = new URL(seen.url);
    if (pathname + search === target || pathname + search === path) continue;
    const remedy = "Something rewrites the path: look for rewrite, try_files and the like";
    return { level: "wrong", saw: `${target} arrives as ${pathname}${search}`, lines: [], remedy };
  }
  return RIGHT;
}

/** A path with `%2F` arrives. */
export async function encodedSlash(patient: Patient): Promise<Result> {
  const answer = await patient.ask("/a%2Fb", "see");
  if (isMarked(answer)) return RIGHT;
  return { level: "consider", saw: `a path with %2F: status ${answer.status}`, ...patient.mend("encoded-slash") };
}

/** The URL has the host and the port that were asked for. */
export async function host(patient: Patient): Promise<Result> {
  const seen = await patient.see("/");
  if (seen === undefined) return RIGHT;
  const { host } = new URL(seen.url);
  if (host === patient.order.url.host) return RIGHT;
  const saw = `the application sees ${host}, and should see ${patient.order.url.host}`;
  return { level: "wrong", saw, ...patient.mend("host") };
}

/** The application knows where its mount ends. */
export async function mount(patient: Patient): Promise<Result> {
  const expected = patient.order.mount;
  const seen = await patient.see("/doctor/a/b");
  if (seen === undefined || decodeURI(expected) === seen.scriptName) return RIGHT;
  const saw = seen.scriptName === ""
    ? `nothing says where ${expected} ends`
    : `the mount is said to be ${seen.scriptName}, and is ${expected || "the root"}`;
  return { level: "wrong", saw, ...patient.mend("mount"), ...atRoot(patient) };
}

/** At the root lighttpd's line is a part of its address. */
function atRoot(patient: Patient): Partial<Result> {
  return patient.order.mount === "" && patient.server === "lighttpd" ? patient.mend("address") : {};
}

/** The mount itself is the application's, and what only begins like it is not. */
export async function prefix(patient: Patient): Promise<Result> {
  const { mount } = patient.order;
  if (mount === "") return RIGHT;
  const bare = await patient.askTarget(mount, "see");
  const isOurs = isMarked(bare) || /\/$/.test(bare.headers.get("location") ?? "");
  const longer = `${mount}xyz`;
  if (isMarked(await patient.askTarget(longer, "see"))) {
    return { level: "consider", saw: `${longer} is answered by the application too`, ...patient.mend("prefix") };
  }
  const seen = seenIn(bare);
  const isMount = seen === undefined || seen.scriptName !== "" || (await patient.see("/"))?.scriptName === "";
  if (isOurs && isMount) return RIGHT;
  return {
    level: "consider",
    saw: isOurs
      ? `${mount} itself arrives as a page of the root, not as the mount`
      : `${mount} is not the application's: status ${bare.status}`,
    ...patient.mend("prefix"),
  };
}

/** The URL has the scheme that was asked for. */
export async function https(patient: Patient): Promise<Result> {
  const seen = await patient.see("/");
  if (seen === undefined) return RIGHT;
  const { protocol } = new URL(seen.url);
  if (protocol === patient.order.url.protocol) return RIGHT;
  const saw = `the application sees ${protocol}, and should see ${patient.order.url.protocol}`;
  return { level: "wrong", saw, ...patient.mend("https", proxyOf(seen)) };
}

/** The proxy that a request came from; nothing if its address is none that a line can name. */
function proxyOf({ remoteAddr }: Seen): WebServerConfigOptions {
  return isNetwork(remoteAddr) ? { trustProxy: remoteAddr } : {};
}

/** The client's address is no proxy's. */
export async function clientAddress(patient: Patient): Promise<Result> {
  const seen = await patient.see("/");
  if (seen === undefined || seen.forwardedFor === "" || seen.forwardedFor.includes(seen.remoteAddr)) return RIGHT;
  const saw = `the client's address is ${seen.remoteAddr}, and a proxy says ${seen.forwardedFor}`;
  return { level: "consider", saw, ...patient.mend("client-address", proxyOf(seen)) };
}

/** The Authorization header arrives. */
export async function authorization(patient: Patient): Promise<Result> {
  const seen = await patient.see("/", { headers: { Authorization: "Bearer webfcgi-doctor" } });
  if (seen === undefined || seen.authorization === "Bearer webfcgi-doctor") return RIGHT;
  return { level: "consider", saw: "the Authorization header is withheld", ...patient.mend("authorization") };
}

/** Methods other than GET and POST arrive. */
export async function methods(patient: Patient): Promise<Result> {
  const refused: string[] = [];
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) {
    const answer = await patient.ask("/", "see", { method });
    if (!isMarked(answer)) refused.push(`${method} (${answer.status})`);
  }
  if (refused.length === 0) return RIGHT;
  const remedy = "Look for limit_except, <Limit>, or rules by method";
  return { level: "consider", saw: `not passed on: ${refused.join(", ")}`, lines: [], remedy };
}

/** A check before the application asks for its own URL. */
export async function subrequest(patient: Patient): Promise<Result> {
  const { auth, mount } = patient.order;
  if (auth === undefined) return RIGHT;
  const id = crypto.randomUUID();
  const page = `${mount}/doctor/page`;
  await patient.askTarget(page, `visit ${id}`);
  const answer = await patient.ask("/", `visited ${id}`);
  const visited: string[] = JSON.parse(answer.body);
  const asked = visited.filter((path) => path === auth || mount + path === auth);
  if (asked.length > 0) return RIGHT;
  const saw = visited.length > 1
    ? `the check asks for the page itself instead of ${auth}: whoever the page lets in passes`
    : `no check asks for ${auth} before the page`;
  return { level: "wrong", saw, ...patient.mend("subrequest", { auth }) };
}
