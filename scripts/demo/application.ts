/** The application of the demo: a page that shows what arrived, and what it has to be tried with. */

import type { Handler, HandlerInfo } from "../../mod.ts";
import { page } from "./page.ts";
import { NAME_HEADER, type Relay } from "./relay.ts";

/** How a request that waited was aborted. */
interface Waited {
  readonly afterMs: number;
  readonly reason: string;
}

const EVENTS = 6;
const EVENT_MS = 700;
const MOST_WAIT_MS = 60_000;
const utf8 = new TextEncoder();
const files: Readonly<Record<string, string>> = {
  "page.css": "text/css;charset=utf-8",
  "page.js": "text/javascript;charset=utf-8",
};

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function events(): Response {
  const lines = (async function* (): AsyncGenerator<Uint8Array> {
    for (let count = 1; count <= EVENTS; count++) {
      yield utf8.encode(`data: event ${count} of ${EVENTS}, sent at ${new Date().toISOString().slice(11, 23)}\n\n`);
      if (count < EVENTS) await pause(EVENT_MS);
    }
  })();
  return new Response(ReadableStream.from(lines), { headers: { "content-type": "text/event-stream" } });
}

async function upload({ body }: Request): Promise<Response> {
  let [bytes, chunks] = [0, 0];
  if (body !== null) {
    for await (const chunk of body) [bytes, chunks] = [bytes + chunk.length, chunks + 1];
  }
  return Response.json({ bytes, chunks });
}

/** Makes the application. What it is asked for ends in `/demo/…`, or else is the page. */
export function createApplication(relay: Relay): Handler {
  const waited = new Map<string, Waited>();

  const wait = async ({ signal }: Request, name: string): Promise<Response> => {
    const startMs = performance.now();
    const reason = await new Promise<string>((resolve) => {
      signal.addEventListener("abort", () => resolve(String(signal.reason)), { once: true });
      setTimeout(() => resolve(""), MOST_WAIT_MS);
    });
    if (reason === "") return new Response("nobody aborted this\n");
    waited.set(name, { afterMs: Math.round(performance.now() - startMs), reason });
    return new Response("nobody is there to read this\n");
  };

  return async (request: Request, info: HandlerInfo): Promise<Response> => {
    const url = new URL(request.url);
    const [, what = ""] = /\/demo\/([\w.]+)$/.exec(url.pathname) ?? [];
    const name = url.searchParams.get("of") ?? request.headers.get(NAME_HEADER) ?? "";
    if (Object.hasOwn(files, what)) {
      const text = await Deno.readTextFile(new URL(what, import.meta.url));
      return new Response(text, { headers: { "content-type": files[what]! } });
    }
    switch (what) {
      case "events":
        return events();
      case "upload":
        return upload(request);
      case "wait":
        return wait(request, name);
      case "waited":
        return Response.json(waited.get(name) ?? null);
      case "records":
        return Response.json(relay.find(name) ?? null);
    }
    const ownName = crypto.randomUUID();
    return new Response(page(request, info, ownName), {
      headers: { "content-type": "text/html;charset=utf-8", "cache-control": "no-store", [NAME_HEADER]: ownName },
    });
  };
}
