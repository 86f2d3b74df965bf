/** Which runtime this is. */

import type { Runtime } from "./transport.ts";

/** Loads the shim of the runtime that this code runs on, and no other. */
export async function detectRuntime(): Promise<Runtime> {
  // Not by the globals' existence: shims for tests and packages define a `Deno` without a version.
  const { Deno, Bun } = globalThis as {
    readonly Deno?: { readonly version?: { readonly deno?: unknown } };
    readonly Bun?: { readonly version?: unknown };
  };
  if (typeof Deno?.version?.deno === "string") return (await import("./deno.ts")).denoRuntime();
  if (typeof Bun?.version === "string") return (await import("./bun.ts")).bunRuntime();
  return (await import("./node.ts")).nodeRuntime("node");
}
