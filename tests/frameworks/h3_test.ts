import * as h3 from "npm:h3@2.0.8/generic";
import * as v1 from "npm:h3@1.15.11";
import { frameworkTest } from "./same_answers.ts";

frameworkTest("h3", ({ origin, notes }) => {
  const app = new h3.H3({ onError: (error) => void notes.push(error.message), silent: true });
  app.use("/", (event, next) => {
    event.res.headers.set("x-before", "yes");
    return next();
  });
  app.get("/", () => "Hello");
  app.get("/users/:id", (event) => [h3.getRouterParams(event, { decode: true }), h3.getQuery(event)]);
  app.patch("/users/:id", async (event) => ({ id: event.context.params, ...await event.req.json() }));
  app.delete("/users/:id", (event) => h3.noContent(event as unknown as undefined));
  app.get(
    "/headers",
    (event) => [Object.fromEntries(event.req.headers), h3.parseCookies(event), h3.getRequestIP(event)],
  );
  app.get("/cookies", (event) => {
    h3.setCookie(event, "a", "1");
    h3.setCookie(event, "b", h3.getCookie(event, "seen") ?? "");
    return "set";
  });
  app.get("/redirect", () => h3.redirect("/there", 303));
  app.get("/error", () => {
    throw new RangeError("broken");
  });
  app.get("/http-error", () => {
    throw new h3.HTTPError({ status: 418, message: "teapot" });
  });
  app.get("/stream", () => new Blob(["one ", "two"]).stream());
  app.get("/events", (event) => {
    const events = h3.createEventStream(event);
    events.push({ id: "1", event: "x", data: "a" }).then(() => events.close());
    return events.send();
  });
  app.get("/bytes", () => new Uint8Array([1, 2, 3]));
  app.get("/html", () => h3.html`<p>`);
  app.get("/empty", () => null);
  app.get("/etag", (event) => h3.handleCacheHeaders(event, { etag: '"1"', maxAge: 10 }) ? "" : "tagged");
  app.get("/wait", (event) => {
    event.waitUntil(Promise.resolve().then(() => notes.push("waited")));
    return "waiting";
  });
  app.get("/url", (event) => [event.url.href, h3.getRequestURL(event).href, h3.getRequestHost(event), event.req.url]);
  app.get(
    "/upgrade",
    (event) => h3.isMethod(event, "GET") && new Response(event.req.headers.get("upgrade"), { status: 426 }),
  );
  app.mount("/mounted", (request: Request) => new Response(`${request.url} ${request.headers.get("x-a")}`));
  app.all("/proxy/**", (event) => h3.proxyRequest(event, `${origin}${event.url.pathname}${event.url.search}`));
  app.all("/proxy-changed/**", (event) => fetch(new Request(`${origin}/changed`, event.req)));
  app.post("/json", (event) => h3.readBody(event));
  app.post("/text", (event) => event.req.text());
  app.post("/form", async (event) => {
    const entries: unknown[] = [];
    for (const [name, value] of await event.req.formData()) {
      entries.push([name, typeof value === "string" ? value : [value.name, value.type, await value.text()]]);
    }
    return entries;
  });
  app.post("/body-bytes", async (event) => [...new Uint8Array(await event.req.arrayBuffer())]);
  app.post("/clone", async (event) => [await event.req.clone().text(), await event.req.text()]);
  app.post("/echo", (event) => event.req.body);
  app.post("/rewrap", async (event) => {
    const added = new Request(event.req, { headers: { "x-added": "yes" } });
    return [added.headers.get("x-added"), await added.text(), event.req.bodyUsed];
  });
  app.post("/limited", async (event) => {
    await h3.assertBodySize(event, 10);
    return event.req.text();
  });
  return (request) => app.fetch(request);
});

frameworkTest("h3 1", ({ origin, notes }) => {
  const app = v1.createApp({ onError: (error) => void notes.push(error.message) });
  const router = v1.createRouter();
  router.get("/", v1.eventHandler(() => "Hello"));
  router.get(
    "/users/:id",
    v1.eventHandler((event) => [v1.getRouterParams(event, { decode: true }), v1.getQuery(event)]),
  );
  router.get("/headers", v1.eventHandler((event) => [v1.getRequestHeaders(event), v1.parseCookies(event)]));
  router.get(
    "/cookies",
    v1.eventHandler((event) => {
      v1.setCookie(event, "a", "1");
      v1.setCookie(event, "b", v1.getCookie(event, "seen") ?? "");
      return "set";
    }),
  );
  router.get("/redirect", v1.eventHandler((event) => v1.sendRedirect(event, "/there", 303)));
  router.get(
    "/error",
    v1.eventHandler(() => {
      throw new RangeError("broken");
    }),
  );
  router.get(
    "/http-error",
    v1.eventHandler(() => {
      throw v1.createError({ statusCode: 418, statusMessage: "teapot" });
    }),
  );
  router.get("/stream", v1.eventHandler(() => new Blob(["one ", "two"]).stream()));
  router.get("/bytes", v1.eventHandler(() => new Uint8Array([1, 2, 3])));
  router.get("/empty", v1.eventHandler(() => null));
  router.get("/url", v1.eventHandler((event) => v1.getRequestURL(event).href));
  router.use("/proxy/**", v1.eventHandler((event) => v1.proxyRequest(event, `${origin}${event.path}`)));
  router.post("/json", v1.eventHandler((event) => v1.readBody(event)));
  router.post("/text", v1.eventHandler((event) => v1.readRawBody(event)));
  router.post(
    "/form",
    v1.eventHandler(async (event) => {
      const entries: unknown[] = [];
      for (const [name, value] of await v1.readFormData(event)) {
        entries.push([name, typeof value === "string" ? value : [value.name, value.type, await value.text()]]);
      }
      return entries;
    }),
  );
  router.post("/echo", v1.eventHandler((event) => v1.getRequestWebStream(event)));
  app.use(router);
  const handle = v1.toWebHandler(app);
  return (request) => handle(request);
});
