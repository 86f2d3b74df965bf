/** `@std/assert` with types: its mirror on npm ships none. With `jsr:@std/assert` this file and its `.d.ts` can go. */

// @ts-types="./assert.d.ts"
export * from "@std/assert";
