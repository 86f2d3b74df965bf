import {
  basicAuth,
  bodyLimit,
  compress,
  type Context,
  cors,
  csrf,
  etag,
  getCookie,
  Hono,
  HTTPException,
  methodOverride,
  proxy,
  secureHeaders,
  setCookie,
  stream,
  streamSSE,
  validator,
} from "hono";
import type { HandlerInfo } from "@webfcgi/webfcgi";
import { frameworkTest } from "./same_answers.ts";

frameworkTest("Hono", ({ origin, notes }) => {
  const app = new Hono<{ Bindings: { info: HandlerInfo } }>();
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    return c.text(`${error.name}`, 500);
  });
  app.use("/", cors(), etag());
  app.use("/headers", secureHeaders());
  app.use("/etag", etag());
  app.use("/html", compress());
  app.get("/", (c) => c.text("Hello"));
  app.get("/users/:id", (c) => c.json([c.req.param("id"), c.req.queries("sort") ?? null, c.req.query("q") ?? null]));
  app.patch(
    "/users/:id",
    validator("json", (value) => value),
    (c) => c.json({ id: c.req.param(), ...c.req.valid("json") }),
  );
  app.delete("/users/:id", (c) => c.body(null, 204));
  app.get("/headers", (c) => c.json([c.req.header(), getCookie(c), c.req.header("X-A")]));
  app.get("/cookies", (c) => {
    setCookie(c, "a", "1", { path: "/", httpOnly: true });
    setCookie(c, "b", getCookie(c, "seen") ?? "");
    return c.text("set");
  });
  app.get("/redirect", (c) => c.redirect("/there", 303));
  app.get("/error", () => {
    throw new RangeError("broken");
  });
  app.get("/http-error", () => {
    throw new HTTPException(418, { message: "teapot" });
  });
  app.get("/stream", (c) =>
    stream(c, async (out) => {
      await out.write("one ");
      await out.write("two");
    }));
  app.get("/events", (c) =>
    streamSSE(c, async (out) => {
      await out.writeSSE({ data: "a", event: "x", id: "1" });
      await out.writeSSE({ data: "b" });
    }));
  app.get("/bytes", (c) => c.body(new Uint8Array([1, 2, 3]), { headers: { "content-type": "a/b" } }));
  app.get("/html", (c) => c.html("<p>".repeat(500)));
  app.get("/empty", (c) => c.body(null));
  app.get("/etag", (c) => c.text("tagged"));
  app.get("/wait", (c) => {
    c.executionCtx.waitUntil(Promise.resolve().then(() => notes.push("waited")));
    return c.text(c.env.info.params.get("REQUEST_METHOD") ?? "");
  });
  app.get("/url", (c) => c.text(`${c.req.url} ${c.req.path} ${new URL(c.req.raw.url).host}`));
  app.get("/signal", (c) => c.text(String(c.req.raw.signal.aborted)));
  app.get("/upgrade", (c) => c.text(`${c.req.header("upgrade")}`, 426));
  app.mount("/mounted", (request) => new Response(`${request.url} ${request.headers.get("x-a")} ${request.method}`));
  app.all("/proxy/*", (c) => {
    const { pathname, search } = new URL(c.req.url);
    return proxy(`${origin}${pathname}${search}`, c.req);
  });
  app.all("/proxy-changed/*", (c) => fetch(new Request(`${origin}/changed`, c.req.raw), { headers: { "x-a": "2" } }));
  app.post("/json", async (c) => c.json(await c.req.json()));
  app.post("/text", async (c) => c.text(await c.req.text()));
  app.post("/form", async (c) => {
    const entries: unknown[] = [];
    for (const [name, value] of Object.entries(await c.req.parseBody({ all: true }))) {
      entries.push([name, value instanceof File ? [value.name, value.type, await value.text()] : value]);
    }
    return c.json(entries);
  });
  app.post("/body-bytes", async (c) => c.json([...new Uint8Array(await c.req.arrayBuffer())]));
  app.post("/twice", async (c) => c.json([await c.req.json(), await c.req.text(), (await c.req.blob()).size]));
  app.post("/clone", async (c) => {
    const copy = c.req.raw.clone();
    return c.text(`${await copy.text()} ${await c.req.text()} ${c.req.bodyCache === undefined}`);
  });
  app.post("/echo", (c) => new Response(c.req.raw.body, { headers: { "x-echo": "1" } }));
  app.use("/rewrap", async (c: Context, next) => {
    const headers = new Headers(c.req.raw.headers);
    headers.set("x-added", "yes");
    c.req.raw = new Request(c.req.raw, { headers });
    await next();
    c.res = new Response(c.res.body, c.res);
    c.res.headers.set("x-after", "yes");
  });
  app.post("/rewrap", async (c) => c.text(`${c.req.header("x-added")} ${await c.req.text()}`));
  app.post("/limited", bodyLimit({ maxSize: 10 }), async (c) => c.text(await c.req.text()));
  app.post(
    "/unread",
    csrf(),
    methodOverride({ app }),
    basicAuth({ username: "a", password: "b" }),
    (c) => c.text("no"),
  );
  return (request, info) =>
    app.fetch(request, { info }, {
      waitUntil: (promise) => info.waitUntil(promise),
      passThroughOnException() {},
      props: {},
    });
});
