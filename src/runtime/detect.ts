/** Which runtime this is. */

import type { Runtime } from "./transport.ts";

/** Loads the shim of the runtime that this code runs on, and no other. */
export async function detectRuntime(): Promise<Runtime> {
  const { isDeno, isBun } = runtimeNames();
  if (isDeno) return (await import("./deno.ts")).denoRuntime();
  if (isBun) return (await import("./bun.ts")).bunRuntime();
  return (await import("./node.ts")).nodeRuntime("node");
}

/** Whether the runtime's own functions (its HTTP server, its caches, its files) take no Response but its own. Node's do. */
export function wantsNativeResponses(): boolean {
  const { isDeno, isBun } = runtimeNames();
  return isDeno || isBun;
}

function runtimeNames(): { readonly isDeno: boolean; readonly isBun: boolean } {
  // Not by the globals' existence: shims for tests and packages define a `Deno` without a version.
  const { Deno, Bun } = globalThis as {
    readonly Deno?: { readonly version?: { readonly deno?: unknown } };
    readonly Bun?: { readonly version?: unknown };
  };
  return { isDeno: typeof Deno?.version?.deno === "string", isBun: typeof Bun?.version === "string" };
}
