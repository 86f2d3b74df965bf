/** Where in the URL space the application is mounted: what CGI calls SCRIPT_NAME and PATH_INFO. */

import type { Params } from "./params.ts";
import { decodePath, looselyRead, readPath } from "./request_path.ts";
import { originForm, requestTarget } from "./request_url.ts";
import { pathText, utf8Bytes } from "./utf8.ts";

/**
 * A request's path in two parts: the application's mount, and the rest.
 *
 * Both are percent-decoded and have no dot segments. Whether `//` is merged and `%2F` is a slash is for the web server to
 * say, as it applies its access rules to that reading; where it does not say, both are left as they are in the URL. They
 * are text: each segment is decoded as UTF-8; one that is not UTF-8 is left as latin1, one char per byte.
 */
export interface Mount {
  /** The path of the application, `""` at the root; never ends with `/`. */
  readonly scriptName: string;
  /** The path within the application: `""`, or begins with `/`. */
  readonly pathInfo: string;
}

/** A path as a mount: without the slash at its end, so the root is `""`. */
function asMount(path: string): string {
  return path.split("/").map((segment) => segment && "/" + segment).join("");
}

/**
 * The position in a path at which a mount ends; -1 if the path is neither the mount nor below it.
 *
 * @param decode how a segment of the path is to be read
 */
function endOfMount(path: string, mount: string, decode: (segment: string) => string): number {
  let position = 0;
  for (const segment of mount.split("/")) {
    if (segment === "") continue;
    while (path[position] === "/") position++;
    const slash = path.indexOf("/", position);
    const end = slash < 0 ? path.length : slash;
    if (decode(path.slice(position, end)) !== segment) return -1;
    position = end;
  }
  return position;
}

/** A decoded path as the web server has read it, if its variables have the whole of it; else as it is. */
function asServerReads(path: string, params: Params): string {
  const wanted = looselyRead(path);
  const pathInfo = params.get("PATH_INFO") ?? "";
  let scriptName = params.get("SCRIPT_NAME") ?? "";
  if (scriptName.endsWith("/") && pathInfo.startsWith("/")) scriptName = scriptName.slice(0, -1);
  for (const read of [scriptName + pathInfo, params.get("DOCUMENT_URI")]) {
    if (read?.startsWith("/") && looselyRead(read) === wanted) return read;
  }
  return path;
}

/**
 * Whether a SCRIPT_NAME without PATH_INFO is the mount, and not merely the path: lighttpd's is, and so is Apache's where
 * it is an alias of a script, as under mod_fcgid.
 */
function namesMount(scriptName: string, params: Params): boolean {
  const software = params.get("SERVER_SOFTWARE") ?? "";
  if (software.startsWith("lighttpd")) return true;
  const file = params.get("SCRIPT_FILENAME") ?? "";
  const segment = scriptName.slice(scriptName.lastIndexOf("/"));
  return software.startsWith("Apache") && file.startsWith("/") && !file.endsWith(segment);
}

/** The mount of a decoded path, by the first rule that fits. Each exists for a configuration that people run. */
function mountOf(path: string, params: Params): string {
  const scriptName = params.get("SCRIPT_NAME") ?? "";
  const pathInfo = params.get("PATH_INFO");
  // nginx with a bare fastcgi_pass, Apache with a bare ProxyPass: SCRIPT_NAME is the whole path.
  const isPath = pathInfo === undefined && looselyRead(scriptName) === looselyRead(path);
  if (isPath && !namesMount(scriptName, params)) return "";
  const reported = asMount(scriptName);
  const isInPath = reported !== "" && endOfMount(path, reported, (segment) => segment) >= 0;
  if (isInPath || !pathInfo?.startsWith("/")) return reported;
  // Caddy's `handle_path /fcgi/*`, a script that .htaccess rewrites to: what PATH_INFO does not have is the mount.
  const [whole, rest] = [looselyRead(path), looselyRead(pathInfo)];
  return whole.endsWith(rest) ? asMount(whole.slice(0, -rest.length)) : reported;
}

/**
 * Finds the mount and the rest of a request's path.
 *
 * `mount` is the mount's path as text, decoded, where the web server reports a wrong one (Apache's
 * SetHandler). A request outside of its mount is at the root, as one of nginx's `try_files` to a script is.
 */
export function findMount(params: Params, mount?: string): Mount {
  const target = originForm(requestTarget(params));
  const question = target.indexOf("?");
  const inUrl = readPath(question < 0 ? target : target.slice(0, question), params) ?? "/";
  const path = asServerReads(decodePath(inUrl), params);
  let scriptName: string;
  let end: number;
  if (mount === undefined) {
    scriptName = mountOf(path, params);
    end = endOfMount(path, scriptName, (segment) => segment);
  } else {
    // A web server that tells `//fcgi` from `/fcgi` has other rules for it.
    scriptName = asMount(utf8Bytes(mount));
    end = path === scriptName || path.startsWith(scriptName + "/") ? scriptName.length : -1;
  }
  if (end < 0) return { scriptName: "", pathInfo: pathText(path) };
  return { scriptName: pathText(scriptName), pathInfo: pathText(path.slice(end)) };
}

/**
 * Cuts a mount off an absolute URL's path, so that an application routes as under WSGI: `/fcgi/a` becomes `/a`.
 *
 * The path stays raw, as the client wrote it; its segments are decoded only to be compared. `undefined` when the request
 * must be answered with 400: the mount does not end at a slash of the URL (`/fcgi%2Fa`), or two follow it, and the rest
 * would begin like another host (`//a`).
 */
export function stripMount(url: string, scriptName: string): string | undefined {
  if (scriptName === "") return url;
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const end = url.slice(start).search(/[?#]/);
  const path = end < 0 ? url.slice(start) : url.slice(start, start + end);
  const position = endOfMount(path, scriptName, (segment) => pathText(decodePath(segment)));
  if (position < 0 || path.startsWith("//", position)) return undefined;
  return url.slice(0, start) + (position === path.length ? "/" : "") + url.slice(start + position);
}

/**
 * Puts a mount that has been cut off the URL before a Location that leads into the application: a path, or a URL of its
 * own origin. One that has the mount already, or leads elsewhere, stays as it is (RFC 9110 §10.2.2).
 *
 * @param url the request's, without the mount
 */
export function mountLocation(location: string, scriptName: string, url: string): string {
  const origin = url.slice(0, url.indexOf("/", url.indexOf("://") + 3));
  const path = location.startsWith(`${origin}/`) ? location.slice(origin.length) : location;
  // Two slashes begin a host, and browsers take `\` for one.
  if (!/^\/(?![/\\])/.test(path)) return location;
  const mount = scriptName.split("/").map(encodeURIComponent).join("/");
  const hasMount = path.startsWith(mount) && /^(?:[/?#]|$)/.test(path.slice(mount.length));
  return hasMount ? location : location.slice(0, location.length - path.length) + mount + path;
}
