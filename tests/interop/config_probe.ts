// An application that tells what has arrived: what the tests of configurations ask.

import type { Handler, HandlerInfo } from "../../mod.ts";

/** What the route `tell` answers. */
export interface Told {
  readonly method: string;
  readonly url: string;
  readonly scriptName: string;
  readonly pathInfo: string;
  readonly authorization: string | null;
  readonly long: number;
  readonly remote: string;
  /** The web server's end of the connection. */
  readonly peer: string;
  /** The application's own name. */
  readonly name: string;
}

const routes: Readonly<
  Record<string, (request: Request, info: HandlerInfo, query: URLSearchParams) => Response | Promise<Response>>
> = {
  upload: async (request) => Response.json((await request.arrayBuffer()).byteLength),
  head: (_request, _info, query) =>
    new Response("head", { headers: { "x-long": "h".repeat(Number(query.get("bytes"))) } }),
  silent: async (request, _info, query) => {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Number(query.get("ms")));
      request.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    return new Response("at last");
  },
  // Three pieces, each with the time of its making.
  pieces: (_request, _info, query) => {
    let left = 3;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller): Promise<void> {
        if (left < 3) await new Promise((resolve) => setTimeout(resolve, 250));
        controller.enqueue(new TextEncoder().encode(`${Date.now()}\n`));
        if (--left === 0) controller.close();
      },
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { "content-type": query.get("type") ?? "" } });
  },
  // A response without a length that breaks off, after its beginning had the time to leave.
  break: () => {
    const body = new ReadableStream<Uint8Array>({
      async pull(controller): Promise<void> {
        controller.enqueue(new Uint8Array(20_000));
        await new Promise((resolve) => setTimeout(resolve, 400));
        controller.error(new Error("failed on purpose"));
      },
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { "content-type": "text/plain" } });
  },
  // Two cookies, and what cookies have come.
  cookies: (request) => {
    const headers = [["Set-Cookie", "a=1; Path=/"], ["Set-Cookie", "b=2"]] as [string, string][];
    return new Response(request.headers.get("cookie"), { headers });
  },
  redirect: (request) =>
    new Response(null, { status: 303, headers: { Location: new URL("there?a=b", request.url).href } }),
  unmodified: (request) =>
    request.headers.get("if-none-match") === '"1"'
      ? new Response(null, { status: 304, headers: { ETag: '"1"' } })
      : new Response("content", { headers: { ETag: '"1"' } }),
  auth: (request) => new Response(null, { status: request.headers.has("x-key") ? 204 : 401 }),
};

/** Makes the application, which notes in `seen` what it is asked. A route is the segment of the path that names one. */
export function createProbe(name = "", seen: string[] = []): Handler {
  let left = false;
  return async (request, info) => {
    const { pathname, search, searchParams } = new URL(request.url);
    const segments = pathname.split("/");
    const route = segments.find((segment) => Object.hasOwn(routes, segment));
    seen.push(`${request.method} ${pathname}${search}`);
    if (segments.includes("watch")) request.signal.addEventListener("abort", () => left = true);
    const response = segments.includes("left")
      ? Response.json(left)
      : route === undefined
      ? tell(request, info, name)
      : await routes[route]!(request, info, searchParams);
    response.headers.set("x-probe", "yes");
    return response;
  };
}

function tell(request: Request, info: HandlerInfo, name: string): Response {
  return Response.json(
    {
      method: request.method,
      url: request.url,
      scriptName: info.scriptName,
      pathInfo: info.pathInfo,
      authorization: request.headers.get("authorization"),
      long: request.headers.get("x-long")?.length ?? 0,
      remote: "hostname" in info.remoteAddr ? info.remoteAddr.hostname : "",
      peer: JSON.stringify(info.peerAddr),
      name,
    } satisfies Told,
  );
}
