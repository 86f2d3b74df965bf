/**
 * The URL that the client asked for, from the parameters of its request.
 *
 * Rebuilt from the raw REQUEST_URI, which all web servers send: SCRIPT_NAME and PATH_INFO are decoded and normalised,
 * and with many configurations wrong or missing.
 */

import type { Params } from "./params.ts";
import { percentEncode } from "./percent.ts";

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
/** Authorities that every URL parser leaves as they are; a default port and punycode are looked for apart from it. */
const canonicalAuthority = new RegExp(
  `^(?:(?:[a-z\\d_-]+\\.)*[a-z][a-z\\d_-]*|(?:${octet}\\.){3}${octet})(?::(?:[1-5]\\d{4}|[1-9]\\d{0,3}))?$`,
);
/** Targets that every URL parser leaves as they are, unless they have a dot segment. */
const canonicalTarget = /^\/[\w\-.~!$&'()*+,;=:@%/]*(?:\?[\w\-.~!$&()*+,;=:@%/?]*)?$/;
const dotSegment = /\/(?:\.|%2e)/i;

/** `host[:port]` of RFC 3986 and nothing else: what could end the authority, or begin another, is not in it. */
const hostAndPort = /^(?:[\w\-.~!$&'()*+,;=]+|\[[\dA-Fa-f:.]+\])(?::\d*)?$/;
/** A server's own name; what nginx has as one may also be a pattern (`*.example.com`, `~^www`). */
const serverHost = /^(?:[\w\-.]+|\[[\dA-Fa-f:.]+\])$/;
const bareIpv6 = /^[\dA-Fa-f.]*:[\dA-Fa-f.]*:[\dA-Fa-f:.]*$/;
const absoluteForm = /^https?:\/\/([^/?#\\]*)/i;

/** Everything that is not allowed in a path and would be read as something else there. */
const notPathChar = /[^\w\-.~!$&'()*+,;=:@/]/g;
/** Control characters, which URL parsers drop, and bytes above 0x7F, which they would encode as if they were chars. */
const notPrintable = /[^!-~]/g;
/** `^` besides: the URL standard has it encoded in paths since 2023, which Deno 2.9 and Node 22 do not know. */
const notPrintableOrCaret = /[^!-~]|\^/g;

/** Whether a Host field is `host[:port]` and nothing else; a URL made of any other may have another path, or user. */
export function isHostAndPort(field: string): boolean {
  return hostAndPort.test(field);
}

/** Whether the client came by TLS, as far as the web server says. */
function requestScheme(params: Params): "http" | "https" {
  if (params.get("REQUEST_SCHEME")?.toLowerCase() === "https") return "https";
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

/** Joins by concatenation: resolved as a reference, a path that begins with `//` would name another host. */
function join(scheme: "http" | "https", authority: string, path: string): string | undefined {
  if (
    canonicalAuthority.test(authority) && canonicalTarget.test(path) && !dotSegment.test(path) &&
    !authority.endsWith(scheme === "http" ? ":80" : ":443") && !authority.includes("xn--")
  ) {
    return scheme + "://" + authority + path;
  }
  if (!hostAndPort.test(authority)) return undefined;
  const question = path.indexOf("?");
  const end = question < 0 ? path.length : question;
  const encoded = percentEncode(path.slice(0, end), notPrintableOrCaret) + percentEncode(path.slice(end), notPrintable);
  try {
    return new URL(scheme + "://" + authority + encoded).href;
  } catch {
    return undefined;
  }
}

/** The URL under the name that the web server has for itself, for clients that sent no Host (HTTP/1.0). */
function joinServerName(params: Params, scheme: "http" | "https", path: string): string | undefined {
  const port = params.get("SERVER_PORT") ?? "";
  const suffix = /^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65535 ? ":" + port : "";
  for (const name of [params.get("SERVER_NAME"), params.get("SERVER_ADDR")]) {
    if (name === undefined || name === "_") continue;
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
 * is neither a path, nor a URL of http or https, nor `*`.
 */
export function requestUrl(params: Params): string | undefined {
  const target = requestTarget(params);
  const scheme = requestScheme(params);
  let authority = params.get("HTTP_HOST");
  if (!target.startsWith("/") && target !== "*") {
    authority = absoluteForm.exec(target)?.[1];
    if (authority === undefined) return undefined;
  } else if (authority === undefined || authority === "") {
    return joinServerName(params, scheme, originForm(target));
  }
  return join(scheme, authority, originForm(target));
}
