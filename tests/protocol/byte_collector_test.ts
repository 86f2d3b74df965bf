import { assert, assertEquals, assertStrictEquals } from "../std/assert.ts";
import { ByteCollector, joinBytes } from "../../src/protocol/byte_collector.ts";
import { Random } from "./random.ts";
import { concat } from "../helpers/bytes.ts";

Deno.test("ByteCollector gives the very part back when there was one", () => {
  const collector = new ByteCollector();
  const part = Uint8Array.of(1, 2, 3);
  collector.add(part);
  assertEquals(collector.length, 3);
  assertStrictEquals(collector.take(), part);
  assertEquals(collector.length, 0);
  assertEquals(collector.take(), new Uint8Array(0));
});

Deno.test("ByteCollector shows what has been collected, and keeps it", () => {
  const collector = new ByteCollector();
  const part = Uint8Array.of(1, 2);
  assertEquals(collector.peek(), new Uint8Array(0));
  collector.add(part);
  assertStrictEquals(collector.peek(), part);
  collector.add(Uint8Array.of(3));
  assertEquals(collector.peek(), Uint8Array.of(1, 2, 3));
  assertEquals(collector.take(), Uint8Array.of(1, 2, 3));
});

Deno.test("ByteCollector keeps nothing lent when it owns", () => {
  const collector = new ByteCollector();
  const first = Uint8Array.of(1, 2);
  collector.add(first);
  collector.own();
  first.fill(0xaa);
  const second = Uint8Array.of(3, 4, 5);
  collector.add(second);
  collector.own();
  second.fill(0xaa);
  assertEquals(collector.take(), Uint8Array.of(1, 2, 3, 4, 5));
});

Deno.test("ByteCollector leaves lent memory alone when more comes", () => {
  const collector = new ByteCollector();
  const memory = Uint8Array.of(1, 2, 9, 9);
  collector.add(memory.subarray(0, 2));
  collector.add(Uint8Array.of(3, 4));
  assertEquals(collector.take(), Uint8Array.of(1, 2, 3, 4));
  assertEquals(memory, Uint8Array.of(1, 2, 9, 9));
});

Deno.test("ByteCollector gives memory away when it begins anew", () => {
  const collector = new ByteCollector();
  collector.add(Uint8Array.of(1));
  collector.add(Uint8Array.of(2));
  const taken = collector.take();
  collector.own();
  collector.add(Uint8Array.of(7));
  collector.add(Uint8Array.of(8));
  collector.own();
  assertEquals(taken, Uint8Array.of(1, 2));
  assertEquals(collector.take(), Uint8Array.of(7, 8));
});

Deno.test("ByteCollector joins any parts, and holds at most twice their length", () => {
  const random = new Random(11);
  const collector = new ByteCollector();
  for (let round = 0; round < 300; round++) {
    const parts = Array.from({ length: random.below(30) }, () => random.bytes(1 + random.below(100)));
    const expected = concat(parts);
    for (const part of parts) {
      collector.add(part);
      if (random.once(2)) {
        collector.own();
        part.fill(0xaa);
      }
    }
    assertEquals(collector.length, expected.length);
    collector.own();
    for (const part of parts) part.fill(0xaa);
    const taken = collector.take();
    assertEquals(taken, expected);
    assert(taken.buffer.byteLength <= 2 * expected.length, `${taken.buffer.byteLength} for ${expected.length}`);
  }
});

Deno.test("ByteCollector copies at most three times what has come when it comes byte by byte", () => {
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
  const { set } = typedArray;
  let copied = 0;
  typedArray.set = function (source: ArrayLike<number>, at?: number): void {
    copied += source.length;
    set.call(this, source, at);
  };
  const collector = new ByteCollector();
  try {
    for (let count = 0; count < 10_000; count++) {
      collector.add(Uint8Array.of(count));
      collector.own();
    }
  } finally {
    typedArray.set = set;
  }
  assertEquals(collector.take(), Uint8Array.from({ length: 10_000 }, (_, count) => count));
  assert(copied >= 10_000 && copied <= 30_000, `${copied} bytes were copied`);
});

Deno.test("joinBytes gives all parts in one piece, and a single one as it is", () => {
  const part = new Uint8Array([1, 2]);
  assertStrictEquals(joinBytes([part]), part);
  assertEquals(joinBytes([part, new Uint8Array(0), new Uint8Array([3])]), new Uint8Array([1, 2, 3]));
  assertEquals(joinBytes([]), new Uint8Array(0));
});
