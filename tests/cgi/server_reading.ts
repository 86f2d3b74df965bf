/**
 * How nginx and Apache read a path before they look for a location, from their documentation, and what has to hold of
 * ours. Nothing of `src/cgi/` is in the models.
 */

import { findMount, stripMount } from "../../src/cgi/mount.ts";
import { Params } from "../../src/cgi/params.ts";
import { requestUrl } from "../../src/cgi/request_url.ts";
import { pathText } from "../../src/cgi/utf8.ts";
import { must } from "../fuzz/target.ts";
import type { Random } from "../protocol/random.ts";

/** Reads a raw path; `undefined` if the web server refuses it. */
export type Reading = (path: string) => string | undefined;

/** The path without its last segment, for one that `..` ends; `undefined` above the root. */
function parent(path: string): string | undefined {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? undefined : path.slice(0, slash + 1);
}

/** Reads slashes and dot segments from left to right; `undefined` if they lead above the root. */
function resolve(path: string, merges: boolean): string | undefined {
  let read = "";
  for (let at = 0; at <= path.length; at++) {
    if (at < path.length && path[at] !== "/") {
      read += path[at];
    } else if (read.endsWith("/.")) {
      read = read.slice(0, -1);
    } else if (read.endsWith("/..")) {
      const up = parent(read.slice(0, -3));
      if (up === undefined) return undefined;
      read = up;
    } else if (at < path.length && !(merges && read.endsWith("/"))) {
      read += "/";
    }
  }
  return read;
}

/** Decodes what `wanted` says; `undefined` if an encoding is none, or there is a NUL. */
function decode(path: string, wanted: (char: string) => boolean): string | undefined {
  if (path.includes("\0")) return undefined;
  let read = "";
  for (let at = 0; at < path.length; at++) {
    if (path[at] !== "%") {
      read += path[at];
      continue;
    }
    const digits = path.slice(at + 1, at + 3);
    if (!/^[\da-f]{2}$/i.test(digits) || digits === "00") return undefined;
    const char = String.fromCharCode(parseInt(digits, 16));
    read += wanted(char) ? char : "%" + digits;
    at += 2;
  }
  return read;
}

/** nginx: "after decoding the text encoded in the %XX form", then dots, and slashes with `merge_slashes on`. */
function nginx(merges: boolean): Reading {
  return (path) => {
    const decoded = decode(path, () => true);
    return decoded === undefined ? undefined : resolve(decoded, merges);
  };
}

/** Apache: unreserved characters, `MergeSlashes` and dots first, then the other characters, `%2F` as it is set. */
function apache(encodedSlashes: "Off" | "On" | "NoDecode", merges: boolean): Reading {
  return (path) => {
    const unreserved = decode(path, (char) => /[\w.~-]/.test(char));
    const resolved = unreserved === undefined ? undefined : resolve(unreserved, merges);
    if (resolved === undefined || encodedSlashes === "Off" && /%2f/i.test(resolved)) return undefined;
    const decoded = decode(resolved, (char) => char !== "/" || encodedSlashes === "On");
    return decoded === undefined || encodedSlashes !== "On" ? decoded : resolve(decoded, merges);
  };
}

/** The same where `\\` is a separator too. */
function windows(merges: boolean): Reading {
  return (path) => nginx(merges)(path.replace(/\\|%5c/gi, "/"));
}

const readings: readonly Reading[] = [true, false].flatMap((merges) => [
  nginx(merges),
  apache("Off", merges),
  apache("On", merges),
  apache("NoDecode", merges),
  windows(merges),
]);

/** What a web server can be set to say of a path that it has read, below a mount. */
const variables: readonly ((read: string, mount: string) => string[])[] = [
  (read) => ["SCRIPT_NAME", read],
  (read) => ["SCRIPT_NAME", read, "SCRIPT_NAME", "", "PATH_INFO", read],
  (read, mount) => ["SCRIPT_NAME", mount, "PATH_INFO", read.slice(mount.length)],
  (read, mount) => ["SCRIPT_NAME", mount, "DOCUMENT_URI", read],
  // These say nothing of the path, or not of the whole of it.
  (read, mount) => ["SCRIPT_NAME", "", "PATH_INFO", read.slice(mount.length)],
  (_, mount) => ["SCRIPT_NAME", mount],
  () => [],
];
const sayingAll = 4;

const anyDotSegment = /(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\]|%2f|%5c|$)/i;

function pathOf(url: string): string {
  return /^http:\/\/h(\/[^?]*)/.exec(url)![1]!;
}

/**
 * Holds the one reading of a target (a latin1 string that begins with `/`) against every web server that does not refuse
 * it: it is answered with 400, or the web server would read the URL's path as it has read the target, and `scriptName`
 * and `pathInfo` are what it has read, or, where it does not say what, the segments of the URL.
 *
 * @returns whether there is an answer other than 400
 */
export function checkOneReading(target: string, mount: string): boolean {
  const raw = /^[^?#]*/.exec(target)![0];
  let answered = false;
  for (const reading of readings) {
    const read = reading(raw);
    if (read === undefined) continue;
    const isBelow = read === mount || read.startsWith(`${mount}/`);
    for (const [index, say] of variables.entries()) {
      if (!isBelow && index > 1 && index < 6) continue;
      const params = new Params(["REQUEST_URI", target, "HTTP_HOST", "h", ...say(read, mount)]);
      const url = requestUrl(params);
      if (url === undefined) continue;
      answered = true;
      const path = pathOf(url);
      const about = JSON.stringify([target, read, index, url]);
      must(!anyDotSegment.test(path), `a dot segment is left: ${about}`);
      must(reading(path) === read, `the URL's path is another one: ${about}`);
      const segments = decode(path.replaceAll("%2f", "%2F"), (char) => char !== "/")!;
      for (const option of [undefined, mount]) {
        const { scriptName, pathInfo } = findMount(params, option);
        // The slashes in front of a mount are the web server's matter: it has found the mount.
        const unread = scriptName === "" ? segments : segments.replace(/^\/+/, "/");
        const whole = scriptName + pathInfo;
        must(
          whole === pathText(read) || index >= sayingAll && whole === pathText(unread),
          `${scriptName} and ${pathInfo} are not what was read: ${about}`,
        );
        if (scriptName !== mount) continue;
        const stripped = stripMount(url, scriptName);
        if (stripped === undefined) continue;
        const rest = pathOf(stripped);
        must(!rest.startsWith("//") && !anyDotSegment.test(rest), `the mount hid another path: ${about}`);
        must(pathInfo === "" ? rest === "/" : reading(mount + rest) === read, `the mount was left: ${about}`);
      }
    }
  }
  return answered;
}

const parts = [
  ..."/ / / / // . .. .. .. %2e %2E %2e. .%2e %2f %2F %2f.. ..%2f \\ \\.. %5c %5C..".split(" "),
  ..."admin public secret fcgi a b %61 %66cgi .. . ..; ;x x: x| c:.. %252e %252f %00 %zz %c0%ae %ff a.b ... .x".split(
    " ",
  ),
];

/** A path in which slashes, dots and backslashes meet in every spelling. */
export function oddPath(random: Random, prefix = ""): string {
  let path = prefix + random.pick(["/", "/", "/", "//", "/.", "/..", "/admin/", "/public/"]);
  for (let left = random.below(9); left > 0; left--) path += random.pick(parts);
  return path;
}

/** Paths that led past a denied `/admin/`, and their kin. */
export const pathsPastAdmin: readonly string[] = [
  "/admin//../secret",
  "/admin/users//..//../list",
  "/admin//%2e%2e/secret",
  "/admin//.%2E/secret",
  "/public\\..\\admin/secret",
  "/public/..\\admin/secret",
  "/public\\../admin/secret",
  "/admin/\\../public",
  "/admin/%5c../public",
  "/a%2fb/../admin/secret",
  "/admin/..%2fpublic",
  "/admin/%2e%2e%2Fpublic",
  "/public/..%2fadmin/x",
  "/admin/a%2fb//../../x",
  "/admin/x/%2f/../../../public",
  "/admin/c:/../../secret",
  "/admin/c|/../../secret",
  "/c:/../admin/secret",
  "/public/../admin/secret",
  "/public/./../admin/secret",
  "/../admin/secret",
  "/./admin/secret",
  "//admin/secret",
  "/%2fadmin/secret",
  "/.//admin/secret",
  "/public//..//admin/secret",
  "/%61dmin/secret",
  "/admin%2fsecret",
  "/admin%2Fsecret/..",
  "/admin\\secret",
  "/admin%5csecret",
  "/admin/secret/..",
  "/admin/secret/.",
  "/..;/admin/secret",
  "/public/..;/admin/secret",
  "/public/%c0%ae%c0%ae/admin/secret",
  "/public/%252e%252e/admin/secret",
  "/public/%2e%2e%5cadmin/secret",
  "/public?/../admin/secret",
  "/public#/../admin/secret",
  "/admin//..?/secret",
];
