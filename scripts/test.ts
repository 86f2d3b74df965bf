/** Runs every test: on this Deno, on Bun and Node beside it, behind real web servers, and those of the npm package. */

import { findRuntimes } from "../tests/runtimes.ts";
import { type Counts, finish, step } from "./steps.ts";

const deno = Deno.execPath();

function task(title: string, name: string, isBesideOthers = false): Promise<Counts> {
  return step(title, [deno, "task", name], { isBesideOthers });
}

// What is to be fetched is fetched here, and not by both.
await findRuntimes();
// Two at a time: the tests wait more than they compute.
const others = task("other runtimes", "test:runtimes", true);
const onDeno = await task(`Deno ${Deno.version.deno}`, "test:deno");
const onOthers = await others;
const ofPackage = task("npm package", "test:package", true);
const behindServers = await task("real web servers, PHP and peers", "test:interop");
finish([onDeno, onOthers, behindServers, await ofPackage]);
