/**
 * The URL that the client asked for, from the parameters of its request.
 *
 * Rebuilt from the raw REQUEST_URI, which all web servers send: SCRIPT_NAME and PATH_INFO are decoded and normalised,
 * and with many configurations wrong or missing.
 */

import type { Params } from "./params.ts";
import { percentEncode } from "./percent.ts";
import { readPath } from "./request_path.ts";

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
/** Authorities that every URL parser leaves as they are; a default port and punycode are looked for apart from it. */
const canonicalAuthority = new RegExp(
  `^(?:(?:[a-z\\d_-]+\\.)*[a-z][a-z\\d_-]*|(?:${octet}\\.){3}${octet})(?::(?:[1-5]\\d{4}|[1-9]\\d{0,3}))?$`,
);
/** Targets that every URL parser leaves as they are, unless they have a dot segment. */
const canonicalTarget = /^\/[\w\-.~!$&'()*+,;=:@%/]*(?:\?[\w\-.~!$&()*+,;=:@%/?]*)?$/;
const dotAtSegmentStart = /(?:\/|%2f|%5c)(?:\.|%2e)/i;

/** `host[:port]` of RFC 3986 and nothing else: what could end the authority, or begin another, is not in it. */
const hostAndPort = /^(?:[\w\-.~!$&'()*+,;=]+|\[[\dA-Fa-f:.]+\])(?::\d*)?$/;
/**
 * What nginx has as its `server_name` may be a pattern (`_`, `.example.com`, `*.example.com`, `www.*`, `~^www`), and for a
 * client that sent no Host, `$host` is the `server_name`.
 */
const serverNamePattern = /^(?:_(?::|$)|[.*~])|\.\*(?::|$)/;
const serverHost = /^(?:[\w\-.]+|\[[\dA-Fa-f:.]+\])$/;
const bareIpv6 = /^[\dA-Fa-f.]*:[\dA-Fa-f.]*:[\dA-Fa-f:.]*$/;
const absoluteForm = /^https?:\/\/([^/?#]*)/i;

/** What is not allowed in a path, or means something else in a URL. */
const notPathChar = /[^\w\-.~!$&'()*+,;=:@/]/g;
/** What a URL's query has encoded (the URL standard's set). */
const notInQuery = /[^!-~]|["'<>]/g;

/** Whether a Host field is `host[:port]` and nothing else; a URL made of any other may have another path, or user. */
export function isHostAndPort(field: string): boolean {
  return hostAndPort.test(field);
}

/** Whether the client came by TLS, as far as the web server says. */
function requestScheme(params: Params): "http" | "https" {
  const scheme = params.get("REQUEST_SCHEME");
  if (scheme === "https" || scheme?.toLowerCase() === "https") return "https";
  const https = params.get("HTTPS")?.toLowerCase();
  return https === "on" || https === "1" ? "https" : "http";
}

/**
 * The request target as the client sent it, a latin1 string: `/path?query`, `http://host/path` or `*`.
 *
 * Made of SCRIPT_NAME, PATH_INFO and QUERY_STRING when the web server sends no REQUEST_URI.
 */
export function requestTarget(params: Params): string {
  const raw = params.get("REQUEST_URI");
  if (raw !== undefined && raw !== "") return raw;
  const path = percentEncode((params.get("SCRIPT_NAME") ?? "") + (params.get("PATH_INFO") ?? ""), notPathChar);
  const query = params.get("QUERY_STRING") ?? "";
  return (path.startsWith("/") ? "" : "/") + path + (query === "" ? "" : "?" + query);
}

/**
 * The path and query of a request target: without the scheme and authority of an absolute form, and without a fragment
 * (no part of a request; web servers route without it). What has no path, `*` and CONNECT's `host:port`, is `/`.
 */
export function originForm(target: string): string {
  const fragment = target.indexOf("#");
  const request = fragment < 0 ? target : target.slice(0, fragment);
  if (request.startsWith("/")) return request;
  const prefix = absoluteForm.exec(request);
  if (prefix === null) return "/";
  const rest = request.slice(prefix[0].length);
  return rest.startsWith("/") ? rest : "/" + rest;
}

/** The path and query of a target as a URL has them; `undefined` if the path can be read in two ways. */
function encodeTarget(target: string, params: Params): string | undefined {
  if (canonicalTarget.test(target) && !dotAtSegmentStart.test(target)) return target;
  const question = target.indexOf("?");
  if (question < 0) return readPath(target, params);
  const path = readPath(target.slice(0, question), params);
  return path && path + percentEncode(target.slice(question), notInQuery);
}

/** Joins by concatenation: resolved as a reference, a path that begins with `//` would name another host. */
function join(scheme: "http" | "https", authority: string, path: string): string | undefined {
  if (
    canonicalAuthority.test(authority) && !authority.endsWith(scheme === "http" ? ":80" : ":443") &&
    !authority.includes("xn--")
  ) {
    return scheme + "://" + authority + path;
  }
  if (!hostAndPort.test(authority) || serverNamePattern.test(authority)) return undefined;
  try {
    return new URL(scheme + "://" + authority).origin + path;
  } catch {
    return undefined;
  }
}

/** The URL under the name that the web server has for itself, for clients that sent no Host (HTTP/1.0). */
function joinServerName(params: Params, scheme: "http" | "https", path: string): string | undefined {
  const port = params.get("SERVER_PORT") ?? "";
  const suffix = /^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65535 ? ":" + port : "";
  for (const name of [params.get("SERVER_NAME"), params.get("SERVER_ADDR")]) {
    if (name === undefined) continue;
    // Caddy's name is a bare IPv6 address, HAProxy's has the port.
    const host = bareIpv6.test(name) ? `[${name}]` : name.replace(/:\d+$/, "");
    const url = serverHost.test(host) ? join(scheme, host + suffix, path) : undefined;
    if (url !== undefined) return url;
  }
  return join(scheme, "localhost" + suffix, path);
}

/**
 * The absolute URL that the client asked for, as the URL standard writes it (`new URL(url).href === url`).
 *
 * `undefined` when the request must be answered with 400: its Host is not `host[:port]` and nothing else, or its target
 * is neither a path, nor a URL of http or https, nor `*`, or its path can be read in two ways. A Host that is a pattern
 * counts as absent: it is the web server's own, as no client has a host to ask by that name.
 */
export function requestUrl(params: Params): string | undefined {
  const target = requestTarget(params);
  const scheme = requestScheme(params);
  const path = encodeTarget(originForm(target), params);
  if (path === undefined) return undefined;
  if (!target.startsWith("/") && target !== "*") {
    const authority = absoluteForm.exec(target)?.[1];
    return authority === undefined ? undefined : join(scheme, authority, path);
  }
  const host = params.get("HTTP_HOST") ?? "";
  const url = host === "" ? undefined : join(scheme, host, path);
  if (url !== undefined) return url;
  return host === "" || serverNamePattern.test(host) ? joinServerName(params, scheme, path) : undefined;
}
