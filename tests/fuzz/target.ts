/** What the fuzzer needs to know of a part of the library to try it. */

import type { Random } from "../protocol/random.ts";
import type { Trace } from "./trace.ts";

/** A part of the library, as a function of one input. */
export interface Target<Input> {
  readonly name: string;
  /** Its share of the runs. */
  readonly weight: number;
  readonly seeds: readonly Input[];
  /** The input's length; long ones are tried less often. */
  length(input: Input): number;
  /** A new input near to `input`; `other` is one more of the corpus. */
  mutate(input: Input, other: Input, random: Random): Input;
  /**
   * Reads the input, and again in another way that follows from `cutSeed`.
   *
   * @throws Whatever must not be.
   */
  check(input: Input, cutSeed: number, trace: Trace): void;
  /** Smaller and plainer inputs. */
  smaller(input: Input): Iterable<Input>;
  toBytes(input: Input): Uint8Array;
  fromBytes(bytes: Uint8Array): Input;
  /** Reads the input from chunks of 64 KiB memory each, and gives back what then holds all that is retained. */
  hold?(input: Input): unknown;
  /** The most that one held thing may retain, in bytes. */
  readonly maxHeldBytes?: number;
}

/** An invariant does not hold. */
export class Broken extends Error {
  override name = "Broken";
}

/** Says what must be. */
export function must(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Broken(what);
}

/** Plainer forms of bytes: parts left out, bytes made zero. */
export function* smallerBytes(input: Uint8Array): Iterable<Uint8Array> {
  for (let size = 1 << 16; size >= 1; size >>= 1) {
    if (size > input.length) continue;
    for (let at = 0; at + size <= input.length; at += size) {
      const rest = new Uint8Array(input.length - size);
      rest.set(input.subarray(0, at));
      rest.set(input.subarray(at + size), at);
      yield rest;
    }
  }
  for (let at = 0; at < input.length; at++) {
    if (input[at] === 0) continue;
    const plain = input.slice();
    plain[at] = 0;
    yield plain;
  }
}

/** What all targets whose inputs are bytes have in common. */
export const ofBytes: Pick<Target<Uint8Array>, "length" | "smaller" | "toBytes" | "fromBytes"> = {
  length: (input) => input.length,
  smaller: smallerBytes,
  toBytes: (input) => input,
  fromBytes: (bytes) => bytes,
};

/** Plainer forms of a flat list of names and values: pairs left out, texts shortened. */
export function* smallerPairs(input: readonly string[]): Iterable<string[]> {
  for (let at = 0; at < input.length; at += 2) yield input.toSpliced(at, 2);
  for (let at = 0; at < input.length; at++) {
    const text = input[at]!;
    for (let size = 1 << 12; size >= 1; size >>= 1) {
      for (let from = 0; from + size <= text.length; from += size) {
        yield input.with(at, text.slice(0, from) + text.slice(from + size));
      }
    }
  }
}
