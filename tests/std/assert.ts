/**
 * `@std/assert` from its mirror on npm, which ships no types. With `jsr:@std/assert@1` in deno.json's `imports` this
 * folder can go.
 */

// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
