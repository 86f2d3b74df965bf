// Writes and runs what README and docs/ say to write and run, with other ports, paths and users.

import { existsSync } from "node:fs";
import config from "../../deno.json" with { type: "json" };
import { parseArguments } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { loadApplication } from "../../src/cli/entry.ts";
import { EXIT } from "../../src/cli/failure.ts";
import { type Handler, serve } from "../../mod.ts";
import { createClient } from "../../src/client.ts";
import { findProgram } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import { findRuntimes, type InstalledRuntime } from "../runtimes.ts";
import { assert, assertEquals, assertStringIncludes } from "../std/assert.ts";
import { writtenBlock } from "../docs/config_blocks.ts";
import { block, blocksOf, nginxServer, pages } from "./documentation.ts";
import { header, request, text } from "./http_client.ts";
import { withFolder, withProcess, writeProgram } from "./program.ts";
import { siteFiles, sites } from "./sites.ts";
import { freePort, isMissing, startWebServer, type WebServer } from "./web_server.ts";

const runtimes = await findRuntimes();
const noNginx = isMissing("nginx");
const fastcgiParams = await siteFiles(sites[0]!);

/** What runs each block that `deno test --doc` does not, by page, language and heading. */
const runBy: Readonly<Record<string, string>> = {
  "README.md sh See it run": "this file looks for the tasks; CI runs the second",
  "README.md sh Install": "this file compares the names",
  "README.md js ignore Write a handler": "this file",
  "README.md nginx Put it behind nginx": "this file and sites_test",
  "README.md console Put it behind nginx": "this file",
  "README.md js ignore The other half: PHP behind JavaScript": "tests/bridge/documentation_deno_test",
  ...Object.fromEntries(
    COMMANDS.map((
      { name, operands },
    ) => [`docs/command.md sh \`webfcgi ${name} ${operands}\``, "this file parses them"]),
  ),
  "docs/workers.md sh Workers": "this file parses them",
  "docs/workers.md sh Who gets a connection": "this file parses them",
  "docs/workers.md nginx Who gets a connection": "this file",
  "docs/workers.md sh More than one machine": "this file parses them",
  "docs/workers.md nginx More than one machine": "balancing_test",
  "docs/workers.md haproxy More than one machine": "balancing_test",
  "docs/workers.md apache More than one machine": "balancing_test",
  "docs/command.md js ignore `webfcgi serve [ENTRY]`": "this file",
  "docs/deployment.md ts ignore A unix socket for the web server": "this file",
  ...Object.fromEntries(
    blocksOf("docs/services.md").map(({ info, heading }) => [`docs/services.md ${info} ${heading}`, "services_test"]),
  ),
  "docs/php.md js ignore A site": "tests/bridge/documentation_deno_test",
  "docs/php.md js ignore Behind a proxy": "tests/bridge/documentation_deno_test",
  "docs/php.md js ignore A single request": "tests/bridge/documentation_deno_test",
  "docs/step-by-step.md sh Install": "nothing: it is npm's",
  "docs/step-by-step.md js ignore Export a handler": "this file",
  "docs/web-servers.md sh A configuration made to measure": "this file parses them",
  "docs/step-by-step.md sh Start it": "this file parses them",
  "docs/step-by-step.md sh Look whether all is right": "this file parses them",
  "docs/troubleshooting.md sh Ask for help": "this file parses them",
  "docs/doctor.md sh Run it": "this file parses them",
  "docs/step-by-step.md sh Keep it running": "this file parses them",
  "docs/shared-hosting.md sh The two files": "guides_test",
  "docs/shared-hosting.md js ignore The two files": "guides_test",
  "docs/files.md js ignore Files handed to the web server": "guides_test",
  ...Object.fromEntries(
    ["nginx nginx", "caddy Caddy", "lighttpd lighttpd", "apache Apache"].map((
      name,
    ) => [`docs/files.md ${name}`, "guides_test"]),
  ),
  ...Object.fromEntries(
    ["React Router", "graphql-yoga and tRPC", "Express and Fastify"].map((heading) => [
      `docs/frameworks.md js ignore ${heading}`,
      "frameworks_test has the same",
    ]),
  ),
  ...Object.fromEntries(
    ["SvelteKit", "Astro", "Nitro"].map((heading) => [
      `docs/frameworks.md js ignore ${heading}`,
      "builds_slow has the same",
    ]),
  ),
  "docs/roles.md js ignore An Authorizer": "roles_test has the same",
  "docs/roles.md lighttpd lighttpd": "roles_test",
  "docs/roles.md apache Apache's mod_fcgid": "roles_test",
  "docs/variables.md nginx Client certificates": "guides_test",
  "docs/variables.md apache Client certificates": "guides_test",
  "docs/variables.md js ignore Client certificates": "guides_test",
  "docs/migration.md js ignore Deno.serve, Bun.serve, srvx, behind proxy_pass": "gate:docs checks it",
  "docs/packaging.md sh Build": "the package's check runs it",
  "docs/packaging.md sh Test": "the package's check runs it",
  "docs/benchmarks.md sh Run it": "this file looks for the task",
  ".github/CONTRIBUTING.md sh Contributing": "this file looks for the tasks",
};

Deno.test("every block of the documentation runs in a test", () => {
  const forgotten = pages.flatMap(blocksOf).filter(({ page, heading, info, text }) =>
    info !== "ts" && info !== "text" && writtenBlock(info, text) === undefined &&
    !(`${page} ${info} ${heading}` in runBy)
  );
  assertEquals(forgotten.map(({ page, heading, info }) => `${page} ${info} ${heading}`), []);
});

Deno.test("the documentation names tasks, scripts and options that exist", () => {
  for (const { page, info, text } of pages.flatMap(blocksOf)) {
    if (info !== "sh") continue;
    for (const [, task] of text.matchAll(/\btask (\w+)/g)) assert(task! in config.tasks, `${page} has task ${task}`);
    for (const [script] of text.matchAll(/\bscripts\/\w+\.ts/g)) assert(existsSync(script), `${page} has ${script}`);
  }
  const install = block("README.md", "Install", "sh");
  assertStringIncludes(install, `jsr:${config.name} `);
});

Deno.test("the documentation has every option", () => {
  const pages = { server: ["handler", "limits"], client: ["php"], bridge: ["php"] };
  for (const [part, names] of Object.entries(pages)) {
    const text = names.map((name) => Deno.readTextFileSync(`docs/${name}.md`)).join("");
    const source = Deno.readTextFileSync(`src/${part}/${part}_options.ts`);
    const options = [...source.matchAll(/^ {2}(?:readonly )?(\w+)\?:/gm)].map(([, name]) => name!);
    assert(options.length > 5, part);
    assertEquals(options.filter((name) => !new RegExp(`\`${name}[\`(]`).test(text)), [], part);
  }
});

Deno.test("the documentation has every command, option and exit code", () => {
  const text = Deno.readTextFileSync("docs/command.md");
  const sections = text.split(/^## /m);
  for (const command of COMMANDS) {
    const section = sections.find((section) => section.startsWith(`\`webfcgi ${command.name} ${command.operands}\``));
    assert(section !== undefined, command.name);
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    const shown = rows.map((row) => /--([a-z-]+)/.exec(row)![1]!);
    const options = Object.entries<{ short?: string }>(command.options);
    assertEquals(shown.toSorted(), options.map(([name]) => name).sort(), command.name);
    for (const [name, { short }] of options) {
      if (short !== undefined) assertStringIncludes(rows[shown.indexOf(name)]!, `\`-${short}\``);
    }
  }
  const codes = [...text.matchAll(/^\| +(\d+) \|/gm)].map(([, code]) => Number(code));
  assertEquals(codes, [...Object.values(EXIT), 130]);
});

Deno.test("the documentation's command lines are understood", () => {
  const lines = [
    "docs/command.md",
    "docs/workers.md",
    "docs/step-by-step.md",
    "docs/web-servers.md",
    "docs/doctor.md",
    "docs/troubleshooting.md",
  ].flatMap(blocksOf)
    .filter(({ info }) => info === "sh").flatMap(({ text }) => text.trim().split("\n")).filter((line) =>
      line.includes("webfcgi ") && !line.startsWith("npm ")
    );
  assert(lines.length > 5);
  for (const line of lines) {
    const words = line.replace(/^npx /, "").match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ""));
    const [webfcgi, name, ...args] = words;
    assertEquals(webfcgi, "webfcgi");
    assert(parseArguments(COMMANDS.find((command) => command.name === name)!, args) !== undefined, line);
  }
});

Deno.test("the documentation's applications for the command have a handler", () =>
  withFolder(async (folder) => {
    const path = `${folder}/app.mjs`;
    const source = block("docs/command.md", "`webfcgi serve [ENTRY]`", "js ignore");
    const again = block("docs/step-by-step.md", "Export a handler", "js ignore");
    assertEquals(again.replace(/^.*\n/, ""), source.replace(/^.*\n/, ""));
    await Deno.writeTextFile(path, source);
    const { fetch } = await loadApplication(path);
    await using server = serve({ port: 0, quiet: true }, fetch!);
    await server.ready;
    await using client = createClient({ port: server.addr.port });
    assertEquals(await (await client.fetch("http://a.example/b")).text(), "Hello! You asked for http://a.example/b\n");
  }));

Deno.test("the documentation's links lead somewhere", () => {
  const anchorsOf = (page: string): string[] =>
    [...Deno.readTextFileSync(page).replaceAll(/^```[^]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm)]
      .map(([, heading]) => heading!.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-"));
  const broken: string[] = [];
  for (const page of pages) {
    for (const [, target] of Deno.readTextFileSync(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [, path, anchor] = /^([^#]*)(?:#(.*))?$/.exec(target!)!;
      const linked = path === "" ? page : new URL(path!, `file:///${page}`).pathname.slice(1);
      if (!existsSync(linked) || anchor !== undefined && !anchorsOf(linked).includes(anchor)) {
        broken.push(`${page}: ${target}`);
      }
    }
  }
  assertEquals(broken, []);
});

/** README's command for a runtime, with the path of the runtime's program. */
function startCommand(runtime: InstalledRuntime): string[] {
  const name = runtime.name.startsWith("node") ? "node" : runtime.name;
  const readme = Deno.readTextFileSync("README.md");
  const [, rest] = new RegExp(`\`${name}((?: [-\\w]+)* app\\.mjs)\``).exec(readme) ?? [];
  assert(rest !== undefined, `README has no command for ${name}`);
  return [runtime.command[0], ...rest.trim().split(" ")];
}

for (const runtime of runtimes) {
  Deno.test({
    name: `README's application answers behind README's nginx on ${runtime.name}`,
    ignore: noNginx,
    fn: () =>
      withFolder(async (folder) => {
        const path = `${folder}/app.mjs`;
        const source = block("README.md", "Write a handler", "js ignore").replace("port: 9000", "port: 0");
        assertStringIncludes(source, "port: 0");
        await writeProgram(runtime, path, source);
        const command = startCommand(runtime).map((arg) => arg === "app.mjs" ? path : arg);
        await withProcess(command, /127\.0\.0\.1:(\d+)/, async ([, port]) => {
          const site = block("README.md", "Put it behind nginx", "nginx").replace("9000", port!);
          await using web = await startWebServer("nginx", site, fastcgiParams);
          const shown = block("README.md", "Put it behind nginx", "console");
          const [, target, answer] = /^\$ curl 'http:\/\/localhost:8080(.*)'\n(.*\n)$/.exec(shown) ?? [];
          const response = await request(web.port, "GET", target!);
          assertEquals(text(response), answer!.replace("8080", String(web.port)));
        });
      }),
  });
}

/** Serves in this process, behind nginx with directives from the documentation. */
async function behindNginx(
  directives: string,
  handler: Handler,
  use: (web: WebServer) => Promise<void>,
  proxies = "10.0.0.0/8",
): Promise<void> {
  await using server = serve({ port: 0, quiet: true }, handler);
  await server.ready;
  const site = nginxServer(directives).replaceAll(":9000", `:${server.addr.port}`).replaceAll("10.0.0.0/8", proxies);
  await using web = await startWebServer("nginx", site, fastcgiParams);
  await use(web);
}

Deno.test({
  name: "the documentation's lines for sub-requests keep out whoever the check refuses",
  ignore: noNginx,
  fn: async () => {
    const handler: Handler = (request) => {
      const { pathname } = new URL(request.url);
      if (pathname !== "/auth") return new Response(`${request.method} ${pathname}`);
      if (request.method !== "GET" || request.body !== null) return new Response("", { status: 500 });
      return new Response(null, { status: request.headers.has("cookie") ? 204 : 403 });
    };
    const ask = async (web: WebServer, method: string, cookie: boolean): Promise<unknown> => {
      const headers = cookie ? [["Cookie", "a=1"] as const] : [];
      const body = method === "POST" ? { body: new Uint8Array(10) } : {};
      const response = await request(web.port, method, "/page", { headers, ...body });
      return response.status === 200 ? text(response) : response.status;
    };
    const lines = block("docs/nginx.md", "Sub-requests", "nginx");
    await behindNginx(lines, handler, async (web) => {
      for (const method of ["GET", "POST"]) {
        assertEquals(await ask(web, method, false), 403);
        assertEquals(await ask(web, method, true), `${method} /page`);
      }
    });
    // The trap is real.
    await behindNginx(lines.replace(/^.*REQUEST_URI.*$/m, ""), handler, async (web) => {
      assertEquals(await ask(web, "GET", false), "GET /page");
    });
  },
});

Deno.test({
  name: "the documentation's lines for another proxy believe that proxy alone",
  ignore: noNginx,
  fn: async () => {
    const lines = block("docs/nginx.md", "Behind another proxy", "nginx");
    const underPath = lines.replace("location / {", "location /x/ {");
    const handler: Handler = ({ url }, { remoteAddr }) => Response.json({ url, remoteAddr });
    const headers = [["X-Forwarded-Proto", "https"], ["X-Forwarded-For", "192.0.2.7"], ["Host", "a.example"]] as const;
    const cases: [proxies: string, expected: unknown[]][] = [
      ["127.0.0.0/8", ["https://a.example/x/", "192.0.2.7"]],
      ["10.0.0.0/8", ["http://a.example/x/", "127.0.0.1"]],
    ];
    for (const [proxies, expected] of cases) {
      await behindNginx(underPath, handler, async (web) => {
        const { url, remoteAddr } = JSON.parse(text(await request(web.port, "GET", "/x/", { headers })));
        assertEquals([url, remoteAddr.hostname], expected);
        // nginx's own redirect.
        const redirect = await request(web.port, "GET", "/x", { headers });
        assertEquals([redirect.status, header(redirect, "location")], [301, "/x/"]);
      }, proxies);
    }
  },
});

Deno.test({
  name: "the documentation's lines for workers with sockets of their own reach each of them",
  ignore: noNginx,
  fn: () =>
    withFolder(async (folder) => {
      await using workers = new AsyncDisposableStack();
      for (const number of ["1", "2", "3", "4"]) {
        const path = `${folder}/app-${number}.sock`;
        const worker = workers.use(serve({ path, mode: 0o666, quiet: true }, ({ url }) => new Response(number + url)));
        await worker.ready;
      }
      const lines = block("docs/workers.md", "Who gets a connection", "nginx").replaceAll("/run/app", folder);
      await using web = await startWebServer("nginx", nginxServer(lines), fastcgiParams);
      const answers = new Set<string>();
      for (let count = 0; count < 8; count++) {
        answers.add(text(await request(web.port, "GET", "/x", { headers: [["Host", "example.com:81"]] })));
      }
      assertEquals([...answers].sort(), ["1", "2", "3", "4"].map((number) => `${number}http://example.com:81/x`));
    }),
});

/** A group that exists here: root may choose any, but spawn-fcgi refuses root's own. */
const gid = Deno.uid() === 0 ? 65534 : Deno.gid();
const group = new RegExp(`^([^:]+):[^:]*:${gid}:`, "m").exec(Deno.readTextFileSync("/etc/group"))?.[1] ?? String(gid);

for (const runtime of runtimes) {
  Deno.test(`the documentation's program for a unix socket runs on ${runtime.name}`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/app.${runtime.stripsTypes ? "ts" : "mjs"}`;
      const source = block("docs/deployment.md", "A unix socket for the web server", "ts ignore")
        .replace("/run/app/app.sock", `${folder}/app.sock`).replace('"www-data"', JSON.stringify(group));
      await writeProgram(runtime, path, runtime.stripsTypes ? source : source.replace(" as const", ""));
      const command = runtime.name === "deno"
        ? [runtime.command[0], "run", ...flagsFor("a unix socket"), path].map((arg) => arg.replace("/run/app", folder))
        : [...runtime.command, path];
      const status = await withProcess(command, /app\.sock/, () => Promise.resolve());
      assertEquals([status.code, existsSync(`${folder}/app.sock`)], [0, false]);
    }));
}

/** Deno's flags for an address, from the table of permissions. */
function flagsFor(listens: string): string[] {
  const [, flags] =
    new RegExp(`^\\| ${listens}.*\`(--.*)\` +\\|$`, "m").exec(Deno.readTextFileSync("docs/deployment.md")) ??
      [];
  assert(flags !== undefined, `docs/deployment.md has no flags for ${listens}`);
  return flags.split(" ");
}

for (const listens of ["TCP", "systemd's socket"]) {
  const activate = findProgram("systemd-socket-activate");
  Deno.test({
    name: `the documentation's permissions suffice for ${listens}`,
    ignore: noNginx || listens !== "TCP" && activate === undefined,
    fn: () =>
      withFolder(async (folder) => {
        const port = freePort();
        const address = listens === "TCP" ? `{ port: ${port} }, ` : "";
        const program = `import { serve } from "${config.name}"; serve(${address}() => new Response("Hello"));`;
        await writeProgram(runtimes[0]!, `${folder}/app.mjs`, program);
        const flags = flagsFor(listens).map((flag) => flag.replace("9000", String(port)));
        const deno = [Deno.execPath(), "run", "--no-prompt", ...flags, `${folder}/app.mjs`];
        const command = listens === "TCP" ? deno : [activate!, "-l", `127.0.0.1:${port}`, "-E", "HOME", ...deno];
        await withProcess(command, listens === "TCP" ? /listening/i : /^/, async () => {
          const site = nginxServer(`location / { include fastcgi_params; fastcgi_pass 127.0.0.1:${port}; }\n`);
          await using web = await startWebServer("nginx", site, fastcgiParams);
          let answer = "";
          await until(async () => (answer = text(await request(web.port, "GET", "/"))) === "Hello", "the application")
            .catch(() => {});
          assertEquals(answer, "Hello");
        });
      }),
  });
}
