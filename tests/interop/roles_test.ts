// Authorizers asked by real web servers, whose variables arrive at the next stage; a Filter asked by our client.

import { authorized, serve } from "../../mod.ts";
import { createClient } from "../../src/client.ts";
import { bundle } from "../helpers/bundle.ts";
import { findProgram } from "../helpers/programs.ts";
import { assertEquals } from "../std/assert.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { block, blocksOf } from "./documentation.ts";
import { request, text } from "./http_client.ts";
import { childrenOf } from "./processes.ts";
import { withFolder } from "./program.ts";
import { freePort } from "./web_server.ts";

const member = [["Cookie", "member=yes"]] as const;
const guide = "docs/roles.md";

async function ask(port: number, target: string, headers: readonly (readonly [string, string])[]): Promise<unknown[]> {
  const response = await request(port, "GET", target, { headers });
  return [response.status, text(response)];
}

Deno.test({
  name: "lighttpd asks an Authorizer before the application and before files, and hands its variables on",
  ignore: isMissing("lighttpd"),
  fn: () =>
    withFolder(async (folder) => {
      await using app = serve({
        port: 0,
        quiet: true,
        fetch: (_, { params }) => new Response(`${params.get("REMOTE_USER")} ${params.get("APP_PLAN")}`),
        authorizer: ({ headers }) =>
          headers.get("cookie") === "member=yes"
            ? authorized({ REMOTE_USER: "anna", APP_PLAN: "gold" })
            : new Response("Members only\n", { status: 403 }),
      });
      await app.ready;
      await Deno.mkdir(`${folder}/files`);
      await Deno.writeTextFile(`${folder}/page.app`, "");
      await Deno.writeTextFile(`${folder}/files/hello.txt`, "hello from a file\n");
      const port = freePort();
      const lines = block(guide, "lighttpd", "lighttpd").replaceAll("9000", String(app.addr.port))
        .replaceAll("/srv/app", folder);
      const files = [{ path: "app.conf", placement: "a file of its own", text: lines }] as const;
      await using _web = await startOnDebian("lighttpd", { files, modules: [], port });
      assertEquals(await ask(port, "/page.app", member), [200, "anna gold"]);
      assertEquals(await ask(port, "/page.app", []), [403, "Members only\n"]);
      assertEquals(await ask(port, "/files/hello.txt", member), [200, "hello from a file\n"]);
      assertEquals(await ask(port, "/files/hello.txt", []), [403, "Members only\n"]);
    }),
});

for (const directive of ["FcgidAuthorizer", "FcgidAccessChecker"]) {
  Deno.test({
    name: `mod_fcgid asks an Authorizer by ${directive}, and hands its variables on`,
    ignore: isMissing("fcgid"),
    fn: async () => {
      await withFolder(async (folder) => {
        await bundle(new URL("roles_process.ts", import.meta.url), `${folder}/app.mjs`);
        const script = `#!/bin/sh\nexec '${findProgram("node") ?? "node"}' '${folder}/app.mjs'\n`;
        for (const name of ["dispatch.fcgi", "check.fcgi"]) {
          await Deno.writeTextFile(`${folder}/${name}`, script);
          await Deno.chmod(`${folder}/${name}`, 0o755);
        }
        const port = freePort();
        const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode("x"));
        const sha1 = btoa(String.fromCharCode(...new Uint8Array(digest)));
        await Deno.writeTextFile(`${folder}/passwords`, `anna:{SHA}${sha1}\n`);
        const lines = blocksOf(guide).find(({ text }) => text.includes(directive))!.text.replaceAll("/srv/app", folder);
        const site = `<VirtualHost *:80>\nServerName localhost\n${lines}\n</VirtualHost>\n`;
        const files = [{ path: "app.conf", placement: "a file of its own", text: site }] as const;
        await using _web = await startOnDebian("fcgid", { files, modules: ["fcgid"], port });
        const basic = directive === "FcgidAuthorizer" ? [["Authorization", "Basic YW5uYTp4"] as const] : [];
        assertEquals(await ask(port, "/page", [...member, ...basic]), [200, "anna gold"]);
        const [status, page] = await ask(port, "/page", basic);
        assertEquals([status === 401 || status === 403, String(page).includes("anna")], [true, false]);
      });
      assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
    },
  });
}

for (
  const [what, length, sent, expected] of [
    ["whole", 10, "0123456789", "0123456789"],
    ["empty", 0, "", ""],
    ["short", 10, "01234", "broken"],
  ] as const
) {
  Deno.test(`a Filter gets DATA that is ${what} from our client`, async () => {
    await using app = serve({
      port: 0,
      quiet: true,
      fetch: () => new Response(),
      filter: async (request, info) => {
        const body = await request.text();
        const data = await new Response(info.data).text().catch(() => "broken");
        return new Response(`${body}|${data}|${info.dataLength}|${info.dataLastModified?.toISOString()}`);
      },
    });
    await app.ready;
    await using client = createClient({ port: app.addr.port });
    const data = new Blob([sent]).stream();
    const response = await client.fetch("http://a.example/", {
      role: "filter",
      method: "POST",
      body: "form",
      data: length === sent.length ? new Blob([sent]) : data,
      dataLastModified: new Date(86_400_000),
      ...length === sent.length ? {} : { params: { FCGI_DATA_LENGTH: String(length) } },
    });
    assertEquals(await response.text(), `form|${expected}|${length}|1970-01-02T00:00:00.000Z`);
  });
}

Deno.test("a Filter may answer without reading DATA, however long it is", async () => {
  await using app = serve({ port: 0, quiet: true, fetch: () => new Response(), filter: () => new Response("unread") });
  await app.ready;
  await using client = createClient({ port: app.addr.port, keepAlive: true });
  for (let count = 0; count < 3; count++) {
    const data = new Uint8Array(3_000_000);
    const response = await client.fetch("http://a.example/", { role: "filter", data });
    assertEquals(await response.text(), "unread");
  }
});
