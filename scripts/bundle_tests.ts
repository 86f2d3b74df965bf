/** Makes one JavaScript file of the tests that need no Deno, for runtimes without TypeScript, `Deno.test` or import map. */

import { existsSync } from "node:fs";
import config from "../deno.json" with { type: "json" };
import { bundle } from "../tests/helpers/bundle.ts";
import { listFiles, root } from "./list_files.ts";

/** Folders of tests that drive Deno itself, or other programs from Deno. */
const denoOnlyFolders = ["tests/gate/", "tests/interop/"];

/** Whether a test runs under `deno test` alone. */
function isDenoOnly(path: string): boolean {
  return path.endsWith("_deno_test.ts") || denoOnlyFolders.some((folder) => path.startsWith(folder));
}

/**
 * Bundles the tests and gives back the bundle's path.
 *
 * @param modules A folder that holds the library's modules as JavaScript (`mod.js`, `src/…`), tested in place of the
 * sources: an installed npm package's.
 */
export async function bundleTests(modules?: string): Promise<string> {
  const files = listFiles("tests/", "_test.ts").filter((path) => !isDenoOnly(path));
  if (files.length === 0) throw new Error("Cannot bundle tests: there is none that runs without Deno");
  const folder = new URL(".cache/tests/", root);
  await Deno.mkdir(folder, { recursive: true });
  const temporary = new URL(`file://${await Deno.makeTempDir({ dir: folder.pathname })}/`);
  const entry = new URL("entry.ts", temporary);
  const loads = files.map((path) => `  [${JSON.stringify(path)}, () => import("${new URL(path, root)}")],\n`);
  await Deno.writeTextFile(
    entry,
    `import { run } from "${new URL("tests/runner.ts", root)}";\nawait run([\n${loads.join("")}]);\n`,
  );
  // No deno.json: by its `name` and `exports` the library's own names would lead to the sources, past any import map.
  await Deno.writeTextFile(new URL("imports.json", temporary), JSON.stringify({ imports: await importMap(modules) }));
  const target = new URL("tests.mjs", temporary).pathname;
  await bundle(entry, target, "--no-config", `--import-map=${temporary.pathname}imports.json`);
  return target;
}

/** The import map of deno.json, with the library's sources led to `modules` when that is given. */
async function importMap(modules: string | undefined): Promise<Record<string, string>> {
  const sources = ["mod.ts", ...listFiles("src/", ".ts")];
  const target = modules && new URL(`file://${await Deno.realPath(modules)}/`);
  // A module that no entry point reaches is not in the package: it stays a source.
  const moved = (path: string): string => {
    const module = target && sources.includes(path) && new URL(path.replace(/\.ts$/, ".js"), target);
    return module && existsSync(module) ? module.href : new URL(path, root).href;
  };
  const imports: Record<string, string> = {};
  for (const [name, specifier] of Object.entries(config.imports)) {
    imports[name] = specifier.startsWith("./") ? moved(specifier.slice(2)) : specifier;
  }
  if (target) { for (const path of sources) imports[new URL(path, root).href] = moved(path); }
  return imports;
}
