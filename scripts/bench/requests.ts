/** The requests that servers are loaded with, made beforehand, and the bodies that their responses must have. */

import { FCGI_RESPONDER, FCGI_STDIN, RecordWriter, WebServerConnection } from "../../src/codec.ts";

/** A request, and what must be answered. */
export interface Exchange {
  /** The path of the URL; a query that differs in each request is added. */
  readonly path: string;
  readonly body?: Uint8Array;
  readonly contentType?: string;
  /** How often the body is sent in one request. @default {1} */
  readonly repeat?: number;
  readonly expected: Uint8Array;
  /** How often the expected bytes come in one response. @default {1} */
  readonly again?: number;
}

/** What is sent: a head, a body that may be repeated, and a tail. */
export interface Wire {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly tail: Uint8Array;
}

/** How nginx cuts a body into records. */
const STDIN_BYTES = 32_768;
/** What the load generator puts the number of a request in place of. */
const NUMBER = "0000000000";
const none = new Uint8Array();

const headers = {
  "Host": "www.example.com",
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Language": "en-GB,en;q=0.8,de;q=0.5",
  // None that a server could use: what is measured is the request, not a compressor.
  "Accept-Encoding": "identity",
  "Referer": "https://www.example.com/articles/2026/index.html",
  "Cookie": "session=5c6b0a1d9e3f47288b1d; theme=dark; lang=en",
  "Upgrade-Insecure-Requests": "1",
  "Sec-Fetch-Mode": "navigate",
};

/** The answer of the handler that looks a session up. */
export const sessionAnswer: string = JSON.stringify({
  user: "Ada Lovelace",
  visits: 42,
  accept: headers.Accept,
  language: headers["Accept-Language"],
  agent: headers["User-Agent"],
});

function lengthOf({ body = none, repeat = 1 }: Exchange): string {
  return body.length > 0 ? String(body.length * repeat) : "";
}

/** The parameters that nginx sends for a browser's request: about 970 bytes. */
export function browserParams(exchange: Exchange, script = "/srv/www/index.php"): string[] {
  const { path, contentType = "application/octet-stream" } = exchange;
  const length = lengthOf(exchange);
  const query = `page=2&id=${NUMBER}`;
  const fields = Object.entries(headers).flatMap(([name, value]) => {
    return [`HTTP_${name.toUpperCase().replaceAll("-", "_")}`, value];
  });
  const variables = Object.entries({
    QUERY_STRING: query,
    REQUEST_METHOD: length === "" ? "GET" : "POST",
    CONTENT_TYPE: length === "" ? "" : contentType,
    CONTENT_LENGTH: length,
    SCRIPT_NAME: path,
    REQUEST_URI: `${path}?${query}`,
    DOCUMENT_URI: path,
    DOCUMENT_ROOT: "/srv/www",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_SCHEME: "https",
    HTTPS: "on",
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "nginx/1.22.1",
    REMOTE_ADDR: "192.0.2.17",
    REMOTE_PORT: "54312",
    SERVER_ADDR: "198.51.100.5",
    SERVER_PORT: "443",
    SERVER_NAME: "www.example.com",
    REDIRECT_STATUS: "200",
    SCRIPT_FILENAME: script,
    PATH_INFO: "",
  });
  return [...variables.flat(), ...fields];
}

/** Writes a request in records; `batch` of them without a body, with the ids from 1. */
export function encodeFastCgi(exchange: Exchange, keep: boolean, batch = 1, script?: string): Wire {
  const webServer = new WebServerConnection({
    onStdout() {},
    onStderr() {},
    onEnd: () => {},
    onValues: () => {},
    onUnknownType: () => {},
  });
  const { body } = exchange;
  for (let id = 1; id <= batch; id++) {
    webServer.begin(id, FCGI_RESPONDER, keep);
    webServer.params(id, browserParams(exchange, script));
    if (body === undefined) webServer.stdinEnd(id);
  }
  const head = gather(webServer.writer.take());
  if (body === undefined) return { head, body: none, tail: none };
  const writer = new RecordWriter();
  for (let at = 0; at < body.length; at += STDIN_BYTES) {
    writer.stream(FCGI_STDIN, 1, body.subarray(at, at + STDIN_BYTES));
  }
  const records = gather(writer.take());
  writer.streamEnd(FCGI_STDIN, 1);
  return { head, body: records, tail: gather(writer.take()) };
}

/** Writes a browser's request. */
export function encodeHttp(exchange: Exchange): Wire {
  const length = lengthOf(exchange);
  const head = [
    `${length === "" ? "GET" : "POST"} ${exchange.path}?page=2&id=${NUMBER} HTTP/1.1`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...length === "" ? [] : [`Content-Type: ${exchange.contentType}`, `Content-Length: ${length}`],
    "\r\n",
  ].join("\r\n");
  return { head: new TextEncoder().encode(head), body: exchange.body ?? none, tail: none };
}

/** Makes one piece of memory of several. */
export function gather(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
