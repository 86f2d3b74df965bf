/** What holds for a handler behind any web server: the checks that a site goes through. */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "../std/assert.ts";
import { pattern } from "../app.ts";
import {
  header,
  HttpConnection,
  type HttpResponse,
  request,
  type RequestOptions,
  text,
  TruncatedBodyError,
} from "./http_client.ts";
import type { Site } from "./sites.ts";
import type { WebServer } from "./web_server.ts";

/** A site that runs. */
export interface Visit {
  readonly site: Site;
  readonly web: WebServer;
}

/** What the route `/echo` tells. */
interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly scriptName: string;
  readonly pathInfo: string;
  readonly requestUri: string;
  readonly remoteAddr: { readonly hostname: string };
}

/** What the file `hello.txt` in the static folder holds. */
export const staticText = "hello from a file\n";

let keys = 0;

function ask({ site, web }: Visit, method: string, target: string, options?: RequestOptions): Promise<HttpResponse> {
  return request(web.port, method, site.mount + target, options);
}

async function echo(visit: Visit, method: string, target: string, options?: RequestOptions): Promise<Echo> {
  const response = await ask(visit, method, target, options);
  assertEquals(response.status, 200, `${method} ${target}: ${text(response)}`);
  return JSON.parse(text(response));
}

/** Asks until the application says what is awaited of a watched request. */
async function watched(
  visit: Visit,
  key: string,
  accepts: (state: string, cancelled: boolean) => boolean,
): Promise<void> {
  let last = "";
  for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
    last = text(await ask(visit, "GET", `/watched?key=${key}`));
    const entry: { state: string; cancelled: boolean } | null = JSON.parse(last);
    if (entry && accepts(entry.state, entry.cancelled)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`The watched request is still ${last}`);
}

/** Waits until the web server's error log has a text. */
async function logged({ web }: Visit, message: string): Promise<void> {
  for (const deadline = Date.now() + 5_000; !(await web.errorLog()).includes(message);) {
    assert(Date.now() < deadline, `the error log lacks "${message}"`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const mebibyte = 1024 * 1024;
const eightMebibytes = pattern(0, 8 * mebibyte);
const eightMebibytesSha256 = await sha256(eightMebibytes);

/** Sends count requests on some connections at once, each used as often as the web server allows. */
async function manyRequests(visit: Visit, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    let connection: HttpConnection | undefined;
    try {
      while (next < count) {
        const number = next++;
        if (!connection?.reusable) {
          connection?.close();
          connection = await HttpConnection.connect(visit.web.port);
        }
        const [method, options] = number % 5 === 4
          ? ["POST", { body: pattern(0, number) }] as const
          : ["GET", {}] as const;
        const response = await connection.request(method, `${visit.site.mount}/echo?number=${number}`, options);
        assertEquals(response.status, 200, `request ${number}`);
        assertStringIncludes(text(response), `/echo?number=${number}"`);
      }
    } finally {
      connection?.close();
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

const mainChecks: Readonly<Record<string, (visit: Visit) => Promise<void>>> = {
  "gives every method to the handler": async (visit) => {
    for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "PURGE"]) {
      const options = method === "GET" ? {} : { body: pattern(0, 10) };
      assertEquals((await echo(visit, method, "/echo", options)).method, method);
    }
    using connection = await HttpConnection.connect(visit.web.port);
    const response = await connection.request("HEAD", `${visit.site.mount}/echo`);
    assertEquals([response.status, header(response, "content-type")], [200, "application/json"]);
    // A body sent in spite of HEAD would be taken for this answer.
    assertEquals((await connection.request("GET", `${visit.site.mount}/status/418`)).status, 418);
  },

  "gives the headers to the handler": async (visit) => {
    const { headers, remoteAddr } = await echo(visit, "POST", "/echo", {
      headers: [
        ["X-Custom", "a, b"],
        ["X-Twice", "1"],
        ["X-Twice", "2"],
        ["X-Latin1", "caf\xe9"],
        ["Cookie", "a=1; b=2"],
        ["Content-Type", "text/plain; charset=utf-8"],
        ["Authorization", "Basic eDp5"],
        ["Proxy", "http://proxy.example/"],
      ],
      body: pattern(0, 3),
    });
    assertEquals(headers["x-custom"], "a, b");
    assertEquals(headers["x-twice"], "1, 2");
    assertEquals(headers["x-latin1"], "caf\xe9");
    assertEquals(headers["cookie"], "a=1; b=2");
    assertEquals(headers["content-type"], "text/plain; charset=utf-8");
    assertEquals(headers["content-length"], "3");
    assertEquals(headers["host"], `localhost:${visit.web.port}`);
    const reason = visit.site.cannot.passAuthorization;
    assertEquals(headers["authorization"], reason ? undefined : "Basic eDp5", reason);
    assertEquals(headers["proxy"], undefined);
    assertEquals(headers["connection"], undefined);
    assertEquals(remoteAddr.hostname, "127.0.0.1");
  },

  "gives the URL to the handler as the client wrote it": async (visit) => {
    const { site, web } = visit;
    const utf8 = String.fromCharCode(...new TextEncoder().encode("é"));
    const targets = [
      "/echo",
      "/echo/",
      "/echo?",
      "/echo?a=1&b=%20x+y&c&&d==%2F",
      "/echo/a%20b",
      "/echo/%C3%A9",
      `/echo/${utf8}`,
      "/echo//a//b",
      "/echo/a;b=1,c",
      "/echo/a+b@c:d",
      "/echo/%252F",
      "/?route=echo",
      ...site.mount === "" ? ["//echo//x"] : [],
    ];
    for (const target of targets) {
      const told = await echo(visit, "GET", target);
      const written = site.mount + target;
      assertEquals(told.url, `http://localhost:${web.port}${written.replace(utf8, "%C3%A9")}`, target);
      if (!target.includes(utf8)) assertEquals(told.requestUri, written);
      const mount = site.cannot.tellMount ? "" : site.mount;
      assertEquals(told.scriptName, mount, `${target}: ${site.cannot.tellMount}`);
      if (target.includes("//")) continue;
      const path = decodeURIComponent(written.replace(utf8, "%C3%A9").split("?")[0] ?? "");
      assertEquals(told.pathInfo, path.slice(mount.length), target);
    }
  },

  "gives %2F to the handler undecoded": async (visit) => {
    const { site, web } = visit;
    const response = await ask(visit, "GET", "/echo/a%2Fb?%2F");
    const reason = site.cannot.passEncodedSlash;
    if (reason) {
      assertEquals(response.status, 404, reason);
      assert(!text(response).includes("the application"), reason);
      return;
    }
    const told: Echo = JSON.parse(text(response));
    assertEquals(told.url, `http://localhost:${web.port}${site.mount}/echo/a%2Fb?%2F`);
    assertEquals(told.scriptName, site.cannot.tellMount ? "" : site.mount);
  },

  "knows the mount when exactly the mount is asked for": async (visit) => {
    const { mount, cannot } = visit.site;
    if (mount === "") return;
    const response = await ask(visit, "GET", "?route=echo");
    if (response.status === 301) {
      // nginx itself adds the slash to the name of a "location /fcgi/".
      assertEquals(header(response, "location"), `http://localhost:${visit.web.port}${mount}/?route=echo`);
      return;
    }
    const told: Echo = JSON.parse(text(response));
    assertEquals(told.url, `http://localhost:${visit.web.port}${mount}?route=echo`);
    const reason = cannot.tellMount ?? cannot.tellBareMount;
    assertEquals([told.scriptName, told.pathInfo], reason ? ["", mount] : [mount, ""], reason);
  },

  "takes uploads whole": async (visit) => {
    const whole = { length: eightMebibytes.length, sha256: eightMebibytesSha256 };
    const { contentLength, ...plain } = JSON.parse(text(await ask(visit, "POST", "/upload", { body: eightMebibytes })));
    assertEquals(plain, whole);
    assertEquals(contentLength, String(eightMebibytes.length));
    const pieces = Array.from({ length: 24 }, (_, index) => pattern(index * 100_000, 100_000));
    const chunked = JSON.parse(text(await ask(visit, "PUT", "/upload", { body: pieces })));
    assertEquals([chunked.length, chunked.sha256], [2_400_000, await sha256(pattern(0, 2_400_000))]);
    const empty = JSON.parse(text(await ask(visit, "POST", "/upload", { body: new Uint8Array(0) })));
    assertEquals([empty.length, empty.sha256], [0, await sha256(new Uint8Array(0))]);
    const echoed = await ask(visit, "POST", "/echo-body", { body: pattern(0, 3000) });
    assertEquals(echoed.body, pattern(0, 3000));
  },

  "sends downloads whole": async (visit) => {
    for (const query of ["", "&length"]) {
      const response = await ask(visit, "GET", `/download?bytes=${eightMebibytes.length}${query}`);
      assertEquals([response.status, response.body.length], [200, eightMebibytes.length]);
      assertEquals(await sha256(response.body), eightMebibytesSha256);
    }
    const head = await ask(visit, "HEAD", "/download?bytes=1000&length");
    assertEquals([head.status, head.body.length], [200, 0]);
  },

  "sends status, reason and headers as the handler made them": async (visit) => {
    const cookies = await ask(visit, "GET", "/cookies");
    assertEquals(cookies.headers.filter(([name]) => name === "set-cookie").map(([, value]) => value), [
      "a=1; Path=/",
      "b=2; Path=/; HttpOnly",
    ]);
    for (const status of [200, 201, 202, 204, 304, 400, 401, 403, 404, 410, 418, 500, 503]) {
      const response = await ask(visit, "GET", `/status/${status}`);
      assertEquals(response.status, status);
      assertEquals(text(response), [204, 304].includes(status) ? "" : `status ${status}\n`);
      assertEquals(header(response, "etag"), '"one"');
    }
    const head = await ask(visit, "GET", "/head");
    assertEquals([head.status, head.reason, text(head)], [299, "Fine By Me", "head\n"]);
    assertEquals(header(head, "x-latin1"), "caf\xe9");
  },

  "sends redirects to the client": async (visit) => {
    const origin = `http://localhost:${visit.web.port}`;
    for (const status of [301, 302, 303, 307, 308]) {
      for (const to of ["/fcgi/else?a=1", "https://example.com/else?a=1"]) {
        const response = await ask(visit, "GET", `/redirect?status=${status}&to=${encodeURIComponent(to)}`);
        assertEquals(response.status, status);
        // nginx makes an absolute URL of a path.
        assertEquals(new URL(header(response, "location") ?? "", origin).href, new URL(to, origin).href);
      }
    }
  },

  "answers 500 without detail when the handler throws": async (visit) => {
    const response = await ask(visit, "GET", "/throw");
    assertEquals(response.status, 500);
    assert(!text(response).includes("purpose"), text(response));
    await logged(visit, "thrown on purpose");
  },

  "sends events as they come": async (visit) => {
    const { site, web } = visit;
    const key = `events${keys++}`;
    const release = async (): Promise<void> => void await ask(visit, "GET", `/release?key=${key}`);
    using connection = await HttpConnection.connect(web.port);
    await release();
    if (site.cannot.stream) { for (let i = 0; i < 4; i++) await release(); }
    const response = await connection.open("GET", `${site.mount}/events?key=${key}`);
    assertEquals(header(response, "content-type"), "text/event-stream");
    let received = "";
    let events = 0;
    for await (const piece of response.body) {
      received += new TextDecoder().decode(piece);
      // The handler makes the next event when the one before has arrived here, and not earlier.
      while (received.includes(`data: event ${events + 1}\n\n`)) {
        events++;
        if (!site.cannot.stream && events < 5) await release();
      }
    }
    assertEquals(received, [1, 2, 3, 4, 5].map((number) => `data: event ${number}\n\n`).join(""), site.cannot.stream);
  },

  "leaves static files to the web server": async (visit) => {
    if (!visit.site.directives.includes("/static/")) return;
    const requests = async (): Promise<number> => Number(text(await ask(visit, "GET", "/requests")));
    const before = await requests();
    const file = await request(visit.web.port, "GET", "/static/hello.txt");
    assertEquals([file.status, text(file)], [200, staticText]);
    const missing = await request(visit.web.port, "GET", "/static/missing.txt");
    assertEquals(missing.status, 404);
    assertEquals(await requests(), before + 1, "only the counting request itself came to the application");
  },

  "writes the handler's messages to the web server's error log": async (visit) => {
    const message = `message ${keys++} of the handler`;
    assertEquals((await ask(visit, "GET", `/log?message=${encodeURIComponent(message)}`)).status, 200);
    await logged(visit, message);
    const errors = (await visit.web.errorLog()).split("\n").filter((line) =>
      /[[:](error|crit|alert|emerg)\]/.test(line) && !/of the handler|missing\.txt|sent in stderr|Got error/.test(line)
    );
    assertEquals(errors, [], "nothing else went wrong");
  },

  "breaks the client's transfer when the response fails after its head": async (visit) => {
    const error = await assertRejects(() => ask(visit, "GET", "/break"));
    assertInstanceOf(error, TruncatedBodyError, String(error));
    assertEquals((await ask(visit, "GET", "/status/200")).status, 200);
  },

  "tells the handler that the client left while it waits": async (visit) => {
    const { site, web } = visit;
    const key = `hang${keys++}`;
    {
      using connection = await HttpConnection.connect(web.port);
      await connection.send(`GET ${site.mount}/hang?key=${key} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await watched(visit, key, (state) => state === "waiting");
    }
    const reason = site.cannot.tellAbortWhileWaiting;
    if (reason) await ask(visit, "GET", `/release?key=${key}`);
    await watched(visit, key, (state) => state === (reason ? "released" : "aborted"));
  },

  "tells the handler that the client left while it writes": async (visit) => {
    const { site, web } = visit;
    const key = `drip${keys++}`;
    {
      using connection = await HttpConnection.connect(web.port);
      const response = await connection.open("GET", `${site.mount}/drip?key=${key}`);
      for await (const piece of response.body) if (piece.length > 0) break;
    }
    await watched(visit, key, (state, cancelled) => state === "aborted" && cancelled);
  },

  "tells the handler that the client left in the upload": async (visit) => {
    const { site, web } = visit;
    // nginx keeps an upload to itself until it is whole.
    if (site.kind === "nginx" && !site.directives.includes("fastcgi_request_buffering off")) return;
    const key = `upload${keys++}`;
    {
      using connection = await HttpConnection.connect(web.port);
      const head =
        `POST ${site.mount}/upload?key=${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n`;
      await connection.send(head);
      await connection.send(pattern(0, 500_000));
      await watched(visit, key, (state) => state === "waiting");
    }
    await watched(visit, key, (state) => state === "failed");
  },
};

/** Takes a site through every check, each a step of the test. */
export async function checkSite(t: Deno.TestContext, visit: Visit, requests: number): Promise<void> {
  const checks = {
    ...mainChecks,
    [`answers ${requests} requests on kept connections`]: (): Promise<void> => manyRequests(visit, requests),
  };
  for (const [name, check] of Object.entries(checks)) {
    await t.step(name, async () => {
      try {
        await check(visit);
      } catch (error) {
        console.error(`error log of ${visit.site.kind}:\n${(await visit.web.errorLog()).slice(-2000)}`);
        throw error;
      }
    });
  }
}
