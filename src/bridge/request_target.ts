/**
 * Reads the URL that a request is for, unambiguously or not at all.
 *
 * What guards a site in front of it, the site's folder and the application each read a part of a request: its URL, its
 * Host, its path. A request in which these disagree could be one thing to the guard and another to the application.
 */

import { isHostAndPort } from "../cgi/request_url.ts";
import { type BridgeInfo, isTls } from "./bridge_info.ts";

/** The path of an absolute URL, as it is written. */
const writtenPath = /^https?:\/\/[^/?#\\]+([^?#]*)/i;
/** What URL parsers remove from a path, or read as `/`: no browser sends it. At its start, two slashes name a host. */
const ambiguous = /^\/\/|\\|\/(?:\.|%2e){1,2}(?:\/|$)/i;

/** What a request is for. */
export interface RequestTarget {
  readonly url: URL;
  /** The request itself, with an absolute URL. */
  readonly request: Request;
}

/** Reads it; `undefined` if its URL, its Host and its path do not agree, or are invalid. */
export function readTarget(request: Request, info: BridgeInfo): RequestTarget | undefined {
  const host = request.headers.get("host");
  if (host && !isHostAndPort(host)) return undefined;
  // Bun's URL of a request without Host (HTTP/1.0) is a path.
  if (!host && info.url !== undefined && request.url.startsWith("/")) {
    request = new Request(info.url.origin + request.url, request);
  }
  const path = writtenPath.exec(request.url)?.[1];
  if (path === undefined || ambiguous.test(path) || !URL.canParse(request.url)) return undefined;
  const url = new URL(request.url);
  if (url.username !== "" || url.password !== "") return undefined;
  return !host || isSameHost(host, url) ? { url, request } : undefined;
}

/**
 * Whether a request came over https. `undefined`: its URL says so, but neither the option nor the HTTP server does; a
 * client can write any scheme into its request line.
 */
export function readHttps(url: URL, info: BridgeInfo, option: boolean | undefined): boolean | undefined {
  const isHttps = url.protocol === "https:";
  const known = option ?? (info.params !== undefined ? isHttps : isTls(info)) ?? false;
  return isHttps && !known ? undefined : known;
}

function isSameHost(host: string, url: URL): boolean {
  if (host === url.host) return true;
  const written = `${url.protocol}//${host}`;
  return URL.canParse(written) && new URL(written).host === url.host;
}
