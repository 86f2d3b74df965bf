/** What `.ci/run` runs once everything is installed: the gate, the README's command for the tests, and the fuzzer. */

import { finish, step } from "./steps.ts";

const deno = Deno.execPath();
finish([
  await step("gate", [deno, "task", "gate"]),
  await step("npx -y deno@2 task test", ["npx", "-y", "deno@2", "task", "test"]),
  await step("fuzz", [deno, "task", "fuzz", "--seconds=45"]),
]);
