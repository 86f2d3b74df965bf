/** The ways in which a stream of bytes can reach its reader. */

import { Random } from "./random.ts";

/** A way to cut bytes into chunks, each of which is memory of its own. */
export interface Cut {
  readonly name: string;
  readonly chunks: (bytes: Uint8Array) => Uint8Array[];
}

/** Whole, byte by byte, and at random. */
export const cuts: readonly Cut[] = [
  { name: "whole", chunks: (bytes) => [bytes.slice()] },
  { name: "byte by byte", chunks: (bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte)) },
  ...[1, 2, 3, 4, 5].map((seed) => ({
    name: `at random (seed ${seed})`,
    chunks: (bytes: Uint8Array): Uint8Array[] => cutAtRandom(bytes, new Random(seed)),
  })),
];

/** Chunks of random lengths, among them short and empty ones. */
export function cutAtRandom(bytes: Uint8Array, random: Random): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const longest = random.pick([4, 20, 300, 5000, bytes.length + 1]);
  for (let at = 0; at < bytes.length;) {
    const until = at + random.below(random.once(4) ? 10 : longest + 1);
    chunks.push(bytes.slice(at, until));
    at = until;
  }
  return chunks;
}
