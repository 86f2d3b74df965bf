import { AutoRouter, cors, error, json, status, StatusError, withCookies, withParams } from "npm:itty-router@6.0.0";
import type { Handler, HandlerInfo } from "@webfcgi/webfcgi";
import { frameworkTest } from "./same_answers.ts";

/** A request as the router's handlers have it: a Proxy. Its declarations say `any`. */
interface Asked extends Request {
  readonly id: string;
  readonly params: Record<string, string>;
  readonly query: Record<string, string | string[]>;
  readonly cookies: Record<string, string>;
}

type Route = (path: string, handle: (request: Asked, info: HandlerInfo) => unknown) => void;
type Router = Record<"get" | "post" | "patch" | "delete" | "all", Route> & { readonly fetch: Handler };

frameworkTest("itty-router", ({ origin, notes }) => {
  const { preflight, corsify } = cors();
  const router = AutoRouter({
    before: [preflight, withParams, withCookies],
    catch: (thrown) => error(thrown instanceof StatusError ? thrown.status : 500, { name: thrown.name }),
    finally: [corsify],
  }) as unknown as Router;
  router.get("/", () => "Hello");
  router.get("/users/:id", ({ id, params, query }) => [id, params, query]);
  router.patch("/users/:id", async (request) => ({ id: request.id, ...await request.json() as object }));
  router.delete("/users/:id", () => status(204));
  router.get(
    "/headers",
    (request) => [Object.fromEntries(request.headers), request.cookies, request.headers.get("X-A")],
  );
  router.get("/cookies", ({ cookies }) => {
    const response = json(cookies);
    response.headers.append("set-cookie", "a=1");
    response.headers.append("set-cookie", "b=2");
    return response;
  });
  router.get("/redirect", ({ url }) => Response.redirect(new URL("/there", url), 303));
  router.get("/error", () => {
    throw new RangeError("broken");
  });
  router.get("/http-error", () => error(418, "teapot"));
  router.get("/stream", () => new Response(new Blob(["one ", "two"]).stream()));
  router.get("/bytes", () => new Response(new Uint8Array([1, 2, 3])));
  router.get("/html", () => new Response("<p>", { headers: { "content-type": "text/html" } }));
  router.get("/empty", () => new Response());
  router.get("/wait", (_, info) => {
    info.waitUntil(Promise.resolve().then(() => notes.push("waited")));
    return info.pathInfo;
  });
  router.get("/url", ({ url, method }) => [url, method]);
  router.get("/upgrade", (request) => error(426, { upgrade: request.headers.get("upgrade") }));
  router.all(
    "/mounted/*",
    (request, info) => router.fetch(new Request("http://inner.example/url", request), info),
  );
  router.all("/proxy/*", (request) => {
    const { pathname, search } = new URL(request.url);
    return fetch(`${origin}${pathname}${search}`, request);
  });
  router.all("/proxy-changed/*", (request) => fetch(new Request(`${origin}/changed`, request)));
  router.post("/json", (request) => request.json());
  router.post("/text", (request) => request.text());
  router.post("/form", async (request) => {
    const entries: unknown[] = [];
    for (const [name, value] of await request.formData()) {
      entries.push([name, typeof value === "string" ? value : [value.name, value.type, await value.text()]]);
    }
    return entries;
  });
  router.post("/body-bytes", async (request) => [...new Uint8Array(await request.arrayBuffer())]);
  router.post("/twice", async (request) => [await request.clone().json(), (await request.blob()).size]);
  router.post("/clone", async (request) => [await request.clone().text(), await request.text()]);
  router.post("/echo", (request) => new Response(request.body));
  router.post("/rewrap", async (request) => {
    const headers = new Headers(request.headers);
    headers.set("x-added", "yes");
    const { url, method, body } = request;
    const added = new Request(url, { method, headers, body, duplex: "half" } as RequestInit);
    return [added.headers.get("x-added"), await added.text(), request.bodyUsed];
  });
  router.post("/unread", () => error(403));
  return router.fetch;
});
