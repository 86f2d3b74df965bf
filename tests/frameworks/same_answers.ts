/**
 * An application of a framework, asked the same with the runtime's own Request, with ours, and with ours and
 * `fastResponse`: the answers must be the same, byte by byte.
 */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Handler, serve } from "@webfcgi/webfcgi";
import { assertEquals } from "../std/assert.ts";
import { inScene, type SceneOptions } from "../server/scene.ts";
import type { AskOptions } from "../server/web_server.ts";

/** What an application is made for. */
export interface Surroundings {
  /** An HTTP server that tells what it was asked. */
  readonly origin: string;
  /** What the application notes, to be compared as well. */
  readonly notes: unknown[];
}

const BOUNDARY = "----webfcgi";
const multipart = [
  `--${BOUNDARY}`,
  'Content-Disposition: form-data; name="name"',
  "",
  "Anna \u00e9",
  `--${BOUNDARY}`,
  'Content-Disposition: form-data; name="file"; filename="a.txt"',
  "Content-Type: text/plain",
  "",
  "line 1\r\nline 2",
  `--${BOUNDARY}--`,
  "",
].join("\r\n");

const get = (uri: string, params: AskOptions["params"] = {}): AskOptions => ({ uri, params });
const post = (uri: string, CONTENT_TYPE: string, body: string, method = "POST"): AskOptions => ({
  ...{ method, uri, body },
  params: { CONTENT_TYPE, HTTP_X_A: "1" },
});

/** What every application is asked; the routes that it has not make its answer to what is not found. */
const asks: readonly AskOptions[] = [
  get("/"),
  { uri: "/", method: "HEAD" },
  { uri: "/", method: "OPTIONS" },
  { uri: "/", method: "PROPFIND" },
  get("/", { HTTP_ORIGIN: "http://other.example", HTTP_ACCEPT_ENCODING: "gzip", HTTP_IF_NONE_MATCH: '"1"' }),
  get("/missing/%2F/page"),
  get("/users/42?sort=a&sort=b&q=%C3%A9+x"),
  get("/users/J%C3%BCrgen%20M"),
  get("/headers", { HTTP_X_A: "1", HTTP_COOKIE: 'a=1; b=%20x; c="3"', HTTP_ACCEPT: "text/html;q=0.5, */*" }),
  get("/cookies", { HTTP_COOKIE: "seen=yes; other=1" }),
  get("/redirect"),
  get("/error"),
  get("/http-error"),
  get("/stream"),
  get("/events"),
  get("/bytes"),
  get("/html"),
  get("/html", { HTTP_ACCEPT_ENCODING: "gzip" }),
  get("/empty"),
  get("/etag"),
  get("/etag", { HTTP_IF_NONE_MATCH: "*" }),
  get("/wait"),
  get("/url"),
  get("/signal"),
  get("/upgrade", {
    HTTP_UPGRADE: "websocket",
    HTTP_CONNECTION: "Upgrade",
    HTTP_SEC_WEBSOCKET_KEY: "a",
    HTTP_SEC_WEBSOCKET_VERSION: "13",
  }),
  get("/mounted/deep/path?x=1", { HTTP_X_A: "1" }),
  get("/proxy/a?b=c", { HTTP_X_A: "1" }),
  post("/proxy/a", "text/plain", "through"),
  post("/proxy-changed/a", "text/plain", "through", "PUT"),
  post("/json", "application/json", '{"a":[1,"\u00e9"]}'),
  post("/json", "application/json", "{"),
  post("/json", "application/json", ""),
  post("/text", "text/plain;charset=utf-8", "caf\u00e9"),
  post("/form", "application/x-www-form-urlencoded", "a=1&a=2&b=x+y%20z"),
  post("/form", `multipart/form-data; boundary=${BOUNDARY}`, multipart),
  post("/form", "text/plain", "no form"),
  post("/body-bytes", "application/octet-stream", "\0\x01\x02"),
  post("/twice", "application/json", '{"a":1}'),
  post("/clone", "text/plain", "copied"),
  post("/echo", "text/plain", "x".repeat(100_000)),
  post("/rewrap", "text/plain", "wrapped"),
  post("/limited", "text/plain", "x".repeat(100)),
  post("/limited", "text/plain", "x"),
  post("/unread", "text/plain", "x".repeat(1000)),
  post("/users/42", "application/json", '{"name":"Anna"}', "PATCH"),
  post("/users/42", "application/json", "", "DELETE"),
];

/** Defines the test of an application. */
export function frameworkTest(framework: string, makeApp: (surroundings: Surroundings) => Handler): void {
  Deno.test(`${framework} answers as it does to the runtime's own Request`, async () => {
    // Only then has Bun's Response a Content-Type, with whatever Request.
    await serve({ port: 0, quiet: true }, () => new Response()).close();
    const AdoptedResponse = Response;
    const { error } = console;
    // Frameworks write to the console what a route throws.
    console.error = () => {};
    const backend = await startBackend();
    try {
      const native = await answersOf(makeApp, backend.origin, { request: "native" });
      const own = await answersOf(makeApp, backend.origin, {});
      for (const [i, answered] of native.entries()) assertEquals(own[i], answered);
      const fast = await answersOf(makeApp, backend.origin, { fastResponse: true });
      for (const [i, answered] of native.entries()) assertEquals(inOrder(fast[i]!), inOrder(answered));
    } finally {
      console.error = error;
      globalThis.Response = AdoptedResponse;
      Response.prototype.constructor = AdoptedResponse;
      await backend.close();
    }
  });
}

interface Answered {
  readonly asked: string;
  readonly head: string;
  readonly text: string;
  readonly notes: unknown;
}

async function answersOf(
  makeApp: (surroundings: Surroundings) => Handler,
  origin: string,
  options: SceneOptions,
): Promise<Answered[]> {
  const notes: unknown[] = [];
  const answers: Answered[] = [];
  await inScene({ ...options, fetch: makeApp({ origin, notes }) }, async ({ connect, errors }) => {
    const web = await connect();
    for (const ask of asks) {
      const { head, text } = await web.ask(ask).answer();
      const told = [...notes.splice(0), ...errors.splice(0).map(String)];
      answers.push({ asked: `${ask.method ?? "GET"} ${ask.uri}`, head, text, notes: told });
    }
  });
  return answers;
}

/** Without what only the order of header fields tells. */
function inOrder(answered: Answered): unknown {
  return { ...answered, head: answered.head.toLowerCase().split("\r\n").sort() };
}

async function startBackend(): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const http = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => body += chunk).on("end", () => {
      response.sendDate = false;
      response.setHeader("connection", "close");
      response.setHeader("x-seen", String(request.headers["x-a"]));
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      response.end(`${request.method} ${request.url} ${request.headers["content-type"]} ${body}`);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async close(): Promise<void> {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
