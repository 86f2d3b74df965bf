/** How much memory the process holds once all garbage is gone. */

import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

interface Bun {
  gc(force: boolean): void;
}

const { Bun } = globalThis as { readonly Bun?: Bun };
let collectOnV8: (() => void) | undefined;

/** What the process holds, in MiB, after a full collection: what V8 has alive; on Bun, which counts otherwise, the RSS. */
export function heldMiB(): number {
  if (Bun !== undefined) {
    Bun.gc(true);
    return process.memoryUsage().rss / 1_048_576;
  }
  if (collectOnV8 === undefined) {
    setFlagsFromString("--expose-gc");
    collectOnV8 = runInNewContext("gc") as () => void;
  }
  collectOnV8();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}
