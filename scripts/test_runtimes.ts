/**
 * Runs the tests that need no Deno on Bun and Node.
 *
 * ```sh
 * deno run -A scripts/test_runtimes.ts [--only=node20] [--name="part of a test's name"] [--modules=folder]
 * ```
 *
 * `--modules` tests an installed npm package's folder of modules (with its `mod.js`) in place of the sources.
 */

import { findRuntimes } from "../tests/runtimes.ts";
import { bundleTests } from "./bundle_tests.ts";
import { Tally } from "./tally.ts";

function option(name: string): string | undefined {
  return Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}

const tally = new Tally();
const bundle = await bundleTests(option("modules"));
try {
  const only = option("only");
  for (const runtime of await findRuntimes()) {
    if (runtime.name === "deno" || (only !== undefined && runtime.name !== only)) continue;
    await tally.run(`${runtime.name} (${runtime.version})`, [...runtime.command, bundle, option("name") ?? ""]);
  }
} finally {
  await Deno.remove(bundle.replace(/[^/]*$/, ""), { recursive: true });
}
tally.finish();
