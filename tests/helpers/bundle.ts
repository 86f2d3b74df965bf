/** Makes one file of JavaScript of a module and all that it imports: Node 20 does not run TypeScript. */

import { outputOf } from "./output_of.ts";

/** Bundles the module at `source` into `target`, with further options of `deno bundle`. */
export async function bundle(source: URL | string, target: string, ...options: string[]): Promise<void> {
  await outputOf(
    [
      Deno.execPath(),
      "bundle",
      "--quiet",
      "--frozen",
      "--lock=tests/deno.lock",
      ...options,
      "--output",
      target,
      String(source),
    ],
    { cwd: new URL("../..", import.meta.url) },
  );
}
