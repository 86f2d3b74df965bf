/**
 * The same small application in each framework: a route, JSON, a form, an upload, a redirect, cookies, events, and a
 * request that waits until it is aborted. Each is made for a base path, which is `""` at the root.
 */

import { initTRPC, tracked } from "npm:@trpc/server@11.25.2";
import { fetchRequestHandler } from "npm:@trpc/server@11.25.2/adapters/fetch";
import { Elysia } from "npm:elysia@1.4.30";
import express from "npm:express@5.3.0";
import fastify from "npm:fastify@5.12.8";
import { createSchema, createYoga } from "npm:graphql-yoga@5.24.1";
import * as h3 from "npm:h3@2.0.8/generic";
import { AutoRouter } from "npm:itty-router@6.0.0";
import { createRequestHandler, redirect } from "npm:react-router@8.5.1";
import { toFetchHandler } from "npm:srvx@1.0.8/node";

import { getCookie, Hono, setCookie, streamSSE } from "hono";

/** The names of the waiting requests that were aborted. */
export const aborted = new Set();

/** Three events, with a pause before each that is long enough to tell them apart. */
async function* events() {
  for (const event of ["one", "two", "three"]) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    yield event;
  }
}

function eventStream() {
  const stream = ReadableStream.from(events()).pipeThrough(
    new TransformStream({
      transform: (event, controller) => controller.enqueue(`data: ${event}\n\n`),
    }),
  );
  return new Response(stream.pipeThrough(new TextEncoderStream()), {
    headers: { "content-type": "text/event-stream" },
  });
}

/** Waits until a request is aborted, and notes its name. */
async function waitForAbort(request) {
  const name = new URL(request.url).searchParams.get("name") ?? "";
  await new Promise((resolve) => request.signal.addEventListener("abort", resolve, { once: true }));
  aborted.add(name);
  return new Response("too late");
}

async function uploaded(form) {
  const file = form.get("file");
  return { title: form.get("title"), name: file.name, size: file.size, sum: sumOf(await file.bytes()) };
}

function sumOf(bytes) {
  return bytes.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0);
}

const withHono = (base) => {
  const app = new Hono().basePath(base);
  app.get("/users/:id", (c) => c.json({ id: c.req.param("id"), a: c.req.query("a"), url: c.req.url }));
  app.post("/json", async (c) => c.json({ n: (await c.req.json()).n + 1 }));
  app.post("/form", async (c) => c.json(await c.req.parseBody()));
  app.post("/upload", async (c) => c.json(await uploaded(await c.req.formData())));
  app.get("/redirect", (c) => c.redirect(`${base}/users/7?a=b`));
  app.get("/cookies", (c) => {
    setCookie(c, "b", "2");
    setCookie(c, "c", "3");
    return c.json({ a: getCookie(c, "a") });
  });
  app.get("/events", (c) =>
    streamSSE(c, async (stream) => {
      for await (const data of events()) await stream.writeSSE({ data });
    }));
  app.get("/slow", (c) => waitForAbort(c.req.raw));
  return (request) => app.fetch(request);
};

const withH3 = (base) => {
  const app = new h3.H3();
  const id = (event) => h3.getRouterParam(event, "id");
  app.get(`${base}/users/:id`, (event) => ({ id: id(event), a: h3.getQuery(event).a, url: event.req.url }));
  app.post(`${base}/json`, async (event) => ({ n: (await event.req.json()).n + 1 }));
  app.post(`${base}/form`, async (event) => Object.fromEntries(await event.req.formData()));
  app.post(`${base}/upload`, async (event) => uploaded(await event.req.formData()));
  app.get(`${base}/redirect`, () => h3.redirect(`${base}/users/7?a=b`));
  app.get(`${base}/cookies`, (event) => {
    h3.setCookie(event, "b", "2");
    h3.setCookie(event, "c", "3");
    return { a: h3.getCookie(event, "a") };
  });
  app.get(`${base}/events`, (event) => {
    const stream = h3.createEventStream(event);
    (async () => {
      for await (const data of events()) await stream.push(data);
      await stream.close();
    })();
    return stream.send();
  });
  app.get(`${base}/slow`, (event) => waitForAbort(event.req));
  return (request) => app.fetch(request);
};

const withItty = (base) => {
  const router = AutoRouter({ base });
  router.get("/users/:id", ({ params, query, url }) => ({ id: params.id, a: query.a, url }));
  router.post("/json", async (request) => ({ n: (await request.json()).n + 1 }));
  router.post("/form", async (request) => Object.fromEntries(await request.formData()));
  router.post("/upload", async (request) => uploaded(await request.formData()));
  router.get("/redirect", ({ url }) => Response.redirect(new URL(`${base}/users/7?a=b`, url)));
  router.get("/cookies", (request) => {
    const response = Response.json({ a: /a=(\w+)/.exec(request.headers.get("cookie") ?? "")?.[1] });
    for (const cookie of ["b=2", "c=3"]) response.headers.append("set-cookie", cookie);
    return response;
  });
  router.get("/events", eventStream);
  router.get("/slow", (request) => waitForAbort(request));
  return (request) => router.fetch(request);
};

const withElysia = (base) => {
  const app = new Elysia({ prefix: base })
    .get("/users/:id", ({ params, query, request }) => ({ id: params.id, a: query.a, url: request.url }))
    .post("/json", ({ body }) => ({ n: body.n + 1 }))
    .post("/form", ({ body }) => body)
    .post("/upload", async ({ body }) => {
      const { title, file } = body;
      return { title, name: file.name, size: file.size, sum: sumOf(new Uint8Array(await file.arrayBuffer())) };
    })
    // Elysia gives it to Response.redirect, which takes a path only on Bun.
    .get("/redirect", ({ redirect, request }) => redirect(new URL(`${base}/users/7?a=b`, request.url).href))
    .get("/cookies", ({ cookie }) => {
      cookie.b.value = "2";
      cookie.c.value = "3";
      return { a: cookie.a?.value };
    })
    .get("/events", eventStream)
    .get("/slow", ({ request }) => waitForAbort(request));
  return (request) => app.fetch(request);
};

/** A build as React Router's bundler makes it, of routes that answer without a page. */
const withReactRouter = (base) => {
  const form = async ({ request }) => Response.json(Object.fromEntries(await request.formData()));
  const routes = {
    "users/:id": {
      loader: ({ request, params }) =>
        Response.json({ id: params.id, a: new URL(request.url).searchParams.get("a"), url: request.url }),
    },
    "json": { action: async ({ request }) => Response.json({ n: (await request.json()).n + 1 }) },
    "form": { action: form },
    "upload": { action: async ({ request }) => Response.json(await uploaded(await request.formData())) },
    "redirect": { loader: () => redirect("/users/7?a=b") },
    "cookies": {
      loader: ({ request }) => {
        const headers = new Headers([["set-cookie", "b=2"], ["set-cookie", "c=3"]]);
        return Response.json({ a: /a=(\w+)/.exec(request.headers.get("cookie") ?? "")?.[1] }, { headers });
      },
    },
    "events": { loader: eventStream },
    "slow": { loader: ({ request }) => waitForAbort(request) },
  };
  const build = {
    entry: { module: { default: () => new Response("a page", { status: 500 }) } },
    routes: Object.fromEntries(
      Object.entries(routes).map(([path, module]) => [path, { id: path, path, module }]),
    ),
    assets: { entry: { imports: [], module: "" }, routes: {}, url: "", version: "" },
    basename: base || "/",
    publicPath: "/",
    assetsBuildDirectory: "",
    future: {},
    ssr: true,
    isSpaMode: false,
    prerender: [],
    routeDiscovery: { mode: "initial", manifestPath: "/__manifest" },
  };
  const handle = createRequestHandler(build);
  return (request) => handle(request);
};

const withYoga = (base) => {
  const schema = createSchema({
    typeDefs: `
      scalar File
      type Uploaded { title: String!, name: String!, size: Int!, sum: Float! }
      type Query { user(id: ID!): String!, slow: String! }
      type Mutation { next(n: Int!): Int!, upload(title: String!, file: File!): Uploaded! }
      type Subscription { events: String! }
    `,
    resolvers: {
      Query: {
        user: (_, { id }) => `user ${id}`,
        slow: async (_, __, { request }) => (await waitForAbort(request)).text(),
      },
      Mutation: {
        next: (_, { n }) => n + 1,
        upload: async (_, { title, file }) => ({
          title,
          name: file.name,
          size: file.size,
          sum: sumOf(new Uint8Array(await file.arrayBuffer())),
        }),
      },
      Subscription: {
        events: {
          subscribe: async function* () {
            for await (const event of events()) yield { events: event };
          },
        },
      },
    },
  });
  const yoga = createYoga({ schema, graphqlEndpoint: `${base}/graphql`, logging: false });
  return async (request) => yoga.fetch(request, {});
};

const withTrpc = (base) => {
  const t = initTRPC.context().create();
  const text = (input) => String(input);
  const router = t.router({
    user: t.procedure.input(text).query(({ input, ctx }) => ({ id: input, url: ctx.request.url })),
    next: t.procedure.input(Number).mutation(({ input }) => input + 1),
    upload: t.procedure.input((input) => input).mutation(({ input }) => uploaded(input)),
    cookies: t.procedure.query(({ ctx }) => {
      for (const cookie of ["b=2", "c=3"]) ctx.headers.append("set-cookie", cookie);
      return /a=(\w+)/.exec(ctx.request.headers.get("cookie") ?? "")?.[1] ?? "";
    }),
    events: t.procedure.subscription(async function* () {
      let id = 0;
      for await (const event of events()) yield tracked(String(id++), event);
    }),
    slow: t.procedure.query(async ({ ctx }) => (await waitForAbort(ctx.request)).text()),
  });
  return (request) =>
    fetchRequestHandler({
      endpoint: `${base}/trpc`,
      req: request,
      router,
      createContext: ({ req, resHeaders }) => ({ request: req, headers: resHeaders }),
    });
};

const withExpress = (base) => {
  const router = express.Router();
  router.get("/users/:id", (req, res) => {
    res.json({ id: req.params.id, a: req.query.a, url: `${req.protocol}://${req.get("host")}${req.originalUrl}` });
  });
  router.post("/json", express.json(), (req, res) => void res.json({ n: req.body.n + 1 }));
  router.post("/form", express.urlencoded({ extended: false }), (req, res) => void res.json(req.body));
  router.post("/raw", express.raw({ type: "*/*", limit: "10mb" }), (req, res) => {
    res.json({ size: req.body.length, sum: sumOf(req.body) });
  });
  router.get("/redirect", (_, res) => res.redirect(`${base}/users/7?a=b`));
  router.get("/cookies", (req, res) => {
    res.cookie("b", "2").cookie("c", "3").json({ a: /a=(\w+)/.exec(req.get("cookie") ?? "")?.[1] });
  });
  router.get("/events", async (_, res) => {
    res.set("content-type", "text/event-stream");
    for await (const event of events()) res.write(`data: ${event}\n\n`);
    res.end();
  });
  router.get("/slow", (req, res) => {
    res.on("close", () => aborted.add(String(req.query.name)));
  });
  const app = express();
  app.set("trust proxy", true);
  app.use(base || "/", router);
  return toFetchHandler((req, res) => {
    // Express puts its own prototype before srvx's, which would then hold every response back until its end.
    Object.defineProperty(res, "writeHead", { value: res.writeHead });
    app(req, res);
  });
};

const withFastify = (base) => {
  const app = fastify({ trustProxy: true, bodyLimit: 10_000_000 });
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))));
  });
  app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.register((routes, _, done) => {
    routes.get("/users/:id", (req) => {
      const { id } = req.params;
      return { id, a: req.query.a, url: `${req.protocol}://${req.host}${req.originalUrl}` };
    });
    routes.post("/json", (req) => ({ n: req.body.n + 1 }));
    routes.post("/form", (req) => req.body);
    routes.post("/raw", (req) => ({ size: req.body.length, sum: sumOf(req.body) }));
    routes.get("/redirect", (_, reply) => reply.redirect(`${base}/users/7?a=b`));
    routes.get("/cookies", (req, reply) => {
      reply.header("set-cookie", ["b=2", "c=3"]);
      return { a: /a=(\w+)/.exec(req.headers.cookie ?? "")?.[1] };
    });
    routes.get("/events", async (_, reply) => {
      reply.raw.writeHead(200, { "content-type": "text/event-stream" });
      for await (const event of events()) reply.raw.write(`data: ${event}\n\n`);
      reply.raw.end();
      return reply.hijack();
    });
    routes.get("/slow", (req, reply) => {
      reply.raw.on("close", () => aborted.add(req.query.name));
      return reply.hijack();
    });
    done();
  }, { prefix: base });
  const ready = app.ready();
  const handle = toFetchHandler((req, res) => app.routing(req, res));
  return async (request, info) => {
    await ready;
    return handle(request, info);
  };
};

/**
 * The frameworks that have a fetch handler.
 *
 * @type {Readonly<Record<string, (base: string) => import("../../../mod.ts").Handler>>}
 */
export const frameworks = {
  "Hono": withHono,
  "h3": withH3,
  "itty-router": withItty,
  "Elysia": withElysia,
  "React Router": withReactRouter,
  "graphql-yoga": withYoga,
  "tRPC": withTrpc,
};
/**
 * Those for `node:http`, wrapped by srvx, which does so on Node alone.
 *
 * @type {Readonly<Record<string, (base: string) => import("../../../mod.ts").Handler>>}
 */
export const nodeFrameworks = { "Express": withExpress, "Fastify": withFastify };
