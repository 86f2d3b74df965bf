/** Runs every test: on this Deno (with the examples in the documentation), on Bun and Node, and of the npm package. */

import { Tally } from "./tally.ts";

const deno = Deno.execPath();
const tally = new Tally();
await tally.run(`deno (${Deno.version.deno})`, [
  deno,
  "test",
  "--no-prompt",
  "--allow-all",
  "--doc",
  "--preload=tests/leak_check.ts",
  "tests",
  "src",
  "mod.ts",
  "README.md",
], 600_000);
await tally.run("other runtimes", [deno, "run", "-A", "scripts/test_runtimes.ts"], 900_000);
await tally.run("npm package", [deno, "run", "-A", "scripts/check_npm.ts"]);
tally.finish();
