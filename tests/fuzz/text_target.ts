import { TextMade } from "../../src/fetch/whole_body.ts";
import { utf8Bytes } from "../helpers/bytes.ts";
import { Random } from "../protocol/random.ts";
import { mutateBytes } from "./mutate.ts";
import { must, ofBytes, type Target } from "./target.ts";
import type { Trace } from "./trace.ts";

const native = new TextDecoder();

/** A text that comes in parts is the one that the native decoder makes of the whole. */
function checkText(bytes: Uint8Array, cutSeed: number, trace: Trace): void {
  const whole = native.decode(bytes);
  const random = new Random(cutSeed);
  const collector = new TextMade((text) => text, 1 + random.below(8));
  const buffer = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(bytes.length - at, random.below(6));
    buffer.set(bytes.subarray(at, at + length));
    collector.add(buffer.subarray(0, length));
    buffer.fill(0xbf);
    at += length;
  }
  must(collector.finish() === whole, "a text is another when it comes in parts");
  must(new TextMade((text) => text).only(bytes) === whole, "a text is another when it comes whole");
  trace.shape(1, whole);
  trace.event(2 + Math.min(bytes.length - whole.length, 20));
}

/** The target for text that is decoded part by part. */
export const textTarget: Target<Uint8Array> = {
  ...ofBytes,
  name: "text",
  weight: 2,
  seeds: [
    ...["plain", "\ufeffä€😀\u0000", "߿ࠀ￿𐀀😀😀", "\ufeff\ufeff"].map(utf8Bytes),
    new Uint8Array([0xed, 0xa0, 0x80, 0xf0, 0x9f, 0x98, 0xc3, 0xe2, 0x82, 0x41, 0xf4, 0x90, 0x80, 0x80, 0xc0, 0x80]),
  ],
  mutate: mutateBytes,
  check: checkText,
};
