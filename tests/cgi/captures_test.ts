// Replays what nginx and Apache sent for known requests: ../vectors/README.md.

import captures from "../vectors/captures.json" with { type: "json" };
import { assertEquals, assertGreater } from "../std/assert.ts";
import { findMount, stripMount } from "../../src/cgi/mount.ts";
import { Params } from "../../src/cgi/params.ts";
import { contentLength, requestHeaders } from "../../src/cgi/request_headers.ts";
import { requestUrl } from "../../src/cgi/request_url.ts";

interface Captured {
  server: string;
  config: string;
  /** Parameters that all requests of the configuration have. */
  common: string[];
  requests: { request: string; head: string; params: string[] }[];
}

interface Case {
  name: string;
  server: string;
  config: string;
  request: string;
  head: string;
  method: string;
  target: string;
  headers: [string, string][];
  params: Params;
}

const captured = captures as unknown as Captured[];

function* cases(): Generator<Case> {
  for (const { server, config, common, requests } of captured) {
    for (const { request, head, params } of requests) {
      const lines = head.split("\r\n");
      const [method, ...rest] = (lines.shift() as string).split(" ") as [string, ...string[]];
      yield {
        name: `${server} ${config} ${request}`,
        server,
        config,
        request,
        head,
        method,
        target: rest.slice(0, -1).join(" "),
        headers: lines.map((line): [string, string] => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }),
        params: new Params([...common, ...params]),
      };
    }
  }
}

/** Bytes above 0x7F as a URL has them, and `^` as the URL standard has it now. */
function encoded(target: string): string {
  return target.replace(/[\x80-\xff]/g, (byte) => "%" + byte.charCodeAt(0).toString(16).toUpperCase())
    .replace(/^[^?]*/, (path) => path.replaceAll("^", "%5E"));
}

/** Where the URL is not what the client asked for, and why nothing can be done about it. */
function knownLoss({ config, request, params }: Case, asked: URL): string | undefined {
  // nginx hands on the path of an absolute target, and the Host field for its authority (Debian's file: the authority).
  const keepsAuthority = params.get("REQUEST_URI")?.startsWith("http") === true;
  if (request === "absolute-form" && !keepsAuthority) asked.host = params.get("HTTP_HOST") as string;
  // `http://` asked of a TLS port: the scheme is the connection's.
  if (request === "absolute-form" && config === "tls") asked.protocol = "https:";
  // Debian's `fastcgi_param HTTP_HOST $host` has no port.
  if (config === "flask-root-debian-params") asked.port = "";
  // CONNECT's target is no URL; the method is refused.
  return request === "connect" ? undefined : asked.href;
}

/** What the client asked for. */
function askedFor({ head, config, target, headers, params }: Case): URL {
  const curl = /^curl .*?(https:\S+)$/.exec(head);
  if (curl !== null) return new URL(curl[1] as string);
  if (/^https?:/.test(target)) return new URL(target);
  // Without Host it is the server's own name; "", "_" are none.
  const name = params.get("SERVER_NAME")?.replace("_", "") || params.get("SERVER_ADDR");
  const own = `${name}:${params.get("SERVER_PORT")}`;
  const host = headers.findLast(([name]) => name === "host")?.[1] || own;
  const path = target.startsWith("/") ? encoded(target) : "/";
  return new URL(`${config === "tls" ? "https" : "http"}://${host}${path}`);
}

Deno.test("requestUrl gives the URL that the client asked for when nginx and Apache send what they do", () => {
  let count = 0;
  for (const one of cases()) {
    const url = requestUrl(one.params);
    assertEquals(url, knownLoss(one, askedFor(one)), one.name);
    if (url !== undefined) assertEquals(new URL(url).href, url, one.name);
    count++;
  }
  assertGreater(count, 600);
});

const notForHandlers =
  /^(connection|keep-alive|proxy|proxy-connection|te|trailer|transfer-encoding|upgrade|expect|content-length)$/;

/** The fields that a handler must see, of those that the client sent. */
function sentHeaders({ server, config, request, params, headers }: Case): Map<string, string> {
  const sent = new Map<string, string>();
  for (const [name, value] of headers) {
    // Names that nginx and Apache drop by default, and what is not for handlers.
    if (!/^[a-z0-9-]+$/.test(name) || notForHandlers.test(name)) continue;
    // Apache hands these on with `CGIPassAuth On` only.
    if (/^(proxy-)?authorization$/.test(name) && server === "apache" && !config.startsWith("unescape")) continue;
    const before = sent.get(name);
    const joined = before + (name === "cookie" && server !== "apache" ? "; " : ", ") + value;
    sent.set(name, before === undefined || name === "host" ? value : joined);
  }
  // These two change the field itself.
  const host = params.get("HTTP_HOST");
  if (config === "flask-root-debian-params" || request === "absolute-form" || request === "connect") {
    if (host !== undefined) sent.set("host", host);
  }
  return sent;
}

Deno.test("requestHeaders gives the client's header fields when nginx and Apache send what they do", () => {
  for (const one of cases()) {
    if (one.head.startsWith("curl")) continue; // its own fields are not recorded
    const headers = new Headers();
    const flat = requestHeaders(one.params);
    for (let index = 0; index < flat.length; index += 2) {
      headers.append(flat[index] as string, flat[index + 1] as string);
    }
    assertEquals([...headers].length, flat.length / 2, `${one.name}: unique names`);
    // A buffered chunked upload has got a length.
    assertEquals(headers.get("content-length"), contentLength(one.params)?.toString() ?? null, one.name);
    const length = one.headers.find(([name]) => name === "content-length")?.[1];
    if (length !== undefined) assertEquals(headers.get("content-length"), length, one.name);
    headers.delete("content-length");
    assertEquals(Object.fromEntries(headers), Object.fromEntries(sentHeaders(one)), one.name);
  }
});

/** The mount that the web server is configured with, as far as its parameters can tell. */
function knownMount({ server, config, request, target }: Case): string | undefined {
  // SCRIPT_NAME is the first segment, whatever the mount: what option `mount` is for.
  if (config.startsWith("sethandler")) return undefined;
  // SCRIPT_NAME is the whole path.
  if (/^(sloppy|plain)-path$/.test(config)) return "";
  // The same for the mount itself, where PATH_INFO never comes.
  if (`${server} ${config}` === "apache flask-path" && /^[^?]*\/fcgi$/.test(target)) return "";
  // The page's `^(/fcgi)(.*)$` matches no line break: SCRIPT_NAME is the whole path, PATH_INFO is "".
  if (`${server} ${config} ${request}` === "nginx flask-path pct-crlf") return undefined;
  return config.endsWith("-path") || config.startsWith("path-") || config === "unescape-path-unix" ? "/fcgi" : "";
}

Deno.test("findMount finds the configured mount when nginx and Apache send what they do", () => {
  let underPath = 0;
  let withPathInfo = 0;
  for (const one of cases()) {
    const mount = knownMount(one);
    if (mount === undefined) continue;
    const found = findMount(one.params);
    assertEquals(found.scriptName, mount, one.name);
    if (mount !== "") underPath++;
    const url = requestUrl(one.params);
    if (url !== undefined) {
      const { pathname } = new URL(url);
      const rest = mount === "" ? pathname : pathname.replace(/^\/+fcgi(?=\/|$)/, "") || "/";
      assertEquals(stripMount(url, mount), url.replace(pathname, () => rest), one.name);
    }
    // Where PATH_INFO comes and is right, it is ours. Apache leaves %2F in it (AllowEncodedSlashes NoDecode).
    const pathInfo = one.params.get("PATH_INFO");
    if (pathInfo === undefined || pathInfo.includes("%2") || one.config === "php-style") continue;
    const bytes = Uint8Array.from(pathInfo, (char) => char.charCodeAt(0));
    const text = one.request === "pct-invalid-utf8" ? pathInfo : new TextDecoder().decode(bytes);
    // Apache's `unescape` says "/" for the mount itself.
    const expected = one.request === "get-mount-noslash" && mount !== "" ? "" : text;
    assertEquals(found.pathInfo, expected, one.name);
    withPathInfo++;
  }
  assertGreater(underPath, 80);
  assertGreater(withPathInfo, 200);
});
