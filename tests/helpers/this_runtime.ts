/** The runtime that the tests run on, by its version: `Deno` may be a stand-in with nothing but `test`. */

const { Bun, Deno } = globalThis as unknown as Record<string, { version?: unknown } | undefined>;

export const isBun: boolean = typeof Bun?.version === "string";
export const isDeno: boolean = typeof (Deno?.version as { deno?: unknown } | undefined)?.deno === "string";
export const isNode: boolean = !isBun && !isDeno;
