/** Serves on Deno in a process that was started with the user's entry: preloaded, and gone before the entry would run. */

import process from "node:process";
import { main } from "./main.ts";

process.exit(await main(["serve", ...process.argv.slice(2)]));
