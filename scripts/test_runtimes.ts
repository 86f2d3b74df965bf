/**
 * Runs the tests that need no Deno on Bun and Node, and has those that take TypeScript load the sources as they are.
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
import { Tally } from "./tally.ts";

/** A program that loads every source of the library as it is, as one test. */
function loadSources(): string {
  const paths = ["mod.ts", ...listFiles("src/", ".ts")].map((path) => new URL(path, root).href);
  return `
    try {
      for (const path of ${JSON.stringify(paths)}) await import(path);
      console.log("1 passed, 0 failed");
    } catch (error) {
      console.log("FAILED loading the sources", error, "\\n0 passed, 1 failed");
      process.exitCode = 1;
    }`;
}

const tally = new Tally();
const bundle = await bundleTests(option("modules"));
const sources = new URL("sources.mjs", `file://${bundle}`).pathname;
await Deno.writeTextFile(sources, loadSources());
try {
  const only = option("only");
  const runtimes = (await findRuntimes()).filter(({ name }) =>
    name !== "deno" && (only === undefined || name === only)
  );
  const showAtEnd = runtimes.length > 1;
  // Two at a time: the tests wait more than they compute.
  await Promise.all([0, 1].map(async (lane) => {
    for (const runtime of runtimes.filter((_, index) => index % 2 === lane)) {
      const title = `${runtime.name} (${runtime.version})`;
      await tally.run(title, [...runtime.command, bundle, option("name") ?? ""], { showAtEnd });
      if (!runtime.stripsTypes || option("modules") !== undefined) continue;
      await tally.run(`${title}, sources as they are`, [...runtime.command, sources], { showAtEnd });
    }
  }));
} finally {
  await Deno.remove(bundle.replace(/[^/]*$/, ""), { recursive: true });
}
tally.finish();
