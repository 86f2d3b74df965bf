import { parseByteRange } from "../../src/bridge/byte_range.ts";
import { assertEquals } from "../std/assert.ts";

for (
  const [field, expected] of [
    ["bytes=0-4", { from: 0, to: 5 }],
    ["bytes=5-5", { from: 5, to: 6 }],
    ["bytes=3-", { from: 3, to: 10 }],
    ["bytes=3-99", { from: 3, to: 10 }],
    ["bytes=-3", { from: 7, to: 10 }],
    ["bytes=-99", { from: 0, to: 10 }],
    ["Bytes= 0-0 ", { from: 0, to: 1 }],
    ["bytes=9-", { from: 9, to: 10 }],
    ["bytes=10-", "none"],
    ["bytes=10-20", "none"],
    ["bytes=-0", "none"],
    [`bytes=${"9".repeat(400)}-`, "none"],
    [`bytes=0-${"9".repeat(400)}`, { from: 0, to: 10 }],
    ["bytes=5-4", undefined],
    ["bytes=0-1,4-5", undefined],
    ["bytes=-", undefined],
    ["bytes=", undefined],
    ["bytes=a-b", undefined],
    ["bytes=0x1-2", undefined],
    ["bytes=--1", undefined],
    ["lines=0-1", undefined],
    ["0-1", undefined],
    ["", undefined],
  ] as const
) {
  Deno.test(`parseByteRange gives ${JSON.stringify(expected)} of 10 bytes when asked for ${field.slice(0, 20)}`, () => {
    assertEquals<unknown>(parseByteRange(field, 10), expected);
  });
}

Deno.test("parseByteRange finds no byte in an empty file", () => {
  assertEquals(parseByteRange("bytes=0-", 0), "none");
  assertEquals(parseByteRange("bytes=-1", 0), "none");
});
