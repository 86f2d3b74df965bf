/** The header fields of a request, from its CGI parameters. */

import { isFieldValue, isHopByHop, isToken, parseLength, trimFieldValue } from "./field.ts";
import { mergeValues, type Params } from "./params.ts";

/**
 * Fields that no handler sees, besides those of the hop from the client to the web server.
 *
 * `Proxy` is httpoxy. The body's type and length have variables of their own; under HTTP_ they can be a client's
 * `Content_Length`.
 */
const dropped: ReadonlySet<string> = new Set(["content-length", "content-type", "expect", "proxy"]);

/** Parameter name → field name, `""` for a dropped one: spares the work on names that browsers and proxies send. */
const knownNames: ReadonlyMap<string, string> = new Map(
  [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "depth",
    "destination",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "if",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "last-event-id",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "purpose",
    "range",
    "referer",
    "save-data",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "sec-purpose",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "traceparent",
    "tracestate",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-csrf-token",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
  ].map((name): [string, string] => [parameterName(name), visibleName(name)]),
);

/** The name under which CGI has a header field (RFC 3875 §4.1.18). */
function parameterName(field: string): string {
  return "HTTP_" + field.toUpperCase().replaceAll("-", "_");
}

/** A field's name in lower case as a handler sees it; `""` if it sees none of it. */
function visibleName(name: string): string {
  return isToken(name) && !isHopByHop(name) && !dropped.has(name) ? name : "";
}

/** The field that a parameter named HTTP_… stands for; `""` if a handler sees none of it. */
function fieldName(parameter: string): string {
  return knownNames.get(parameter) ??
    visibleName(parameter.slice("HTTP_".length).toLowerCase().replaceAll("_", "-"));
}

/**
 * The request's header fields as a flat list: name, value, name, value, and so on, ready for `new Headers`.
 *
 * Names are lower case and unique, values latin1 strings. Names that are no tokens, and values that no field can have
 * (control characters), are left out; they stay in the parameters.
 */
export function requestHeaders(params: Params): string[] {
  const headers: string[] = [];
  const places = new Map<string, number>();
  const add = (name: string, raw: string): void => {
    const value = trimFieldValue(raw);
    if (!isFieldValue(value)) return;
    const place = places.get(name);
    if (place === undefined) {
      places.set(name, headers.push(name, value) - 1);
    } else {
      headers[place] = mergeValues(parameterName(name), headers[place] as string, value);
    }
  };

  params.forEach((value, parameter) => {
    const name = fieldName(parameter);
    // Rewrite rules that hand Authorization on set it for every request, to "" for those without.
    if (name !== "" && (name !== "authorization" || value !== "")) add(name, value);
  }, "HTTP_");
  // Apache's rewrite rules rename what an internal redirect had.
  const redirected = params.get("REDIRECT_HTTP_AUTHORIZATION") ?? "";
  if (redirected !== "" && !places.has("authorization")) add("authorization", redirected);
  const type = params.get("CONTENT_TYPE") ?? "";
  if (type !== "") add("content-type", type);
  const length = contentLength(params);
  if (length !== undefined) add("content-length", String(length));
  return headers;
}

/**
 * The length of the request's body in bytes, from CONTENT_LENGTH; `undefined` if it is not known before the body's end.
 *
 * nginx says `""`, Caddy `-1`, Apache nothing for a chunked upload that it passes on as it comes.
 */
export function contentLength(params: Params): number | undefined {
  return parseLength(params.get("CONTENT_LENGTH"));
}
