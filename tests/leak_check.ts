/** Preloaded into `deno test`: a test that leaves a socket open fails. */

import { leftOpen, type OpenHandles, openHandles, pause } from "./open_handles.ts";

let before: OpenHandles = new Map();

Deno.test.beforeEach(async () => {
  await pause();
  before = openHandles();
});

Deno.test.afterEach(async () => {
  await pause();
  const left = await leftOpen(before);
  if (left !== "") throw new Error(`the test left open: ${left}`);
});
