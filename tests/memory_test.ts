// How much memory is made, with room: what it is made of is the code's own affair.

import { BodyMemory } from "../src/fetch/body_memory.ts";
import { BytesMade, OwnBytes } from "../src/fetch/whole_body.ts";
import { RecordMemory, RecordWriter } from "../src/protocol/record_writer.ts";
import { detectRuntime } from "../src/runtime/detect.ts";
import type { NetAddr } from "../src/runtime/transport.ts";
import { isNode } from "./helpers/this_runtime.ts";
import { until } from "./helpers/waiting.ts";
import { recordAll } from "./runtime/recorder.ts";
import { assert, assertLessOrEqual } from "./std/assert.ts";

Deno.test("RecordWriter makes little memory for many small records, and lets large memory go", () => {
  const writer = new RecordWriter();
  const buffers = new Set<ArrayBufferLike>();
  for (let count = 0; count < 200; count++) {
    const isLarge = count % 10 === 0;
    writer.record(6, 1, new Uint8Array(isLarge ? 20_000 : 100));
    for (const { buffer } of writer.take()) if (!isLarge) buffers.add(buffer);
  }
  const bytes = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assertLessOrEqual(bytes, 3 * 180 * 112);
});

Deno.test("RecordMemory serves many writers in turn", () => {
  const memory = new RecordMemory();
  const buffers = new Set<ArrayBufferLike>();
  for (let count = 0; count < 700; count++) {
    const writer = new RecordWriter(memory);
    writer.streamEnd(6, 1);
    buffers.add(writer.take()[0]!.buffer);
  }
  assertLessOrEqual(buffers.size, 70);
});

Deno.test("RecordMemory makes hardly more pieces than writers have something written at a time", () => {
  const memory = new RecordMemory();
  const writers = Array.from({ length: 16 }, () => new RecordWriter(memory));
  const buffers = new Set<ArrayBufferLike>();
  for (let round = 0; round < 100; round++) {
    for (const writer of writers) writer.streamEnd(6, 1);
    for (const writer of writers) buffers.add(writer.take()[0]!.buffer);
  }
  assertLessOrEqual(buffers.size, 32);
});

for (const expected of [1_000_000_000, undefined]) {
  const what = expected === undefined ? "an unknown number of bytes" : `${expected} bytes`;
  const terms = { name: "request body", expected };
  const collectors = { OwnBytes: new OwnBytes(terms), BytesMade: new BytesMade(terms, new BodyMemory(), () => {}) };
  for (const [name, collector] of Object.entries(collectors)) {
    Deno.test(`${name} makes little memory for a body of ${what} of which little has come`, () => {
      const Native = globalThis.Uint8Array;
      let made = 0;
      globalThis.Uint8Array = new Proxy(Native, {
        construct(target, [of, ...args], newTarget): object {
          if (typeof of === "number") made += of;
          else if (of instanceof ArrayBuffer) made += of.byteLength;
          return Reflect.construct(target, [of, ...args], newTarget);
        },
      });
      try {
        for (let count = 0; count < 1000; count++) collector.add(Native.of(1));
      } finally {
        globalThis.Uint8Array = Native;
      }
      collector.drop();
      assert(made > 0 && made <= 40 * 1000, `${made} bytes made for 1000`);
    });
  }
}

Deno.test({
  name: "Node's sockets read into memory that they share",
  // If they do not, Node's insides are no longer what src/runtime/node.ts takes them for.
  ignore: !isNode,
  fn: async () => {
    const runtime = await detectRuntime();
    const buffers = new Set<ArrayBufferLike>();
    const { accept, recorders } = recordAll({ onReceived: (_, chunk) => void buffers.add(chunk.buffer) });
    const listener = await runtime.listen({ hostname: "127.0.0.1", port: 0 }, accept);
    for (let i = 0; i < 8; i++) {
      const transport = await runtime.connect(listener.addr as NetAddr, accept);
      transport.write([Uint8Array.of(1)]);
    }
    await until(() => recorders.filter(({ bytes }) => bytes === 1).length === 8, "what was written");
    for (const { transport } of recorders) transport.close();
    await until(() => recorders.every(({ closes }) => closes === 1), "all are closed");
    await listener.close();
    assertLessOrEqual(buffers.size, 2);
  },
});
