/** CGI's meaning as the fuzzer tries it: whatever the parameters or the head, what comes out is well-formed or refused. */

import { isFieldValue, isToken } from "../../src/cgi/field.ts";
import { findMount, mountLocation, stripMount } from "../../src/cgi/mount.ts";
import { Params } from "../../src/cgi/params.ts";
import { contentLength, requestHeader, requestHeaders } from "../../src/cgi/request_headers.ts";
import { requestParams } from "../../src/cgi/request_params.ts";
import { originForm, requestTarget, requestUrl } from "../../src/cgi/request_url.ts";
import { encodeResponseHead } from "../../src/cgi/response_head.ts";
import { findHeadEnd, parseResponseHead } from "../../src/cgi/response_head_parser.ts";
import { ProtocolError } from "../../src/errors.ts";
import captures from "../vectors/captures.json" with { type: "json" };
import { checkOneReading, pathsPastAdmin } from "../cgi/server_reading.ts";
import { mutateBytes, mutatePairs } from "./mutate.ts";
import { must, ofBytes, smallerPairs, type Target } from "./target.ts";
import type { Trace } from "./trace.ts";
import { latin1Bytes, latin1Text } from "../helpers/bytes.ts";

type Pairs = readonly string[];

/** What all targets whose inputs are names and values have in common. Texts may hold what no byte is: JSON keeps it. */
const ofPairs = {
  length: (input: Pairs): number => input.length,
  smaller: smallerPairs,
  toBytes: (input: Pairs): Uint8Array => new TextEncoder().encode(JSON.stringify(input)),
  fromBytes: (bytes: Uint8Array): Pairs => JSON.parse(new TextDecoder().decode(bytes)),
};

const parameterNames = [
  ...["REQUEST_METHOD", "REQUEST_URI", "REQUEST_URI", "REQUEST_URI", "SCRIPT_NAME", "SCRIPT_NAME", "PATH_INFO"],
  ...["PATH_INFO", "QUERY_STRING", "DOCUMENT_URI", "HTTP_HOST", "HTTP_HOST", "HTTPS", "REQUEST_SCHEME", "SERVER_NAME"],
  ...["SERVER_PORT", "SERVER_ADDR", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_COOKIE"],
  ...["HTTP_PROXY", "HTTP_TRANSFER_ENCODING", "HTTP_X_A", "HTTP_x-a", "HTTP_", "HTTP_A B", "HTTP_AUTHORIZATION"],
  ...["REDIRECT_HTTP_AUTHORIZATION", "__proto__", "HTTP___PROTO__", "HTTP_CONSTRUCTOR", "", "toString"],
];
const parameterWords = [
  ..."/ // \\ . .. /.. /./ /../ ? # ; : @ * ^ % %2F %2f %2e %2E%2e %00 %0d%0a %5c %C3%A9 %ff % %2 [ ] [::1] ::1".split(
    " ",
  ),
  ..."http:// https://a.example/b HTTP://A:80/ ftp://x/ //evil.example /fcgi /fcgi/ /fcgi.py /a/b".split(" "),
  ..."user:pw@ :80 :443 :0 :65536 :99999999 xn-- xn--a 0x7f.1 1.2.3.4 256.1.1.1 _ *.example.com ~^www localhost".split(
    " ",
  ),
  ..."on 1 https http GET evil.example example.com 0 -1 1e3 9007199254740993 close a=b; c=d, gzip".split(" "),
  ...[
    "",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\x7f",
    "\x80",
    "\xe9",
    "\xc3\xa9",
    "\xff",
    "\u0100",
    "\u2028",
    "\ud800",
  ],
];

/** The origin that a request must have, whatever its path: that of the same request for `/`. */
function originOf(params: Pairs, target: string): string | undefined {
  const prefix = /^https?:\/\/[^/?#\\]*/i.exec(target)?.[0] ?? "";
  const url = requestUrl(new Params([...params, "REQUEST_URI", prefix + "/"]));
  return url && new URL(url).origin;
}

function checkUrl(pairs: Pairs, params: Params, url: string | undefined, cutSeed: number, trace: Trace): void {
  const target = requestTarget(params);
  const path = originForm(target);
  must(path.startsWith("/"), "originForm gives no path");
  trace.shape(2, path);
  if (url === undefined) return trace.event(3);
  const parsed = new URL(url);
  must(parsed.href === url, "requestUrl is not as the URL standard writes it");
  must(parsed.protocol === "http:" || parsed.protocol === "https:", "requestUrl is neither http nor https");
  must(parsed.username + parsed.password + parsed.hash === "", "requestUrl has credentials or a fragment");
  must(parsed.hostname !== "" && parsed.pathname.startsWith("/"), "requestUrl has no host or no path");
  must(parsed.origin === originOf(pairs, target), "the path changes the origin");
  trace.shape(4, parsed.host);
  if (cutSeed % 4 !== 0) return;
  const again = requestParams({ method: "GET", url, headers: [] });
  must(requestUrl(new Params(again)) === url, "the URL changes on its way through parameters");
}

function checkMount(params: Params, url: string | undefined, cutSeed: number, trace: Trace): void {
  for (const mount of cutSeed % 4 === 2 ? [undefined, "/fcgi"] : [undefined]) {
    const { scriptName, pathInfo } = findMount(params, mount);
    must(scriptName === "" || /^\/.*[^/]$/s.test(scriptName), "scriptName is neither empty nor a path without slash");
    must(pathInfo === "" || pathInfo.startsWith("/"), "pathInfo is neither empty nor a path");
    const path = scriptName + pathInfo;
    must(!/\/\.\.?(?:\/|$)/.test(path), "scriptName and pathInfo have a dot segment");
    trace.shape(mount === undefined ? 5 : 6, `${scriptName === "" ? "" : "a"}/${pathInfo.slice(0, 2)}`);
    if (url === undefined) continue;
    const stripped = stripMount(url, scriptName);
    if (scriptName === "") must(stripped === url, "stripMount changes a URL at the root");
    if (stripped === undefined || stripped === url) continue;
    const [before, after] = [new URL(url), new URL(stripped)];
    must(after.href === stripped, "stripMount gives a URL that is not as the URL standard writes it");
    must(after.origin === before.origin && after.search === before.search, "stripMount changes more than the path");
    must(!after.pathname.startsWith("//"), "stripMount makes a path that begins like a host");
    must(before.pathname.endsWith(after.pathname) || after.pathname === "/", "stripMount makes up a path");
    const back = mountLocation(stripped, scriptName, stripped);
    must(new URL(back).origin === before.origin, "mountLocation leads to another origin");
    const again = mountLocation(back, scriptName, stripped);
    must(again === back, "mountLocation puts the mount twice");
  }
}

/** Whatever nginx or Apache make of the path of an ordinary target. */
function checkReading(params: Params, trace: Trace): void {
  const target = params.get("REQUEST_URI") ?? "";
  if (!/^\/[\0-\xff]*$/.test(target)) return;
  trace.event(checkOneReading(target, "/fcgi") ? 7 : 8);
}

function checkHeaders(params: Params, cutSeed: number, trace: Trace): void {
  const headers = requestHeaders(params);
  must(headers.length % 2 === 0, "a header has no value");
  const names = new Set<string>();
  for (let at = 0; at < headers.length; at += 2) {
    const [name, value] = [headers[at]!, headers[at + 1]!];
    must(isToken(name) && name === name.toLowerCase(), "a header's name is no token in lower case");
    must(isFieldValue(value) && !/[\0\r\n]/.test(value), "a header's value is none");
    must(!names.has(name), "a header comes twice");
    must(
      !/^(?:proxy|connection|transfer-encoding|te|upgrade|keep-alive)$/.test(name),
      "a header that is no one's came",
    );
    names.add(name);
    must(requestHeader(params, name) === value, "requestHeader and requestHeaders disagree");
  }
  for (const [name] of params) {
    const field = name.replace(/^HTTP_/i, "").replaceAll("_", "-");
    const value = requestHeader(params, field);
    must(
      (value === undefined) === !isToken(field),
      "requestHeader takes a name that is no token, or takes none that is",
    );
    must(
      names.has(field.toLowerCase()) === (typeof value === "string"),
      "requestHeader makes a field up, or loses one",
    );
  }
  trace.event(16 + Math.min(names.size, 31));
  const length = contentLength(params);
  must(length === undefined || Number.isSafeInteger(length) && length >= 0, "contentLength is no length");
  must(names.has("content-length") === (length !== undefined), "the header and contentLength disagree");
  if (cutSeed % 16 === 0) {
    new Headers(Array.from({ length: names.size }, (_, at) => headers.slice(2 * at, 2 * at + 2)) as [string, string][]);
  }
}

function checkParams(pairs: Pairs, params: Params): void {
  const object = params.toObject();
  must(params.size * 2 === pairs.length, "parameters are lost");
  for (const [name, value] of Object.entries(object)) must(params.get(name) === value, "get and toObject disagree");
}

function checkRequest(pairs: Pairs, cutSeed: number, trace: Trace): void {
  const params = new Params(pairs);
  trace.shape(1, params.get("REQUEST_URI"));
  const url = requestUrl(params);
  checkUrl(pairs, params, url, cutSeed, trace);
  checkMount(params, url, cutSeed, trace);
  checkHeaders(params, cutSeed, trace);
  if (cutSeed % 4 === 1) checkParams(pairs, params);
  if (cutSeed % 4 === 3) checkReading(params, trace);
  trace.text(url ?? "");
}

const fieldNames = [
  ...[
    "Content-Type",
    "Content-Length",
    "Location",
    "Set-Cookie",
    "Status",
    "status",
    "Connection",
    "X-Accel-Buffering",
  ],
  ...["transfer-encoding", "X-A", "x a", "", "a:", "HTTP", "Variable-REMOTE_USER", "\xe9", "__proto__"],
];
const fieldWords = [
  ..."200 404 OK text/html text/event-stream / http://x/ 5 -1 a=1; no chunked : , HTTP/1.1".split(" "),
  ...[
    "",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\x1f",
    "\x7f",
    "\x80",
    "\xe9",
    "\xff",
    "\u0100",
    "\r\n\r\n<html>",
    "\n\n",
  ],
  ...["\r\nSet-Cookie: evil=1", "Status: 200", "\u010a", "\u2028", "\ud800"],
];

/** The first pair is the status and the reason. */
function checkEncodedHead(pairs: Pairs, cutSeed: number, trace: Trace): void {
  const [status = "", statusText = "", ...flat] = pairs;
  const headers: [string, string][] = [];
  for (let at = 0; at < flat.length; at += 2) headers.push([flat[at]!, flat[at + 1]!]);
  const length = cutSeed % 3 === 0 ? cutSeed : undefined;
  let head: string;
  try {
    head = encodeResponseHead({ status: Number(status), statusText, headers }, { contentLength: length });
  } catch (error) {
    must(
      error instanceof RangeError &&
        !(Number(status) >= 200 && Number(status) <= 599 && Number.isInteger(Number(status))),
      `a head is refused: ${error}`,
    );
    return trace.event(1);
  }
  must(head.endsWith("\r\n\r\n"), "a head does not end with a blank line");
  must(findHeadEnd(latin1Bytes(head)) === head.length, "a head ends before its end");
  const lines = head.slice(0, -4).split("\r\n");
  for (const line of lines) {
    must(line !== "" && /^[\t\x20-\x7e\x80-\xff]+$/.test(line), "a line of a head has what no line may have");
  }
  must(lines.at(-1)!.startsWith(`Status: ${Number(status)} `), "a head's last line is not its status");
  const parsed = parseResponseHead(head);
  must(parsed.status === Number(status), "a head is read with another status");
  must(parsed.headers.length === lines.length - 1, "a head is read with other fields");
  let lengths = 0;
  for (const [name] of parsed.headers) {
    must(!/^(?:status|connection|keep-alive|te|trailer|transfer-encoding|upgrade)$/i.test(name), `a head has ${name}`);
    if (name.toLowerCase() === "content-length") lengths++;
  }
  must(lengths <= 1, "a head has two lengths");
  trace.shape(2, statusText);
  trace.event(3 + Math.min(lines.length, 20));
  trace.shape(4, lines[0]);
  trace.text(head);
}

function checkParsedHead(bytes: Uint8Array, _cutSeed: number, trace: Trace): void {
  const end = findHeadEnd(bytes);
  let searched = 0;
  let found = -1;
  for (let length = 0; found < 0 && length <= bytes.length; length += 1 + length % 5) {
    found = findHeadEnd(bytes.subarray(0, length), searched);
    searched = length;
  }
  if (found < 0) found = findHeadEnd(bytes, searched);
  must(found === end, "the end of a head depends on how it comes");
  trace.event(end < 0 ? 1 : 2);
  let head: ReturnType<typeof parseResponseHead>;
  try {
    head = parseResponseHead(latin1Text(end < 0 ? bytes : bytes.subarray(0, end)));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    must(error.code === "BAD_HEAD", `a ProtocolError has the code ${error.code}`);
    const { message } = error;
    return trace.event(3 + message.length % 2 + (message.includes("colon") ? 2 : message.includes("token") ? 4 : 6));
  }
  must(head.status >= 200 && head.status <= 599, `a status is ${head.status}`);
  for (const [name, value] of head.headers) must(isToken(name) && isFieldValue(value), "a field is none");
  const again = parseResponseHead(encodeResponseHead(head));
  must(again.status === head.status, "a head is read with another status after it was written");
  trace.shape(20, head.statusText);
  trace.event(21 + Math.min(head.headers.length, 40), head.status);
}

const requests = captures.flatMap(({ common, requests }) => requests.map((it) => [...common, ...it.params]));
const heads = [
  "Content-Type: text/html\r\nStatus: 200 OK\r\n\r\n<html>",
  "Status: 404\nContent-type: text/plain\n\nno",
  "Location: /a\r\n\r\n",
  "Set-Cookie: a=1\r\nSet-Cookie: b=2\nX-Empty:\r\nStatus: 500  \t\r\n\r\n",
  "\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\n",
  " folded: x\r\n\r\n",
];

/** The target for parameters. */
export const parametersTarget: Target<Pairs> = {
  ...ofPairs,
  name: "parameters",
  weight: 2,
  seeds: [
    ...requests.filter((_, at) => at % 5 === 0),
    ...pathsPastAdmin.map((path) => ["REQUEST_URI", path, "SCRIPT_NAME", path, "HTTP_HOST", "example.com"]),
  ],
  mutate: mutatePairs(parameterNames, parameterWords),
  check: checkRequest,
};

/** The target for heads that are written. */
export const writtenHeadTarget: Target<Pairs> = {
  ...ofPairs,
  name: "written-head",
  weight: 1,
  seeds: [
    ["200", ""],
    ["200", "OK", "Content-Type", "text/event-stream", "Content-Length", "5"],
    ["302", "Found", "Location", "/", "Set-Cookie", "a=1", "Set-Cookie", "b=2"],
    ["204", "", "Connection", "close", "Status", "200", "Transfer-Encoding", "chunked"],
  ],
  mutate: mutatePairs(fieldNames, fieldWords),
  check: checkEncodedHead,
};

/** The target for heads that are read. */
export const readHeadTarget: Target<Uint8Array> = {
  ...ofBytes,
  name: "read-head",
  weight: 1,
  seeds: heads.map(latin1Bytes),
  mutate: mutateBytes,
  check: checkParsedHead,
};
