/** What the npm package is: the one place that both its builder and its check read. */

import { readdirSync } from "node:fs";
import config from "../deno.json" with { type: "json" };
import tools from "./tools/package.json" with { type: "json" };

const home = "https://github.com/webfcgi/webfcgi";

/** Where the package has what a module of the checkout becomes. */
function builtPath(path: string, extension: ".js" | ".d.ts"): string {
  return path.replace(/^\.\/(.*)\.ts$/, `./esm/$1${extension}`);
}

/** The entry points, as deno.json exports them. */
export const entryPoints: { name: string; path: string }[] = Object.entries(config.exports)
  .map(([name, path]) => ({ name, path }));

/** How the sources become JavaScript. ES2022: Node 20 and 22 know no `using`. */
export const compilerOptions = {
  target: "ES2022",
  lib: ["ES2022", "ESNext.Disposable", "DOM", "DOM.Iterable"],
} as const;

/** Files of the checkout that the package carries beside its modules. */
export const documents: readonly string[] = ["README.md", "LICENSE"];

/** The package.json. */
export const packageJson: { name: string } & Record<string, unknown> = {
  name: "webfcgi",
  version: config.version,
  description: "Puts a fetch handler, (request) => Response, behind nginx, Apache and every web server that speaks " +
    "FastCGI. For Node, Bun and Deno; no dependencies.",
  keywords: [
    ..."fastcgi fcgi cgi fetch handler server nginx apache lighttpd caddy haproxy mod_fcgid flup".split(" "),
    ..."php php-fpm hono deno bun node".split(" "),
  ],
  license: config.license,
  // npm attests where a package was built only if this is where.
  repository: { type: "git", url: `git+${home}.git` },
  homepage: `${home}#readme`,
  bugs: `${home}/issues`,
  type: "module",
  // Node versions in which require() takes an ES module.
  engines: { node: "^20.19.0 || >=22.12.0" },
  sideEffects: false,
  types: builtPath(config.exports["."], ".d.ts"),
  // `default`, not `import`: require() must find it too.
  exports: Object.fromEntries(
    entryPoints.map(({ name, path }) => [name, { types: builtPath(path, ".d.ts"), default: builtPath(path, ".js") }]),
  ),
  bin: { webfcgi: builtPath(config.exports["./cli"], ".js") },
  files: ["esm/**/*.js", "esm/**/*.d.ts"],
  devDependencies: { "@types/node": tools.devDependencies["@types/node"] },
};

/** Adds the documents to the modules in a folder, and has the examples in both import the package by its name on npm. */
export async function finishPackage(folder: string): Promise<void> {
  for (const name of documents) await Deno.copyFile(new URL(`../${name}`, import.meta.url), `${folder}/${name}`);
  const modules = readdirSync(`${folder}/esm`, { recursive: true, encoding: "utf8" }).map((path) => `esm/${path}`);
  for (const path of [...documents, ...modules.filter((path) => /\.(js|ts)$/.test(path))]) {
    const text = await Deno.readTextFile(`${folder}/${path}`);
    await Deno.writeTextFile(`${folder}/${path}`, text.replaceAll(`"${config.name}`, `"${packageJson.name}`));
  }
}
