// The contract handler: what the behaviour tests ask of an application, unchanged on every runtime.

import { createHash } from "node:crypto";
import type { Handler, HandlerInfo } from "../mod.ts";

type Route = (
  request: Request,
  info: HandlerInfo,
  query: URLSearchParams,
  segment: string,
) => Response | Promise<Response>;

/** What became of a request that a test watches, by the key that the test chose. */
interface Watched {
  state: "waiting" | "aborted" | "released" | "failed" | "done";
  cancelled: boolean;
}

/**
 * Makes the handler, with state of its own. It finds its route under any mount: by the first path segment that names one,
 * else by the query's `route`.
 */
export function createApp(): Handler {
  const watched = new Map<string, Watched>();
  const credits = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();
  let requests = 0;

  function watch(query: URLSearchParams, request: Request): Watched {
    const entry: Watched = { state: "waiting", cancelled: false };
    watched.set(query.get("key") ?? "", entry);
    const abort = (): void => void (entry.state = "aborted");
    if (request.signal.aborted) abort();
    else request.signal.addEventListener("abort", abort);
    return entry;
  }

  /** Settles once `/release` has been asked for once more with this key. */
  function released(key: string): Promise<void> {
    const credit = credits.get(key) ?? 0;
    if (credit > 0) {
      credits.set(key, credit - 1);
      return Promise.resolve();
    }
    return new Promise((resolve) => waiting.set(key, [...waiting.get(key) ?? [], resolve]));
  }

  const routes: Record<string, Route> = {
    echo: (request, info) =>
      json({
        method: request.method,
        url: request.url,
        headers: Object.fromEntries([...request.headers].sort(([a], [b]) => a < b ? -1 : 1)),
        scriptName: info.scriptName,
        pathInfo: info.pathInfo,
        requestUri: info.requestUri,
        remoteAddr: info.remoteAddr,
      }),

    "echo-body": (request) => new Response(request.body, { headers: { "content-type": "application/octet-stream" } }),

    upload: async (request, _info, query) => {
      const entry = watch(query, request);
      const hash = createHash("sha256");
      let length = 0;
      try {
        for await (const chunk of request.body ?? []) {
          hash.update(chunk);
          length += chunk.length;
        }
      } catch (error) {
        entry.state = "failed";
        throw error;
      }
      entry.state = "done";
      return json({ length, sha256: hash.digest("hex"), contentLength: request.headers.get("content-length") });
    },

    download: (_request, _info, query) => {
      const total = Number(query.get("bytes") ?? 0);
      const headers = new Headers({ "content-type": "application/octet-stream" });
      if (query.has("length")) headers.set("content-length", String(total));
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller): void {
          if (sent >= total) return controller.close();
          const chunk = pattern(sent, Math.min(65_536, total - sent));
          sent += chunk.length;
          controller.enqueue(chunk);
        },
      });
      return new Response(body, { headers });
    },

    cookies: () => {
      const headers = new Headers({ "content-type": "text/plain" });
      headers.append("set-cookie", "a=1; Path=/");
      headers.append("set-cookie", "b=2; Path=/; HttpOnly");
      return new Response("cookies\n", { headers });
    },

    status: (_request, _info, _query, segment) => {
      const status = Number(segment);
      const headers = { "content-type": "text/plain", "etag": '"one"' };
      return new Response([204, 205, 304].includes(status) ? null : `status ${status}\n`, { status, headers });
    },

    redirect: (_request, _info, query) =>
      new Response(null, {
        status: Number(query.get("status") ?? 302),
        headers: { location: query.get("to") ?? "/" },
      }),

    head: () =>
      new Response("head\n", {
        status: 299,
        statusText: "Fine By Me",
        headers: { "content-type": "text/plain", "x-latin1": "caf\xe9", "x-empty": "" },
      }),

    // Five events: paced by time, or with a key each one after a `/release` of its own.
    events: (_request, _info, query) => {
      const key = query.get("key");
      let next = 1;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller): Promise<void> {
          if (next > 5) return controller.close();
          if (key !== null) await released(key);
          else await new Promise((resolve) => setTimeout(resolve, 50));
          controller.enqueue(new TextEncoder().encode(`data: event ${next++}\n\n`));
        },
      }, { highWaterMark: 0 });
      return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
    },

    // Answers once it was aborted or released, having sent nothing before.
    hang: async (request, _info, query) => {
      const entry = watch(query, request);
      const aborted = new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
      await Promise.race([aborted, released(query.get("key") ?? "")]);
      if (entry.state === "waiting") entry.state = "released";
      return new Response(`${entry.state}\n`, { headers: { "content-type": "text/plain" } });
    },

    // Writes events without an end, until the response's body is cancelled.
    drip: (request, _info, query) => {
      const entry = watch(query, request);
      const body = new ReadableStream<Uint8Array>({
        async pull(controller): Promise<void> {
          await new Promise((resolve) => setTimeout(resolve, 5));
          if (!entry.cancelled) controller.enqueue(new TextEncoder().encode(`: ${"drip ".repeat(800)}\n\n`));
        },
        cancel(): void {
          entry.cancelled = true;
        },
      }, { highWaterMark: 0 });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },

    watched: (_request, _info, query) => json(watched.get(query.get("key") ?? "") ?? null),

    release: (_request, _info, query) => {
      const key = query.get("key") ?? "";
      const resolve = waiting.get(key)?.shift();
      if (resolve) resolve();
      else credits.set(key, (credits.get(key) ?? 0) + 1);
      return new Response("released\n");
    },

    requests: () => json(requests),

    log: (_request, info, query) => {
      info.log(query.get("message") ?? "");
      return new Response("logged\n");
    },

    // Promises 200,000 bytes and fails after half of them; the query says otherwise: how many bytes come before the end, in
    // one piece or in many, what their length is said to be, and whether the body then fails, ends, or never ends.
    break: (_request, _info, query) => {
      const total = Number(query.get("bytes") ?? 100_000);
      const how = query.get("how") ?? "fail";
      const headers = new Headers({ "content-type": "text/plain" });
      if (query.get("length") !== "none") headers.set("content-length", query.get("length") ?? "200000");
      if (query.has("unbuffered")) headers.set("x-accel-buffering", "no");
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller): Promise<void> {
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (sent < total) {
            const chunk = pattern(sent, Math.min(Math.max(10_000, Math.ceil(total / 16)), total - sent));
            sent += chunk.length;
            controller.enqueue(chunk);
          } else if (how === "fail") controller.error(new Error("failed on purpose"));
          else if (how === "end") controller.close();
          else return new Promise(() => {});
        },
      });
      return new Response(body, { headers });
    },

    throw: () => {
      throw new Error("thrown on purpose");
    },
  };

  return (request, info) => {
    requests++;
    const url = new URL(request.url);
    const segments = url.pathname.split("/");
    const index = segments.findIndex((segment) => Object.hasOwn(routes, segment));
    const route = routes[segments[index] ?? url.searchParams.get("route") ?? ""];
    if (!route) return new Response("the application has no such page\n", { status: 404 });
    return route(request, info, url.searchParams, segments[index + 1] ?? "");
  };
}

/** The bytes from `offset` on of an endless, never repeating sequence that every test knows. */
export function pattern(offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const at = offset + i;
    bytes[i] = (at * 31 + (at >>> 8) * 17 + (at >>> 16)) & 255;
  }
  return bytes;
}

function json(value: unknown): Response {
  return new Response(JSON.stringify(value), { headers: { "content-type": "application/json" } });
}
