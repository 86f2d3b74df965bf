/** Runs every test: on this Deno, on Bun and Node beside it, behind real web servers, and those of the npm package. */

import { readdirSync } from "node:fs";
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
/** Tests of what is written for web servers; the others are of what is served behind them. Both wait most of the time. */
const ofConfigurations = /^(?:cgi|config|doctor|documentation|guides|other|redirects|roles|services)/;
const files = (isOf: boolean): string[] =>
  readdirSync(new URL("../tests/interop", import.meta.url)).filter((name) =>
    name.endsWith("_test.ts") && ofConfigurations.test(name) === isOf
  ).map((name) => `tests/interop/${name}`);
const configured = step("configurations of real web servers, guides, doctor", [
  deno,
  "task",
  "test:some",
  ...files(true),
], {
  isBesideOthers: true,
});
const behindServers = await step("real web servers, PHP and peers", [deno, "task", "test:some", ...files(false)]);
finish([onDeno, onOthers, behindServers, await configured, await ofPackage]);
