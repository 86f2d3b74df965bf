/** What `.ci/run` runs once everything is installed: the gate, the README's command for the tests, and the fuzzer. */

import { runningDeno } from "../tests/runtimes.ts";
import { Tally } from "./tally.ts";

const tally = new Tally();
await tally.run("gate", [...runningDeno().command, "scripts/gate.ts"]);
await tally.run("npx -y deno@2 task test", ["npx", "-y", "deno@2", "task", "test"], { timeoutMs: 900_000 });
await tally.run("fuzz", [...runningDeno().command, "--v8-flags=--expose-gc", "scripts/fuzz.ts", "--seconds=45"]);
tally.finish();
