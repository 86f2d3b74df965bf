// Sub-requests of nginx: by default they ask for the page that made them, so their location must say what they ask for.

import { serve } from "../../mod.ts";
import { assertEquals } from "../std/assert.ts";
import { request, text } from "./http_client.ts";
import { isMissing, startWebServer, type WebServer } from "./web_server.ts";

const ignore = isMissing("nginx");
const fastcgiParams = await Deno.readTextFile(new URL("configs/fastcgi_params", import.meta.url));
const ownTarget = `
  fastcgi_param REQUEST_URI $uri$is_args$args;
  fastcgi_param REQUEST_METHOD GET;
  fastcgi_param CONTENT_LENGTH "";
  fastcgi_pass_request_body off;`;

/** Runs an application with a check and an error page behind nginx; `lines` are those of the sub-requests' locations. */
async function behindNginx(lines: string, fn: (web: WebServer, seen: string[]) => Promise<void>): Promise<void> {
  const seen: string[] = [];
  await using server = serve({ port: 0, onListen: () => {} }, async (request, info) => {
    const { pathname, search } = new URL(request.url);
    seen.push(`${request.method} ${pathname}${search} ${info.pathInfo} ${(await request.text()).length}`);
    if (pathname === "/auth") return new Response(null, { status: request.headers.has("x-key") ? 204 : 401 });
    if (pathname === "/errors/missing") return new Response("a page for what is missing");
    return pathname === "/none" ? new Response("none", { status: 404 }) : new Response("the page");
  });
  await server.ready;
  const { port } = server.addr as Deno.NetAddr;
  const pass = `include fastcgi_params; fastcgi_pass 127.0.0.1:${port};`;
  await using web = await startWebServer(
    "nginx",
    `
    location / { auth_request /auth; ${pass} }
    location /none { ${pass} fastcgi_intercept_errors on; error_page 404 /errors/missing; }
    location = /auth { internal; ${pass} ${lines} }
    location /errors/ { internal; ${pass} ${lines} }`,
    { fastcgi_params: fastcgiParams },
  );
  await fn(web, seen);
}

Deno.test({
  name: "a sub-request of nginx asks for the page itself, and its check lets everybody in, without lines of its own",
  ignore,
  fn: () =>
    behindNginx("", async (web, seen) => {
      assertEquals((await request(web.port, "GET", "/page")).status, 200);
      assertEquals(seen, ["GET /page /page 0", "GET /page /page 0"]);
    }),
});

Deno.test({
  name: "a sub-request of nginx asks for its own path when its location says so",
  ignore,
  fn: () =>
    behindNginx(ownTarget, async (web, seen) => {
      const ask = async (method: string, target: string, key?: string): Promise<[number, string, string[]]> => {
        seen.length = 0;
        const body = method === "POST" ? { body: new Uint8Array(100) } : {};
        const headers = key === undefined ? [] : [["X-Key", key] as const];
        const response = await request(web.port, method, target, { ...body, headers });
        return [response.status, response.status === 401 ? "" : text(response), [...seen]];
      };
      assertEquals(await ask("GET", "/page?q=1"), [401, "", ["GET /auth /auth 0"]]);
      assertEquals(await ask("POST", "/page?q=1"), [401, "", ["GET /auth /auth 0"]]);
      assertEquals(
        await ask("GET", "/page?q=1", "k"),
        [200, "the page", ["GET /auth /auth 0", "GET /page?q=1 /page 0"]],
      );
      assertEquals(
        await ask("POST", "/page?q=1", "k"),
        [200, "the page", ["GET /auth /auth 0", "POST /page?q=1 /page 100"]],
      );
      for (const method of ["GET", "POST"]) {
        const page = "GET /errors/missing /errors/missing 0";
        assertEquals(
          await ask(method, "/none?q"),
          [404, "a page for what is missing", [`${method} /none?q /none ${method === "GET" ? 0 : 100}`, page]],
          method,
        );
      }
    }),
});
