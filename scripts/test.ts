/** Runs every test: on this Deno (with the examples in the documentation), on Bun and Node, and of the npm package. */

import { findRuntimes } from "../tests/runtimes.ts";
import { Tally } from "./tally.ts";

const deno = Deno.execPath();
const tally = new Tally();
// What is to be fetched is fetched here, and not by both.
await findRuntimes();
await Promise.all([
  tally.run(`deno (${Deno.version.deno})`, [
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
  ], { timeoutMs: 600_000 }),
  tally.run("other runtimes", [deno, "run", "-A", "scripts/test_runtimes.ts"], { timeoutMs: 900_000, showAtEnd: true }),
]);
await tally.run("npm package", [deno, "run", "-A", "scripts/check_npm.ts"]);
tally.finish();
