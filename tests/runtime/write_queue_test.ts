import { WriteQueue } from "../../src/runtime/write_queue.ts";
import { assert, assertEquals, assertStrictEquals } from "../std/assert.ts";
import { firstDifference, pattern } from "./recorder.ts";

Deno.test("WriteQueue.peek gives back the piece itself when it is alone", () => {
  const queue = new WriteQueue();
  const piece = pattern(10);
  queue.push(piece);
  assertEquals([queue.bytes, queue.gatherBytes], [10, 0]);
  assertStrictEquals(queue.peek(new Uint8Array(0)), piece);
  queue.sent(4);
  assertEquals(queue.peek(new Uint8Array(0)), piece.subarray(4));
  queue.sent(6);
  assertEquals(queue.bytes, 0);
});

Deno.test("WriteQueue.peek does not copy a piece when it fills the scratch memory", () => {
  const queue = new WriteQueue();
  const large = pattern(16);
  queue.push(large);
  queue.push(pattern(3));
  assertStrictEquals(queue.peek(new Uint8Array(16)), large);
  assertEquals(queue.gatherBytes, 19);
});

Deno.test("WriteQueue.push takes no notice of a piece when it is empty", () => {
  const queue = new WriteQueue();
  queue.push(new Uint8Array(0));
  assertEquals([queue.bytes, queue.gatherBytes], [0, 0]);
});

Deno.test("WriteQueue keeps every byte in order when writes are partial", () => {
  const all = pattern(30_000);
  // A plain generator, so that a failure repeats.
  let state = 1;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 200; round++) {
    const queue = new WriteQueue();
    const sent: Uint8Array[] = [];
    const scratch = new Uint8Array(1 + random(400));
    let pushed = 0;
    let out = 0;
    while (out < all.length) {
      for (let i = random(12); i > 0 && pushed < all.length; i--) {
        const piece = all.subarray(pushed, pushed + random(500));
        queue.push(piece);
        pushed += piece.length;
      }
      if (queue.bytes === 0) continue;
      const bytes = queue.peek(scratch);
      assert(bytes.length > 0);
      const taken = random(bytes.length + 1);
      sent.push(bytes.slice(0, taken));
      queue.sent(taken);
      out += taken;
      assertEquals(queue.bytes, pushed - out);
    }
    assertEquals(firstDifference(sent, all), -1);
  }
});

Deno.test("WriteQueue.clear forgets what is queued when called", () => {
  const queue = new WriteQueue();
  queue.push(pattern(5));
  queue.push(pattern(5));
  queue.sent(7);
  queue.clear();
  queue.push(pattern(2));
  assertEquals([queue.bytes, queue.peek(new Uint8Array(0))], [2, pattern(2)]);
});
