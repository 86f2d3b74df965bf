// Redirects of applications that know nothing of their path, followed through real web servers.

import * as h3 from "npm:h3@2.0.8/generic";
import { Hono } from "hono";
import { type Handler, serve } from "../../mod.ts";
import { webServerConfig } from "../../src/config.ts";
import { assertEquals } from "../std/assert.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { freePort } from "./web_server.ts";

const hono = new Hono();
hono.get("/", (c) => c.redirect("/users/1"));
hono.get("/users/1", (c) => c.redirect("2"));
hono.get("/users/2", (c) => c.redirect(new URL("/users/3?a=b", c.req.url).href, 303));
hono.get("/users/3", (c) => c.text(c.req.url));

const other = new h3.H3();
other.get("/", () => h3.redirect("/users/1"));
other.get("/users/1", () => h3.redirect("2"));
other.get("/users/2", (event) => h3.redirect(new URL("/users/3?a=b", event.req.url).href, 303));
other.get("/users/3", (event) => event.req.url);

const applications: Readonly<Record<string, Handler>> = {
  Hono: (request) => hono.fetch(request),
  h3: (request) => other.fetch(request),
};

for (const server of ["nginx", "apache", "lighttpd", "caddy", "haproxy", "h2o"] as const) {
  Deno.test({
    name: `redirects stay in the application under a path behind ${server}, with Hono and h3`,
    ignore: isMissing(server),
    fn: async () => {
      for (const [name, handler] of Object.entries(applications)) {
        const mount = server === "h2o" ? { mount: "/app" } : {};
        await using app = serve({ port: 0, quiet: true, stripMount: true, ...mount }, handler);
        await app.ready;
        const port = freePort();
        const config = webServerConfig(server, { listen: String(app.addr.port), mount: "/app" });
        await using _web = await startOnDebian(server, { ...config, port });
        // h2o waits for connections that its clients keep.
        using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
        for (const path of ["/app/", "/app", "/app?c"]) {
          const response = await fetch(`http://localhost:${port}${path}`, { client });
          assertEquals([name, path, response.url, await response.text()], [
            name,
            path,
            `http://localhost:${port}/app/users/3?a=b`,
            `http://localhost:${port}/users/3?a=b`,
          ]);
        }
      }
    },
  });
}
