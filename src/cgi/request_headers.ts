/** The header fields of a request, from its CGI parameters: all of them, or one. */

import { isFieldValue, isHopByHop, isToken, parseLength, trimFieldValue } from "./field.ts";
import { mergeValues, Params } from "./params.ts";

/**
 * Fields that no handler sees, besides those of the hop from the client to the web server.
 *
 * `Proxy` is httpoxy. The body's type and length have variables of their own; under HTTP_ they can be a client's
 * `Content_Length`.
 */
const dropped: ReadonlySet<string> = new Set(["content-length", "content-type", "expect", "proxy"]);

/** Fields that other parameters give, unless a parameter named HTTP_… has; an empty one gives none. */
const elsewhere: ReadonlyMap<string, (params: Params) => string | undefined> = new Map([
  // Apache's rewrite rules rename what an internal redirect had.
  ["authorization", (params): string | undefined => params.get("REDIRECT_HTTP_AUTHORIZATION")],
  ["content-type", (params): string | undefined => params.get("CONTENT_TYPE")],
  ["content-length", (params): string | undefined => contentLength(params)?.toString()],
]);

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
  return isToken(name) && isVisible(name) ? name : "";
}

function isVisible(name: string): boolean {
  return !isHopByHop(name) && !dropped.has(name);
}

/** The field that a parameter named HTTP_… stands for; `""` if a handler sees none of it. */
function fieldName(parameter: string): string {
  return knownNames.get(parameter) ??
    visibleName(parameter.slice("HTTP_".length).toLowerCase().replaceAll("_", "-"));
}

/** The value of a field after one more parameter; `undefined` if it has none yet. */
function addValue(name: string, earlier: string | undefined, raw: string): string | undefined {
  const value = trimFieldValue(raw);
  // Rewrite rules that hand Authorization on set it for every request, to "" for those without.
  if (!isFieldValue(value) || value === "" && elsewhere.has(name)) return earlier;
  return earlier === undefined ? value : mergeValues(parameterName(name), earlier, value);
}

/** The value of a field that no parameter named HTTP_… gives. */
function valueElsewhere(name: string, params: Params): string | undefined {
  const raw = elsewhere.get(name)?.(params);
  return raw === undefined ? undefined : addValue(name, undefined, raw);
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
  params.forEach((raw, parameter) => {
    const name = fieldName(parameter);
    if (name === "") return;
    const place = places.get(name);
    const value = addValue(name, place === undefined ? undefined : headers[place], raw);
    if (value === undefined) return;
    if (place === undefined) places.set(name, headers.push(name, value) - 1);
    else headers[place] = value;
  }, "HTTP_");
  for (const name of elsewhere.keys()) {
    const value = places.has(name) ? undefined : valueElsewhere(name, params);
    if (value !== undefined) headers.push(name, value);
  }
  return headers;
}

/**
 * One of the request's header fields, by its name in any case: what {@linkcode requestHeaders} says of it, without the
 * others. `null` if the request has none; `undefined` if the name is no token, so that no request can.
 */
export function requestHeader(params: Params, name: string): string | null | undefined {
  if (!isToken(name)) return undefined;
  const field = name.toLowerCase();
  const value = isVisible(field) ? Params.reduceField(params, field, addValue) : undefined;
  return value ?? valueElsewhere(field, params) ?? null;
}

/**
 * The length of the request's body in bytes, from CONTENT_LENGTH; `undefined` if it is not known before the body's end.
 *
 * nginx says `""`, Caddy `-1`, Apache nothing for a chunked upload that it passes on as it comes.
 */
export function contentLength(params: Params): number | undefined {
  return parseLength(params.get("CONTENT_LENGTH"));
}
