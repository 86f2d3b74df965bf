// The host of request.url behind nginx: what nginx has checked, not what a client has forged.

import { serve } from "../../mod.ts";
import { assertEquals } from "../std/assert.ts";
import { header, HttpConnection, request } from "./http_client.ts";
import { isMissing, startWebServer } from "./web_server.ts";

const ignore = isMissing("nginx");
const fastcgiParams = await Deno.readTextFile(new URL("configs/fastcgi_params", import.meta.url));

/** Runs an application that tells `request.url` behind an nginx with a server name and `HTTP_HOST`. */
async function behindNginx(
  serverName: string,
  host: string,
  fn: (port: number) => Promise<void>,
): Promise<void> {
  await using server = serve(
    { port: 0, onListen: () => {} },
    ({ url }) => new Response(null, { headers: { "x-url": url } }),
  );
  await server.ready;
  const { port } = server.addr as Deno.NetAddr;
  const site = `
    map $http_host $host_port { default ""; "~:(?<p>\\d+)$" ":$p"; }
    server {
      listen 80;
      server_name ${serverName};
      location / {
        include fastcgi_params;
        fastcgi_param HTTP_HOST ${host};
        fastcgi_pass 127.0.0.1:${port};
      }
    }`;
  await using web = await startWebServer("nginx", site, { fastcgi_params: fastcgiParams });
  await fn(web.port);
}

Deno.test({
  name: "request.url has the host that nginx has checked when an absolute target and Host differ",
  ignore,
  fn: () =>
    behindNginx("good.test", "$host$host_port", async (port) => {
      const ask = async (target: string, host: string): Promise<[number, string | undefined]> => {
        const response = await request(port, "GET", target, { headers: [["Host", host]] });
        return [response.status, header(response, "x-url")];
      };
      assertEquals(await ask("http://good.test/x", "evil.test"), [200, "http://good.test/x"]);
      assertEquals(await ask("http://good.test/x", "good.test:8080"), [200, "http://good.test:8080/x"]);
      assertEquals(await ask("/x", "good.test:8080"), [200, "http://good.test:8080/x"]);
      assertEquals(await ask("/x", "GOOD.test"), [200, "http://good.test/x"]);
      assertEquals(await ask("/x", "[::1]:8080"), [200, "http://[::1]:8080/x"]);
      assertEquals(await ask("/x", "good.test:x"), [200, "http://good.test/x"]);
      for (const host of ["evil.test/x?y#", "a@b.test", "a b.test"]) {
        assertEquals((await ask("/x", host))[0], 400, host);
      }
    }),
});

Deno.test({
  name: "request.url has the server's own address when a client sends no Host and nginx's server name is a pattern",
  ignore,
  fn: async () => {
    // Debian's fastcgi_params has `HTTP_HOST $host`, which is the server name then.
    for (const name of ["_", "*.good.test", "www.good.*", '"~^www\\d+\\.good\\.(?<rest>.+)$"', '""']) {
      await behindNginx(name, "$host", async (port) => {
        assertEquals(await withoutHost(port), `http://127.0.0.1:${port}/health`, name);
      });
    }
    for (const name of ["good.test", ".good.test"]) {
      await behindNginx(name, "$host", async (port) => {
        assertEquals(await withoutHost(port), "http://good.test/health", name);
      });
    }
  },
});

/** The URL of an HTTP/1.0 health check. */
async function withoutHost(port: number): Promise<string | undefined> {
  using connection = await HttpConnection.connect(port);
  await connection.send("GET /health HTTP/1.0\r\n\r\n");
  return header(await connection.readHead("GET"), "x-url");
}
