/** Runs every test: on this Deno, on Bun and Node beside it, and those of the npm package. */

import { findRuntimes } from "../tests/runtimes.ts";
import { finish, step } from "./steps.ts";

const deno = Deno.execPath();
// What is to be fetched is fetched here, and not by both.
await findRuntimes();
const others = step("other runtimes", [deno, "task", "test:runtimes"], { isBesideOthers: true });
finish([
  await step(`Deno ${Deno.version.deno}`, [deno, "task", "test:deno"]),
  await step("real web servers, PHP and peers", [deno, "task", "test:interop"]),
  await others,
  await step("npm package", [deno, "task", "test:package"]),
]);
