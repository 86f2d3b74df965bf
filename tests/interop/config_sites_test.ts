// Whole sites with the configurations that are generated, behind web servers as Debian's packages have them.

import { mendingLines, type Need, webServerConfig, type WebServerConfigOptions, webServers } from "../../src/config.ts";
import { findProgram, isLeftOut, missingOf } from "../helpers/programs.ts";
import { outputOf } from "../helpers/output_of.ts";
import { until } from "../helpers/waiting.ts";
import { assertEquals } from "../std/assert.ts";
import type { checks, Visit } from "./config_checks.ts";
import type { Told } from "./config_probe.ts";
import { addressOf, faultsOf, listen, makeScripts, staticFolders, withFolder } from "./config_scene.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { request, text } from "./http_client.ts";
import { freePort } from "./web_server.ts";

const missing: Readonly<Record<string, boolean>> = Object.fromEntries(
  webServers.map((server) => [server, isMissing(server)]),
);

for (const server of webServers) {
  Deno.test({
    name: `an application at the root behind ${server} as Debian's package has it, by the defaults`,
    ignore: missing[server] ?? true,
    fn: () =>
      withFolder(async (folder) => {
        const port = freePort();
        await using app = await listen({ path: `${folder}/app.sock`, mode: 0o666 });
        const [script] = server === "fcgid" ? await makeScripts(folder, ["dispatch.fcgi"]) : [];
        const cannot = (need: Need): boolean => mendingLines(server, need).cannot !== undefined;
        const options: WebServerConfigOptions = {
          ...script === undefined ? { listen: addressOf(app, server) } : { command: script },
          ...cannot("static") ? {} : { static: staticFolders(folder, "") },
          // Not who asks here: what it says of the client is not believed.
          ...cannot("https") ? {} : { trustProxy: ["10.0.0.0/8", "2001:db8::/32"] },
        };
        const folders = cannot("static") ? [] : staticFolders(folder, "");
        const visit: Visit = { server, port, mount: "", options, folders, trusts: false };
        const given = { ...webServerConfig(server, options), port };
        const untrusted: Need[] = ["https", "client-address"];
        const asked: Need[] = [
          "address",
          "mount",
          "host",
          "authorization",
          "encoded-slash",
          "chunked-upload",
          "events",
        ];
        const able = [...asked, "static" as const].filter((need) => !cannot(need));
        assertEquals(await faultsOf(given, visit, [...able, ...untrusted] as (keyof typeof checks)[]), {});
      }),
  });
}

for (const server of webServers) {
  if (server === "fcgid" || server === "h2o") continue;
  Deno.test({
    name: `requests behind ${server} are shared out among several addresses, and an end or a start of one fails none`,
    ignore: missing[server] ?? true,
    fn: () =>
      withFolder(async (folder) => {
        await using one = await listen({ path: `${folder}/app-1.sock`, mode: 0o666 }, "one");
        await using two = await listen({ path: `${folder}/app-2.sock`, mode: 0o666 }, "two");
        await using three = await listen({ port: 0 }, "three");
        const port = freePort();
        const sockets = addressOf(one, server).replace("-1.", "-%n.");
        assertEquals(addressOf(two, server), sockets.replace("%n", "2"));
        const config = webServerConfig(server, {
          listen: [sockets, addressOf(three, server)],
          workers: 2,
          mount: "/app",
        });
        await using _web = await startOnDebian(server, { ...config, port });
        const ask = async (): Promise<string> => {
          const response = await request(port, "GET", "/app/a");
          assertEquals(response.status, 200, text(response));
          const told: Told = JSON.parse(text(response));
          assertEquals([told.scriptName, told.pathInfo], ["/app", "/a"]);
          return told.name;
        };
        const askAll = async (): Promise<string[]> => {
          const names: string[] = [];
          for (let round = 0; round < 8; round++) names.push(...await Promise.all([ask(), ask(), ask(), ask()]));
          return [...new Set(names)].sort();
        };
        assertEquals(await askAll(), ["one", "three", "two"]);
        await two.shutdown();
        assertEquals(await askAll(), ["one", "three"]);
        await using _again = await listen({ path: `${folder}/app-2.sock`, mode: 0o666 }, "two");
        await until(async () => (await askAll()).includes("two"), "the one that has been started again");
      }),
  });
}

for (const server of ["nginx", "apache", "lighttpd", "caddy"] as const) {
  Deno.test({
    name: `two applications behind ${server} keep apart`,
    ignore: missing[server] ?? true,
    fn: () =>
      withFolder(async () => {
        await using one = await listen({ port: 0 }, "one");
        await using two = await listen({ port: 0 }, "two");
        const port = freePort();
        const [first, second] = [{ app: one, trustProxy: "127.0.0.0/8" }, { app: two, trustProxy: "10.0.0.0/8" }].map(
          ({ app, trustProxy }, index) =>
            webServerConfig(server, {
              listen: addressOf(app, server),
              host: `${["one", "two"][index]}.example:${port}`,
              trustProxy,
            }),
        );
        const both = [first, second].map((config) => config!.text).join("");
        const files = [{ ...first!.files[0]!, text: both }];
        await using _web = await startOnDebian(server, { files, modules: first!.modules, port });
        const proxied = [["X-Forwarded-For", "198.51.100.7"], ["X-Forwarded-Proto", "https"]] as const;
        for (const [name, scheme] of [["one", "https"], ["two", "http"]] as const) {
          const headers = [["Host", `${name}.example:${port}`], ...proxied] as const;
          const told: Told = JSON.parse(text(await request(port, "GET", "/a", { headers })));
          assertEquals([told.name, told.url], [name, `${scheme}://${name}.example:${port}/a`]);
        }
      }),
  });
}

for (const server of ["nginx", "caddy"] as const) {
  Deno.test({
    name: `the application's own check lets through behind ${server}, and is asked for its own URL`,
    ignore: missing[server] ?? true,
    fn: () =>
      withFolder(async () => {
        const seen: string[] = [];
        await using app = await listen({ port: 0 }, "", seen);
        const port = freePort();
        const options: WebServerConfigOptions = { listen: addressOf(app, server), mount: "/app", auth: "/app/auth" };
        const config = webServerConfig(server, { ...options, upload: "2M" });
        await using _web = await startOnDebian(server, { ...config, port });
        const ask = async (method: string, key: boolean): Promise<[number, string, ...string[]]> => {
          seen.length = 0;
          const body = method === "POST" ? { body: new Uint8Array(1_500_000) } : {};
          const headers = key ? [["X-Key", "k"] as const] : [];
          const response = await request(port, method, "/app/upload?q=1", { ...body, headers });
          return [response.status, response.status === 200 ? text(response) : "", ...seen];
        };
        for (const method of ["GET", "POST"]) {
          const page = `${method} /app/upload?q=1`;
          assertEquals(await ask(method, false), [401, "", "GET /app/auth"]);
          assertEquals(await ask(method, true), [200, method === "GET" ? "0" : "1500000", "GET /app/auth", page]);
        }
        if (server === "nginx") assertEquals((await request(port, "GET", "/app/auth")).status, 404, "it is internal");
      }),
  });
}

Deno.test({
  name: "an application on a shared host answers by its .htaccess",
  ignore: missing.fcgid ?? true,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.mkdir(`${folder}/site/app`, { recursive: true });
      await makeScripts(`${folder}/site/app`, ["dispatch.fcgi"], "/app");
      const [file] = webServerConfig("htaccess", { mount: "/app" }).files;
      await Deno.writeTextFile(`${folder}/site/app/.htaccess`, file!.text);
      await Deno.writeTextFile(`${folder}/site/app/hello.txt`, "hello from a file\n");
      const port = freePort();
      // What hosts give their customers.
      const host = `<VirtualHost *:80>
ServerName localhost
DocumentRoot ${folder}/site
<Directory ${folder}/site>
Options FollowSymLinks
AllowOverride All
Require all granted
</Directory>
</VirtualHost>`;
      const files = [{ path: "host.conf", placement: "a file of its own", text: host }] as const;
      await using _web = await startOnDebian("fcgid", { files, modules: ["fcgid", "rewrite"], port });
      const ask = async (target: string): Promise<string> => {
        return text(await request(port, "GET", target, { headers: [["Authorization", "Bearer abc"]] }));
      };
      for (
        const path of ["/", "/a/b", "/a%20b", "/%C3%A9", "/a+b;c", "/a%25b", "/a%3Fb", "/a%23b?", "//a", "/a?q=%2F&r"]
      ) {
        const told: Told = JSON.parse(await ask(`/app${path}`));
        assertEquals([told.url, told.scriptName, told.authorization], [
          `http://localhost:${port}/app${path}`,
          "/app",
          "Bearer abc",
        ]);
      }
      assertEquals(await ask("/app/hello.txt"), "hello from a file\n");
    }),
});

Deno.test({
  name: "systemd accepts the units of one socket and of several",
  ignore: isLeftOut("the tests of systemd's units", missingOf("systemd-analyze")),
  fn: () =>
    withFolder(async (folder) => {
      const program = findProgram("sleep") ?? "/bin/sleep";
      for (
        const options of [
          { listen: "/run/app.sock" },
          { listen: "[::1]:9000" },
          { listen: "/run/workers/app-%n.sock", workers: 2 },
        ]
      ) {
        const command = `${program} webfcgi serve --workers 2 --listen=unix:/run/app-%n.sock`;
        const { files } = webServerConfig("systemd", { ...options, command });
        const paths = files.map(({ path }) => `${folder}/${path.replace(/.*\//, "")}`);
        for (const [index, { text }] of files.entries()) await Deno.writeTextFile(paths[index]!, text);
        await outputOf(["systemd-analyze", "verify", "--recursive-errors=no", ...paths as [string, ...string[]]]);
      }
    }),
});
