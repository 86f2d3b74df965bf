/**
 * Runs the tests that need no Deno on Bun and Node, and loads the sources as they are on those that take TypeScript.
 *
 * ```sh
 * deno run -A scripts/test_runtimes.ts [--only=node20] [--name="part of a test's name"] [--modules=folder]
 * ```
 *
 * `--modules` tests an installed npm package's folder of modules (with its `mod.js`) in place of the sources.
 */

import { findRuntimes } from "../tests/runtimes.ts";
import { bundleTests } from "./bundle_tests.ts";
import { listFiles, root } from "./list_files.ts";
import { option } from "./option.ts";
import { type Counts, finish, step } from "./steps.ts";

/** A program that loads every source of the library as it is. */
function loadSources(): string {
  const paths = ["mod.ts", ...listFiles("src/", ".ts")].map((path) => new URL(path, root).href);
  return `for (const path of ${JSON.stringify(paths)}) await import(path);\n`;
}

const modules = option("modules");
const only = option("only");
const bundle = await bundleTests(modules);
const folder = bundle.replace(/[^/]*$/, "");
const sources = `${folder}sources.mjs`;
await Deno.writeTextFile(sources, loadSources());
try {
  const runtimes = (await findRuntimes(only)).filter(({ name }) => only !== undefined || name !== "deno");
  const isBesideOthers = runtimes.length > 1;
  const counts: Counts[] = [];
  // Two at a time: the tests wait more than they compute.
  await Promise.all([0, 1].map(async (lane) => {
    for (const { name, version, command, stripsTypes } of runtimes.filter((_, index) => index % 2 === lane)) {
      const title = `${name} (${version})`;
      counts.push(await step(title, [...command, bundle, option("name") ?? ""], { isBesideOthers }));
      if (!stripsTypes || modules !== undefined) continue;
      counts.push(await step(`${title} loads the sources as they are`, [...command, sources], { isBesideOthers }));
    }
  }));
  finish(counts);
} finally {
  await Deno.remove(folder, { recursive: true });
}
