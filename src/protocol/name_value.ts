/** Name-value pairs (§3.4): the content of PARAMS, GET_VALUES and GET_VALUES_RESULT. */

import { ProtocolError } from "../errors.ts";
import { decodeLatin1, writeLatin1 } from "./latin1.ts";

/** Lengths from here on take four bytes, the first with its top bit set (§3.4). */
const LONG_LENGTH = 0x80;

/**
 * Decodes a whole stream's content into `[name, value, name, value, …]`, one character a byte, in wire order.
 *
 * @throws {ProtocolError} `BAD_PAIRS` if the last pair is cut short.
 *
 * @example
 * ```ts
 * import { decodePairs } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodePairs(new Uint8Array([1, 2, 0x61, 0x62, 0x63])), ["a", "bc"]);
 * ```
 */
export function decodePairs(content: Uint8Array): string[] {
  const { text, offsets } = findPairs(content);
  const pairs: string[] = [];
  for (let index = 0; index < offsets.length; index += 3) {
    const valueAt = offsets[index + 1]!;
    pairs.push(text.substring(offsets[index]!, valueAt), text.substring(valueAt, offsets[index + 2]!));
  }
  return pairs;
}

/** Pairs that have been found in a text, and not cut out of it. */
export interface PairOffsets {
  /** One character a byte. */
  readonly text: string;
  /** Of each pair three offsets in the text: where its name begins, where its value begins, where its value ends. */
  readonly offsets: readonly number[];
}

/**
 * Finds the pairs of a whole stream's content, in wire order: a request has thirty of them, and few are ever read.
 *
 * @throws {ProtocolError} `BAD_PAIRS` if the last pair is cut short.
 */
export function findPairs(content: Uint8Array): PairOffsets {
  const text = decodeLatin1(content);
  const offsets = scratch;
  const end = content.length;
  let count = 0;
  let at = 0;
  while (at < end) {
    let nameLength = content[at++]!;
    if (nameLength >= LONG_LENGTH) {
      if (end - at < 3) throw cutShort(end);
      nameLength = (nameLength & 0x7f) << 24 | content[at]! << 16 | content[at + 1]! << 8 | content[at + 2]!;
      at += 3;
    }
    if (at === end) throw cutShort(end);
    let valueLength = content[at++]!;
    if (valueLength >= LONG_LENGTH) {
      if (end - at < 3) throw cutShort(end);
      valueLength = (valueLength & 0x7f) << 24 | content[at]! << 16 | content[at + 1]! << 8 | content[at + 2]!;
      at += 3;
    }
    if (nameLength + valueLength > end - at) throw cutShort(end);
    offsets[count++] = at;
    offsets[count++] = at += nameLength;
    offsets[count++] = at += valueLength;
  }
  const found = offsets.slice(0, count);
  if (count > MAX_SCRATCH) scratch.length = 0;
  return { text, offsets: found };
}

/** Where offsets are gathered: an array that grows as they are found leaves three times as much garbage. */
const scratch: number[] = [];
const MAX_SCRATCH = 3000;

function cutShort(length: number): ProtocolError {
  return new ProtocolError(
    "BAD_PAIRS",
    `Cannot read name-value pairs: the last one goes past the end of the ${length} bytes`,
  );
}

/**
 * Encodes `[name, value, name, value, …]`, one byte a character.
 *
 * @throws {RangeError} If `pairs` has an odd length.
 *
 * @example
 * ```ts
 * import { decodePairs, encodePairs } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const pairs = ["REQUEST_METHOD", "GET", "QUERY_STRING", ""];
 * assertEquals(decodePairs(encodePairs(pairs)), pairs);
 * ```
 */
export function encodePairs(pairs: readonly string[]): Uint8Array {
  if (pairs.length % 2 !== 0) throw new RangeError("Cannot encode name-value pairs: the last name has no value");
  let size = 0;
  for (const text of pairs) size += (text.length < LONG_LENGTH ? 1 : 4) + text.length;
  const content = new Uint8Array(size);
  let at = 0;
  for (let index = 0; index < pairs.length; index += 2) {
    const name = pairs[index]!;
    const value = pairs[index + 1]!;
    at = writeLength(name.length, content, at);
    at = writeLength(value.length, content, at);
    at = writeLatin1(value, content, writeLatin1(name, content, at));
  }
  return content;
}

function writeLength(length: number, into: Uint8Array, at: number): number {
  if (length >= LONG_LENGTH) {
    into[at++] = length >>> 24 | LONG_LENGTH;
    into[at++] = length >>> 16;
    into[at++] = length >>> 8;
  }
  into[at++] = length;
  return at;
}
