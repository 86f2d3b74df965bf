// Sites that SvelteKit, Astro, Nitro and TanStack Start build, served by the command behind nginx under a path, on each
// runtime. They are installed from npm and built, which takes a minute: `deno task test:builds`.

import { webServerConfig } from "../../src/config.ts";
import { outputOf } from "../helpers/output_of.ts";
import { findProgram } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import { findRuntimes } from "../runtimes.ts";
import { assertEquals, assertMatch } from "../std/assert.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { withFolder } from "./program.ts";
import { start } from "./service_scene.ts";
import { freePort } from "./web_server.ts";

/** A site, whose page greets the visitor, and whose /api adds one to a number. */
interface Site {
  /** What is installed from npm. */
  readonly packages: readonly string[];
  /** What builds it; the variable BASE is the path that it is served under. */
  readonly build: readonly string[];
  /** What is served, in the site's folder. */
  readonly entry: string;
  /** Options of `webfcgi serve`. */
  readonly options: readonly string[];
  /** The folder of the files that the web server serves, and where a page says that they are. */
  readonly files: readonly [folder: string, url: string];
  readonly page: RegExp;
  /** Its sources; of this checkout those that are URLs. */
  readonly sources: Readonly<Record<string, string | URL>>;
}

const examples = new URL("../../docs/examples/", import.meta.url);
const vite = "vite@8.3.8";

const sites: Readonly<Record<string, Site>> = {
  SvelteKit: {
    packages: ["@sveltejs/kit@3.2.0", "svelte@5.57.3", "@sveltejs/vite-plugin-svelte@7.3.1", vite],
    build: ["vite", "build"],
    entry: "build/server.js",
    options: [],
    files: ["build/client/_app/", "/app/_app/"],
    page: /Hello 127\.0\.0\.1 at http:\/\/localhost:\d+\/app\//,
    sources: {
      "adapter.js": new URL("sveltekit/adapter.js", examples),
      "vite.config.js": `import { sveltekit } from "@sveltejs/kit/vite";
import adapter from "./adapter.js";
export default { plugins: [sveltekit({ adapter: adapter(), paths: { base: process.env.BASE } })] };`,
      "src/app.html": "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>",
      "src/routes/+page.server.js":
        "export const load = ({ getClientAddress, url }) => ({ from: getClientAddress(), url: url.href });",
      "src/routes/+page.svelte": "<script>let { data } = $props();</script><p>Hello {data.from} at {data.url}</p>",
      "src/routes/api/+server.js":
        "export const POST = async ({ request }) => Response.json({ n: (await request.json()).n + 1 });",
    },
  },
  Astro: {
    packages: ["astro@7.3.5"],
    build: ["astro", "build"],
    entry: "dist/server/entry.mjs",
    options: [],
    files: ["dist/client/_astro/", "/app/_astro/"],
    page: /Hello 127\.0\.0\.1 at http:\/\/localhost:\d+\/app\//,
    sources: {
      "adapter.js": new URL("astro/adapter.js", examples),
      "server.js": new URL("astro/server.js", examples),
      "astro.config.mjs": `import { defineConfig } from "astro/config";
import adapter from "./adapter.js";
export default defineConfig({ output: "server", adapter: adapter(), base: process.env.BASE });`,
      "src/pages/index.astro":
        '<p>Hello {Astro.clientAddress} at {Astro.url.href}</p><script>import "../shared.js"; console.log("a script");</script>',
      "src/shared.js": `console.log("${"long enough to be a file of its own ".repeat(200)}");`,
      "src/pages/api.js":
        "export const POST = async ({ request }) => Response.json({ n: (await request.json()).n + 1 });",
    },
  },
  Nitro: {
    packages: ["nitro@3.0.0"],
    build: ["nitro", "build"],
    entry: ".output/server/index.mjs",
    // Its routes do not have the base. Without noExternals, its build is for Node alone.
    options: ["--strip-mount"],
    files: [".output/public/files/", "/app/files/"],
    page: /Hello at http:\/\/localhost:\d+\/ .*\/app\/files\/a\.js/,
    sources: {
      "nitro.config.mjs": `import { defineNitroConfig } from "nitro/config";
export default defineNitroConfig({ preset: "standard", noExternals: true, baseURL: process.env.BASE + "/" });`,
      "public/files/a.js": "console.log('a script');",
      "routes/index.ts": `import { defineHandler } from "nitro/h3";
export default defineHandler((event) => "Hello at " + event.req.url + ' <script src="/app/files/a.js">');`,
      "routes/api.post.ts": `import { defineHandler } from "nitro/h3";
export default defineHandler(async (event) => ({ n: (await event.req.json()).n + 1 }));`,
    },
  },
  "TanStack Start": {
    packages: [
      ...["@tanstack/react-start@1.169.5", "@tanstack/react-router@1.170.46", "@vitejs/plugin-react@6.3.0"],
      ...["react@19.3.1", "react-dom@19.3.1", vite],
    ],
    build: ["vite", "build"],
    entry: "dist/server/server.js",
    options: [],
    files: ["dist/client/assets/", "/app/assets/"],
    page: /<p>Hello<\/p>/,
    sources: {
      "vite.config.js": `import { tanstackStart } from "@tanstack/react-start/plugin/vite";
import react from "@vitejs/plugin-react";
export default { base: process.env.BASE, plugins: [tanstackStart(), react()] };`,
      "src/router.jsx": `import { createRouter } from "@tanstack/react-router";
import { routeTree } from "./routeTree.gen";
export const getRouter = () => createRouter({ routeTree });`,
      "src/routes/__root.jsx": `import { createRootRoute, HeadContent, Outlet, Scripts } from "@tanstack/react-router";
export const Route = createRootRoute({
  component: () => <html lang="en"><head><HeadContent /></head><body><Outlet /><Scripts /></body></html>,
});`,
      "src/routes/index.jsx": `import { createFileRoute } from "@tanstack/react-router";
export const Route = createFileRoute("/")({ loader: () => "Hello", component: () => <p>{Route.useLoaderData()}</p> });`,
      "src/routes/api.js": `import { createFileRoute } from "@tanstack/react-router";
export const Route = createFileRoute("/api")({
  server: { handlers: { POST: async ({ request }) => Response.json({ n: (await request.json()).n + 1 }) } },
});`,
    },
  },
};

const runtimes = (await findRuntimes()).filter(({ name }) => ["deno", "bun", "node24"].includes(name));
const node = runtimes.find(({ name }) => name === "node24")?.command[0] ?? "node";

/** Installs and builds a site. */
async function buildSite(folder: string, { packages, build, sources }: Site): Promise<void> {
  for (const [path, source] of Object.entries({ "package.json": '{ "type": "module" }', ...sources })) {
    const target = `${folder}/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(target, typeof source === "string" ? source : await Deno.readTextFile(source));
  }
  // npm and what it starts take the first Node of the PATH.
  await Deno.mkdir(`${folder}/bin`);
  await Deno.symlink(findProgram(node) ?? node, `${folder}/bin/node`);
  const env = {
    PATH: `${folder}/bin:${Deno.env.get("PATH")}`,
    BASE: "/app",
    ASTRO_TELEMETRY_DISABLED: "1",
  };
  const flags = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  await outputOf(["npm", "install", ...flags, ...packages], { cwd: folder, env });
  await outputOf(["npx", "--no-install", ...build], { cwd: folder, env });
}

async function checkSite(url: string, { page, files }: Site): Promise<void> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(`${url}/`, { client });
  const text = await response.text();
  assertEquals(response.status, 200, text);
  assertMatch(text, page);
  // SvelteKit's are relative.
  const [path = ""] = text.match(new RegExp(`(?:${files[1]}|\\./_app/)[^"']+\\.js`)) ?? [];
  const script = await fetch(new URL(path, `${url}/`), { client });
  await script.body?.cancel();
  const type = script.headers.get("content-type");
  assertEquals([path === "", script.status, type], [false, 200, "application/javascript"]);
  const headers = { "content-type": "application/json", origin: new URL(url).origin };
  const answer = await fetch(`${url}/api`, { method: "POST", headers, body: '{"n":1}', client });
  assertEquals([answer.status, await answer.text()], [200, '{"n":2}']);
}

for (const [name, site] of Object.entries(sites)) {
  Deno.test({
    name: `a site of ${name}'s is served behind nginx under a path on ${runtimes.map(({ name }) => name).join(", ")}`,
    ignore: isMissing("nginx"),
    fn: () =>
      withFolder(async (folder) => {
        await Deno.chmod(folder, 0o755);
        const package_ = new URL("../../scripts/package.mjs", import.meta.url).pathname;
        await outputOf([node, package_, `--out=${folder}/webfcgi`], {});
        await Deno.mkdir(`${folder}/site`);
        await buildSite(`${folder}/site`, site);
        const folders = [{ url: site.files[1], folder: `${folder}/site/${site.files[0]}` }];
        for (const { name, command } of runtimes) {
          const socket = `${folder}/${name}.sock`;
          const serve = [`${folder}/webfcgi/esm/src/cli/main.js`, "serve", `${folder}/site/${site.entry}`];
          await using process = start([...command, ...serve, "--mode", "666", "-l", socket, ...site.options]);
          await until(() => Deno.stat(socket).then(() => true, () => false), `${name} to serve`, 20_000);
          const port = freePort();
          const options = { listen: socket, mount: "/app", host: `localhost:${port}`, static: folders };
          await using _web = await startOnDebian("nginx", { ...webServerConfig("nginx", options), port });
          await checkSite(`http://localhost:${port}/app`, site).catch((error) => {
            throw new Error(`on ${name}: ${error.message}\n${process.said()}`);
          });
        }
      }),
  });
}
