/** What each need of a configuration looks like from outside: a check gives back what is wrong, if anything is. */

import {
  mendingLines,
  type Need,
  type StaticFolder,
  type WebServerConfigOptions,
  type WebServerName,
} from "../../src/config.ts";
import { sleep } from "../helpers/waiting.ts";
import type { Told } from "./config_probe.ts";
import {
  header,
  HttpConnection,
  type HttpResponse,
  request,
  type RequestOptions,
  text,
  TruncatedBodyError,
} from "./http_client.ts";

/** A web server with an application behind it. */
export interface Visit {
  readonly server: WebServerName;
  readonly port: number;
  readonly mount: string;
  readonly options: WebServerConfigOptions;
  /** What it should serve itself. */
  readonly folders: readonly StaticFolder[];
  /** Whether what a proxy says is believed. */
  readonly trusts: boolean;
}

/** What a check found wrong. */
type Fault = string | undefined;

/** What lies in each static folder, and beside it. */
export const files = { "hello.txt": "hello from a file\n", "../secret.txt": "not for the world\n" } as const;

/** The largest upload that the options ask for. */
export const uploadLimit: number = 3 * 1024 * 1024;

function ask(visit: Visit, target: string, options?: RequestOptions, method = "GET"): Promise<HttpResponse> {
  return request(visit.port, method, visit.mount + target, options);
}

async function tell(visit: Visit, target = "/a/b", options?: RequestOptions): Promise<Told | number> {
  const response = await ask(visit, target, options);
  return cameFromProbe(response) ? JSON.parse(text(response)) : response.status;
}

function cameFromProbe(response: Pick<HttpResponse, "headers">): boolean {
  return header(response, "x-probe") === "yes";
}

/** Compares a part of what the application tells with what it should be. */
async function told<K extends keyof Told>(
  visit: Visit,
  key: K,
  wanted: Told[K],
  options?: RequestOptions,
): Promise<Fault> {
  const answer = await tell(visit, "/a/b", options);
  if (typeof answer === "number") return `answered ${answer}`;
  return answer[key] === wanted ? undefined : `${key} is ${answer[key]}, not ${wanted}`;
}

async function checkMount(visit: Visit): Promise<Fault> {
  const answer = await tell(visit);
  if (typeof answer === "number") return `answered ${answer}`;
  const { scriptName, pathInfo } = answer;
  return scriptName === visit.mount && pathInfo === "/a/b"
    ? undefined
    : `the mount is "${scriptName}", then ${pathInfo}`;
}

async function checkPrefix(visit: Visit): Promise<Fault> {
  if (visit.mount === "") return undefined;
  const bare = await ask(visit, "?q=1");
  const isIts = cameFromProbe(bare) || bare.status === 301 && header(bare, "location")?.endsWith(`${visit.mount}/?q=1`);
  if (!isIts) return `${visit.mount} is answered ${bare.status}`;
  const below = await tell(visit);
  if (cameFromProbe(bare) && typeof below !== "number") {
    const { scriptName } = JSON.parse(text(bare)) as Told;
    if (scriptName !== below.scriptName) return `the mount of ${visit.mount} itself is "${scriptName}"`;
  }
  return cameFromProbe(await ask(visit, "x/a")) ? `${visit.mount}x is the application's` : undefined;
}

async function checkStatic(visit: Visit): Promise<Fault> {
  for (const { url } of visit.folders) {
    const file = await request(visit.port, "GET", `${url}hello.txt`);
    if (text(file) !== files["hello.txt"]) return `a file of ${url} is answered ${file.status}`;
    if (cameFromProbe(await request(visit.port, "GET", `${url}missing.txt`))) {
      return `the application is asked for ${url}`;
    }
    for (const climb of [`${url.slice(0, -1)}../secret.txt`, `${url}../secret.txt`, `${url}%2e%2e/secret.txt`]) {
      if (text(await request(visit.port, "GET", climb)) === files["../secret.txt"]) return `${climb} leads out`;
    }
  }
  return undefined;
}

async function checkHost(visit: Visit): Promise<Fault> {
  const wanted = `http://localhost:${visit.port}${visit.mount}/a/b`;
  const fault = await told(visit, "url", wanted);
  if (fault !== undefined) return fault;
  // The host of an absolute target is what a web server has chosen the site by.
  const absolute = { headers: [["Host", "evil.test"]] } as const;
  const forged = await request(visit.port, "GET", wanted, absolute);
  const url = cameFromProbe(forged) ? (JSON.parse(text(forged)) as Told).url : "";
  return url.includes("evil.test") && visit.server !== "h2o" ? `a forged Host arrives: ${url}` : undefined;
}

async function checkHttps(visit: Visit): Promise<Fault> {
  const scheme = visit.trusts ? "https" : "http";
  // lighttpd believes the scheme only besides an address.
  const headers = { headers: [["X-Forwarded-For", "198.51.100.7"], ["X-Forwarded-Proto", "https"]] } as const;
  const fault = await told(visit, "url", `${scheme}://localhost:${visit.port}${visit.mount}/a/b`, headers);
  return fault ?? await told(visit, "url", `http://localhost:${visit.port}${visit.mount}/a/b`);
}

async function checkClientAddress(visit: Visit): Promise<Fault> {
  // The first one the client may have made up.
  const headers = { headers: [["X-Forwarded-For", "203.0.113.9, 198.51.100.7"]] } as const;
  const fault = await told(visit, "remote", visit.trusts ? "198.51.100.7" : "127.0.0.1", headers);
  return fault ?? await told(visit, "remote", "127.0.0.1");
}

async function checkEncodedSlash(visit: Visit): Promise<Fault> {
  const answer = await tell(visit, "/a%2Fb");
  if (typeof answer === "number") return `answered ${answer}`;
  return answer.url.endsWith("/a%2Fb") ? undefined : `the URL is ${answer.url}`;
}

async function upload(visit: Visit, size: number): Promise<boolean> {
  const response = await ask(visit, "/upload", { body: new Uint8Array(size) }, "POST");
  return cameFromProbe(response) && Number(text(response)) === size;
}

/** A limit that is written down holds both ways. */
async function checkUpload(visit: Visit): Promise<Fault> {
  if (!await upload(visit, uploadLimit - 1000)) return "an upload within the limit does not arrive";
  const isLimited = mendingLines(visit.server, "upload").lines.length > 0;
  return isLimited && await upload(visit, uploadLimit + 500_000) ? "an upload above the limit arrives" : undefined;
}

async function checkChunked(visit: Visit): Promise<Fault> {
  const pieces = Array.from({ length: 4 }, () => new Uint8Array(25_000));
  const response = await ask(visit, "/upload", { body: pieces }, "POST");
  return cameFromProbe(response) && text(response) === "100000" ? undefined : `answered ${response.status}`;
}

async function checkRequestHead(visit: Visit): Promise<Fault> {
  const length = Number(visit.options.header) - 1000;
  return await told(visit, "long", length, { headers: [["X-Long", "h".repeat(length)]] });
}

async function checkResponseHead(visit: Visit): Promise<Fault> {
  const length = Number(visit.options.header) - 1000;
  const response = await ask(visit, `/head?bytes=${length}`);
  return header(response, "x-long")?.length === length ? undefined : `answered ${response.status}`;
}

/** Whether the pieces of a response arrive when they are made: the last one always does. A busy machine has two more tries. */
async function checkPieces(visit: Visit, type: string): Promise<Fault> {
  let fault: Fault;
  for (let attempt = 0; attempt < 3; attempt++) {
    fault = await checkPiecesOnce(visit, type);
    if (fault === undefined) break;
  }
  return fault;
}

async function checkPiecesOnce(visit: Visit, type: string): Promise<Fault> {
  using connection = await HttpConnection.connect(visit.port);
  const response = await connection.open("GET", `${visit.mount}/pieces?type=${type}`);
  if (!cameFromProbe(response)) return `answered ${response.status}`;
  const delays: number[] = [];
  for await (const piece of response.body) {
    const times = new TextDecoder().decode(piece).trim().split("\n").filter((line) => line !== "");
    for (const time of times) delays.push(Date.now() - Number(time));
  }
  const delay = Math.min(...delays.slice(0, 2));
  return delays.length === 3 && delay < 150 ? undefined : `pieces are ${delays.join(", ")} ms late`;
}

async function checkKept(visit: Visit): Promise<Fault> {
  const peers = new Set<string>();
  for (let count = 0; count < 12; count++) {
    const answer = await tell(visit);
    if (typeof answer === "number") return `answered ${answer}`;
    peers.add(answer.peer);
  }
  // Each of a web server's processes has connections of its own.
  return peers.size <= 6 ? undefined : `12 requests take ${peers.size} connections`;
}

async function checkSlow(visit: Visit): Promise<Fault> {
  const late = Number(visit.options.timeoutSeconds) * 1000 + 2500;
  const [short, long] = await Promise.all([ask(visit, "/silent?ms=1000"), ask(visit, `/silent?ms=${late}`)]);
  if (text(short) !== "at last") return `a second of silence is answered ${short.status}`;
  return text(long) === "at last" ? "silence is not limited" : undefined;
}

/** Whether the handler's signal fires when the client leaves while the handler waits. */
async function checkGone(visit: Visit): Promise<Fault> {
  const connection = await HttpConnection.connect(visit.port);
  await connection.send(`GET ${visit.mount}/watch/silent?ms=1500 HTTP/1.1\r\nHost: localhost:${visit.port}\r\n\r\n`);
  await sleep(300);
  connection.close();
  for (let attempt = 0; attempt < 10; attempt++) {
    await sleep(50);
    if (text(await ask(visit, "/left")) === "true") return undefined;
  }
  return "the signal does not fire";
}

/** Whether the client sees that a response without a length has broken off. */
async function checkBroken(visit: Visit): Promise<Fault> {
  try {
    const response = await ask(visit, "/break");
    return response.status === 200 ? `${response.body.length} bytes arrive as a whole` : undefined;
  } catch (error) {
    if (error instanceof TruncatedBodyError || error instanceof Deno.errors.ConnectionReset) return undefined;
    throw error;
  }
}

/** Cookies, redirects, HEAD and 304, which every web server passes on by itself. */
export async function checkMessages(visit: Visit): Promise<Fault> {
  const faults: string[] = [];
  const must = (what: string, seen: unknown, wanted: unknown): void => {
    const [is, should] = [JSON.stringify(seen), JSON.stringify(wanted)];
    if (is !== should) faults.push(`${what}: ${is}, not ${should}`);
  };
  const cookies = await ask(visit, "/cookies", { headers: [["Cookie", "c=3; d=4"]] });
  must("cookies", text(cookies), "c=3; d=4");
  must("set-cookie", cookies.headers.filter(([name]) => name === "set-cookie").map(([, value]) => value), [
    "a=1; Path=/",
    "b=2",
  ]);
  const redirect = await ask(visit, "/redirect");
  const there = `http://localhost:${visit.port}${visit.mount}/there?a=b`;
  must("redirect", [redirect.status, header(redirect, "location")], [303, there]);
  const known = await ask(visit, "/unmodified", { headers: [["If-None-Match", '"1"']] });
  must("304", [known.status, header(known, "etag"), text(known)], [304, '"1"', ""]);
  const head = await ask(visit, "/unmodified", {}, "HEAD");
  must("HEAD", [head.status, header(head, "etag"), text(head)], [200, '"1"', ""]);
  must("GET", text(await ask(visit, "/unmodified")), "content");
  return faults.length === 0 ? undefined : faults.join("; ");
}

/** What no line has a say in. */
export type Nature = "gone" | "broken";

/** The checks. */
export const checks: Readonly<Record<Exclude<Need, "subrequest"> | Nature, (visit: Visit) => Promise<Fault>>> = {
  address: (visit) => told(visit, "method", "GET"),
  mount: checkMount,
  prefix: checkPrefix,
  static: checkStatic,
  host: checkHost,
  https: checkHttps,
  "client-address": checkClientAddress,
  authorization: (visit) => told(visit, "authorization", "Bearer abc", { headers: [["Authorization", "Bearer abc"]] }),
  "encoded-slash": checkEncodedSlash,
  upload: checkUpload,
  "chunked-upload": checkChunked,
  "request-head": checkRequestHead,
  "response-head": checkResponseHead,
  events: (visit) => checkPieces(visit, "text/event-stream"),
  stream: (visit) => checkPieces(visit, "text/plain"),
  kept: checkKept,
  slow: checkSlow,
  gone: checkGone,
  broken: checkBroken,
};

/** Runs checks, some at a time; gives back what is wrong by name. */
export async function runChecks(
  visit: Visit,
  names: readonly (keyof typeof checks)[],
): Promise<Record<string, string>> {
  const faults = await Promise.all(names.map(async (name) => {
    const fault = await checks[name](visit).catch((error: Error) => `${error.name}: ${error.message}`);
    return [name, fault] as const;
  }));
  return Object.fromEntries(faults.filter((entry): entry is [typeof entry[0], string] => entry[1] !== undefined));
}
