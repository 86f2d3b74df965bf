/** Preloaded into `deno test`: a test that leaves a socket open or does not end fails. */

import { leftOpen, type OpenHandles, openHandles, pause } from "./open_handles.ts";

/** The longest that a test may take, all its steps together. */
const limitMs = 120_000;

let before: OpenHandles = new Map();
let timer: ReturnType<typeof setTimeout> | undefined;

Deno.test.beforeEach(async () => {
  await pause();
  before = openHandles();
  timer = setTimeout(() => {
    // Nothing catches it: deno gives up the test's file, names the test and goes on with the next file.
    throw new Error(`the test did not end within ${limitMs} ms`);
  }, limitMs);
});

Deno.test.afterEach(async () => {
  clearTimeout(timer);
  await pause();
  const left = await leftOpen(before);
  if (left !== "") throw new Error(`the test left open: ${left}`);
});
