/** Makes new inputs of old ones. */

import type { Random } from "../protocol/random.ts";

const MAX_LENGTH = 150_000;
/** What short inputs may grow to. */
const USUAL_LENGTH = 400;
/** What a text may grow to. */
const MAX_TEXT = 400;
const HEADER = 8;
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/** An input in the making. */
class Draft {
  readonly bytes: Uint8Array = new Uint8Array(MAX_LENGTH);
  length = 0;
  max = 0;

  start(input: Uint8Array): void {
    this.bytes.set(input);
    this.length = input.length;
    this.max = Math.max(USUAL_LENGTH, input.length);
  }

  remove(at: number, count: number): void {
    this.bytes.copyWithin(at, at + count, this.length);
    this.length -= count;
  }

  insert(at: number, part: Uint8Array): void {
    if (this.length + part.length > this.max) return;
    this.bytes.copyWithin(at + part.length, at, this.length);
    this.bytes.set(part, at);
    this.length += part.length;
  }
}

const draft = new Draft();
const borders: number[] = [];

/** Where records begin, and where the last one ends. */
function findBorders(bytes: Uint8Array, length: number): void {
  borders.length = 0;
  let at = 0;
  while (at + HEADER <= length && borders.length < 200) {
    borders.push(at);
    at += HEADER + (bytes[at + 4]! << 8 | bytes[at + 5]!) + bytes[at + 6]!;
  }
  borders.push(Math.min(at, length));
}

/** A part of `input` of 1 to `most` bytes. */
function partOf(input: Uint8Array, most: number, random: Random): Uint8Array {
  const length = Math.min(input.length, 1 + random.below(most));
  const at = random.below(input.length - length + 1);
  return input.subarray(at, at + length);
}

function mutateByte(random: Random): void {
  if (draft.length === 0) return;
  const at = random.below(draft.length);
  const choice = random.below(3);
  if (choice === 0) draft.bytes[at] = random.below(256);
  else if (choice === 1) draft.bytes[at]! ^= 1 << random.below(8);
  else draft.bytes[at] = random.pick(EDGES);
}

function mutateRange(other: Uint8Array, random: Random): void {
  const choice = random.below(5);
  const at = random.below(draft.length + 1);
  if (choice === 0) draft.remove(at, Math.min(draft.length - at, 1 + random.below(random.once(4) ? 200 : 8)));
  else if (choice === 1) draft.insert(at, random.bytes(1 + random.below(8)));
  else if (choice === 2) draft.insert(at, partOf(other, 40, random));
  else if (choice === 3) {
    const part = partOf(other, 40, random);
    if (at + part.length <= draft.length) draft.bytes.set(part, at);
  } else if (random.once(4)) draft.length = at;
}

/** Changes what a record is, its content keeping its length unless `length` says. */
function mutateRecord(types: readonly number[], random: Random): void {
  findBorders(draft.bytes, draft.length);
  if (borders.length < 2) return;
  const index = random.below(borders.length - 1);
  const at = borders[index]!;
  const content = draft.bytes[at + 4]! << 8 | draft.bytes[at + 5]!;
  const end = Math.min(borders[index + 1]!, draft.length);
  const choice = random.below(8);
  if (choice === 0) draft.bytes[at + 1] = random.once(6) ? random.below(256) : random.pick(types);
  else if (choice === 1) draft.bytes[at + 3] = random.below(random.once(6) ? 256 : 4);
  else if (choice === 2) draft.remove(at, end - at);
  else if (choice === 3) draft.insert(at, draft.bytes.slice(at, Math.min(end, at + 300)));
  else if (choice === 4) {
    // Padding, which nothing may depend on.
    const padding = random.below(random.once(4) ? 256 : 9);
    const from = at + HEADER + content;
    if (from + draft.bytes[at + 6]! > draft.length || draft.length + padding > draft.max) return;
    draft.remove(from, draft.bytes[at + 6]!);
    draft.bytes[at + 6] = padding;
    draft.insert(from, random.bytes(padding));
  } else if (choice === 5) {
    // A part more or less of content, the header telling the truth.
    const room = Math.min(content, draft.length - at - HEADER);
    const less = random.below(room + 1);
    if (room !== content) return;
    draft.remove(at + HEADER + content - less, less);
    setContentLength(at, content - less);
  } else if (choice === 6) {
    if (at + HEADER + content > draft.length) return;
    const more = random.bytes(1 + random.below(random.once(8) ? 300 : 10));
    if (draft.length + more.length > draft.max || content + more.length > 65_535) return;
    draft.insert(at + HEADER + content, more);
    setContentLength(at, content + more.length);
  } else {
    // The content in two records: streams must not care.
    if (content < 2 || at + HEADER + content > draft.length || draft.length + HEADER > draft.max) return;
    const first = 1 + random.below(content - 1);
    const header = draft.bytes.slice(at, at + HEADER);
    draft.insert(at + HEADER + first, header);
    setContentLength(at + HEADER + first, content - first);
    setContentLength(at, first);
    draft.bytes[at + 6] = 0;
  }
}

function setContentLength(at: number, length: number): void {
  draft.bytes[at + 4] = length >> 8;
  draft.bytes[at + 5] = length;
}

function spliceRecords(other: Uint8Array, random: Random): void {
  findBorders(other, other.length);
  if (borders.length < 2) return;
  const first = random.below(borders.length - 1);
  const last = Math.min(borders.length - 1, first + 1 + random.below(4));
  const from = borders[first]!;
  const until = Math.min(borders[last]!, from + USUAL_LENGTH);
  findBorders(draft.bytes, draft.length);
  draft.insert(random.pick(borders), other.subarray(from, until));
}

/** Bytes near to `input`; `types` are those of the records that make sense in it. */
export function mutateRecords(types: readonly number[]): (a: Uint8Array, b: Uint8Array, random: Random) => Uint8Array {
  return (input, other, random) => {
    draft.start(input);
    for (let left = 1 + random.below(random.once(4) ? 8 : 2); left > 0; left--) {
      const choice = random.below(10);
      if (choice < 2) mutateByte(random);
      else if (choice < 3) mutateRange(other, random);
      else if (choice < 8) mutateRecord(types, random);
      else spliceRecords(other, random);
    }
    return draft.bytes.slice(0, draft.length);
  };
}

/** Bytes near to `input`. */
export function mutateBytes(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  draft.start(input);
  for (let left = 1 + random.below(random.once(4) ? 8 : 2); left > 0; left--) {
    if (random.once(2)) mutateByte(random);
    else mutateRange(other, random);
  }
  return draft.bytes.slice(0, draft.length);
}

/** Makes the function that gives a list of names and values near to another, with `words` put into the texts. */
export function mutatePairs(
  names: readonly string[],
  words: readonly string[],
): (a: readonly string[], b: readonly string[], random: Random) => string[] {
  const mutateText = (text: string, random: Random): string => {
    const at = random.below(text.length + 1);
    const choice = random.below(5);
    if (choice < 2) return text.slice(0, at) + random.pick(words) + text.slice(at);
    if (choice === 2) return text.slice(0, at) + text.slice(at + 1 + random.below(random.once(4) ? 20 : 3));
    if (choice === 3) {
      const code = random.once(40) ? random.below(0x10000) : random.below(256);
      return text.slice(0, at) + String.fromCharCode(code) + text.slice(at + random.below(2));
    }
    return random.once(3) ? random.pick(words) : text.slice(0, at) + text.slice(random.below(text.length + 1), 400);
  };
  return (input, other, random) => {
    const pairs = [...input];
    for (let left = 1 + random.below(random.once(4) ? 6 : 2); left > 0; left--) {
      const at = 2 * random.below(pairs.length / 2 + 1);
      const choice = at === pairs.length ? 7 : random.below(10);
      if (choice < 6) pairs[at + 1] = mutateText(pairs[at + 1]!, random).slice(0, MAX_TEXT);
      else if (choice === 6) pairs.splice(at, 2);
      else if (choice === 7) {
        if (pairs.length < 80) pairs.push(random.pick(names), random.pick(words));
      } else if (choice === 8) {
        const from = 2 * random.below(other.length / 2);
        if (from < other.length && pairs.length < 80) pairs.push(other[from]!, other[from + 1]!);
      } else if (random.once(4)) pairs[at] = mutateText(pairs[at]!, random);
      else pairs[at] = random.pick(names);
    }
    return pairs;
  };
}
