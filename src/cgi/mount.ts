/** Where in the URL space the application is mounted: what CGI calls SCRIPT_NAME and PATH_INFO. */

import type { Params } from "./params.ts";
import { percentDecode } from "./percent.ts";
import { originForm, requestTarget } from "./request_url.ts";
import { pathText, utf8Bytes } from "./utf8.ts";

/**
 * A request's path in two parts: the application's mount, and the rest.
 *
 * Both are percent-decoded, with `//` merged and dot segments removed, as web servers do. They are text: each segment
 * is decoded as UTF-8; one that is not UTF-8 is left as latin1, one char per byte.
 */
export interface Mount {
  /** The path of the application, `""` at the root; never ends with `/`. */
  readonly scriptName: string;
  /** The path within the application: `""`, or begins with `/`. */
  readonly pathInfo: string;
}

/** Merges slashes and removes dot segments of a decoded path, in the order of nginx and Apache. */
function normalize(path: string): string {
  if (path.startsWith("/") && !path.includes("//") && !path.includes("/.")) return path;
  const kept: string[] = [];
  const segments = path.split("/");
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const folder = kept.length > 0 && ["", ".", ".."].includes(segments.at(-1) as string);
  return "/" + kept.join("/") + (folder ? "/" : "");
}

/** A path as a mount: without the slash at its end, so the root is `""`. */
function asMount(path: string): string {
  const normal = normalize(path);
  return normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

/** Whether a path is a mount's own or lies below it. */
function isWithin(path: string, mount: string): boolean {
  return path.startsWith(mount) && (path.length === mount.length || path[mount.length] === "/");
}

/** The mount of a decoded path, by the first rule that fits. Each exists for a configuration that people run. */
function mountOf(path: string, params: Params): string {
  const scriptName = params.get("SCRIPT_NAME") ?? "";
  const pathInfo = params.get("PATH_INFO");
  if (scriptName === "") {
    if (pathInfo === undefined || pathInfo === "") return "";
    // Caddy's `handle_path /fcgi/*`: what PATH_INFO does not have is the mount.
    const rest = normalize(pathInfo);
    return path.endsWith(rest) ? asMount(path.slice(0, path.length - rest.length)) : "";
  }
  // nginx with a bare fastcgi_pass, Apache with a bare ProxyPass: SCRIPT_NAME is the whole path.
  if (pathInfo === undefined && normalize(scriptName) === path) return "";
  // Else it is no mount if the URL has it not: nginx's `try_files` to one script.
  const mount = asMount(scriptName);
  return isWithin(path, mount) ? mount : "";
}

/**
 * Finds the mount and the rest of a request's path.
 *
 * `mount` is the mount's path as text, decoded, where the web server reports a wrong one (mod_fcgid, Apache's
 * SetHandler); a request outside of it is at the root.
 */
export function findMount(params: Params, mount?: string): Mount {
  const target = originForm(requestTarget(params));
  const question = target.indexOf("?");
  const path = normalize(percentDecode(question < 0 ? target : target.slice(0, question)));
  let scriptName: string;
  if (mount === undefined) {
    scriptName = mountOf(path, params);
  } else {
    scriptName = asMount(utf8Bytes(mount));
    if (!isWithin(path, scriptName)) scriptName = "";
  }
  return { scriptName: pathText(scriptName), pathInfo: pathText(path.slice(scriptName.length)) };
}

/**
 * Cuts a mount off an absolute URL's path, so that an application routes as under WSGI: `/fcgi/a` becomes `/a`.
 *
 * The path stays raw, as the client wrote it; its segments are decoded only to be compared. A URL whose path does not
 * begin with the mount is given back unchanged.
 */
export function stripMount(url: string, scriptName: string): string {
  if (scriptName === "") return url;
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const end = url.slice(start).search(/[?#]/);
  const path = end < 0 ? url.slice(start) : url.slice(start, start + end);
  let position = 0;
  for (const segment of scriptName.split("/")) {
    if (segment === "") continue;
    while (path[position] === "/") position++;
    const slash = path.indexOf("/", position);
    const next = slash < 0 ? path.length : slash;
    if (pathText(percentDecode(path.slice(position, next))) !== segment) return url;
    position = next;
  }
  return url.slice(0, start) + (position === path.length ? "/" : "") + url.slice(start + position);
}
