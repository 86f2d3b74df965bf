/** Collectors of bodies that are read whole: as bytes of the handler's own, as something made of bytes, as text. */

import type { BodyCollector, BodyTerms } from "../connection/incoming_body.ts";
import type { BodyMemory } from "./body_memory.ts";

/** The least memory (bytes) that is made for a body. */
const MIN_BYTES = 4096;
/** Make at most this many times the bytes received so far: Content-Length is only a promise. */
const MAX_PREALLOCATION_FACTOR = 32;

const none = new Uint8Array(0);

/** Collects in one piece of memory, which may be larger than the body. */
abstract class Collector<T> implements BodyCollector<T> {
  protected bytes: Uint8Array = none;
  readonly #terms: BodyTerms;
  #used = 0;

  constructor(terms: BodyTerms) {
    this.#terms = terms;
  }

  add(part: Uint8Array): void {
    const at = this.#used;
    const length = at + part.length;
    if (length > this.bytes.length) {
      const { expected, limit } = this.#terms;
      const most = Math.min(expected ?? Infinity, limit?.max ?? Infinity);
      const factor = expected === undefined ? 2 : MAX_PREALLOCATION_FACTOR;
      const bytes = this.take(Math.min(most, Math.max(MIN_BYTES, factor * length)), expected ?? length);
      bytes.set(this.bytes.subarray(0, at));
      this.drop();
      this.bytes = bytes;
    }
    this.bytes.set(part, at);
    this.#used = length;
  }

  finish(): T {
    return this.only(this.bytes.subarray(0, this.#used));
  }

  abstract only(part: Uint8Array): T;
  /** Takes at least `length` bytes of memory; for the whole body `wanted` would do. */
  protected abstract take(length: number, wanted: number): Uint8Array;
  abstract drop(): void;
}

/** Gives the bytes themselves, in memory that may be transferred. */
export class OwnBytes extends Collector<Uint8Array<ArrayBuffer>> {
  only(part: Uint8Array): Uint8Array<ArrayBuffer> {
    const isWhole = part.length === part.buffer.byteLength;
    return (isWhole ? part : part.slice()) as Uint8Array<ArrayBuffer>;
  }

  protected take(length: number): Uint8Array {
    return new Uint8Array(length);
  }

  drop(): void {
    this.bytes = none;
  }
}

/** Gives what is made of the bytes, which must not refer to them: their memory is a server's, and is used again. */
export class BytesMade<T> extends Collector<T> {
  readonly #memory: BodyMemory;
  readonly #make: (bytes: Uint8Array<ArrayBuffer>) => T;

  constructor(terms: BodyTerms, memory: BodyMemory, make: (bytes: Uint8Array<ArrayBuffer>) => T) {
    super(terms);
    this.#memory = memory;
    this.#make = make;
  }

  only(part: Uint8Array): T {
    return this.#make(part as Uint8Array<ArrayBuffer>);
  }

  protected take(length: number, wanted: number): Uint8Array {
    return this.#memory.take(length, wanted);
  }

  drop(): void {
    this.#memory.giveBack(this.bytes);
    this.bytes = none;
  }
}

/** Parts of a text below this length (bytes) are gathered: each piece of a string takes 32 bytes, however short it is. */
const GATHERED_BYTES = 4096;

/**
 * Gives what is made of the text, which is decoded part by part, as it comes. Each part is cut before a character that is
 * not whole, because `stream: true` would decode other text than ASCII much more slowly.
 */
export class TextMade<T> implements BodyCollector<T> {
  readonly #make: (text: string) => T;
  readonly #gatheredBytes: number;
  #text = "";
  /** Bytes that have not been decoded: small parts, or the beginning of a character. */
  #held: Uint8Array = none;
  #heldLength = 0;
  #decoder: InstanceType<typeof TextDecoder> = withoutMark;

  constructor(make: (text: string) => T, gatheredBytes: number = GATHERED_BYTES) {
    this.#make = make;
    this.#gatheredBytes = gatheredBytes;
  }

  add(part: Uint8Array): void {
    if (this.#heldLength + part.length < this.#gatheredBytes) return this.#hold(part);
    let rest = part;
    if (this.#heldLength > 0) {
      // The longest character has four bytes: one that has begun is whole with three more.
      const more = part.subarray(0, 3);
      this.#hold(more);
      const over = this.#decodeHeld();
      if (over > more.length) return;
      rest = part.subarray(more.length - over);
      this.#heldLength = 0;
    }
    const end = wholeCharacters(rest);
    this.#decode(rest.subarray(0, end));
    this.#hold(rest.subarray(end));
  }

  finish(): T {
    this.#decode(this.#held.subarray(0, this.#heldLength));
    return this.#make(this.#text);
  }

  only(part: Uint8Array): T {
    return this.#make(withoutMark.decode(part));
  }

  drop(): void {
    this.#text = "";
    this.#held = none;
    this.#heldLength = 0;
  }

  #hold(part: Uint8Array): void {
    if (part.length === 0) return;
    // With room for the beginning of a character, and what makes it whole.
    if (this.#held === none) this.#held = new Uint8Array(this.#gatheredBytes + 6);
    this.#held.set(part, this.#heldLength);
    this.#heldLength += part.length;
  }

  /** Decodes what is held but for a character that is not whole; returns how many bytes that has. */
  #decodeHeld(): number {
    const held = this.#held.subarray(0, this.#heldLength);
    const end = wholeCharacters(held);
    this.#decode(held.subarray(0, end));
    this.#held.copyWithin(0, end, held.length);
    return this.#heldLength = held.length - end;
  }

  #decode(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#text += this.#decoder.decode(bytes);
    // Only the first bytes can be a byte order mark.
    this.#decoder = withMark;
  }
}

const withoutMark = new TextDecoder();
const withMark = new TextDecoder("utf-8", { ignoreBOM: true });

/** How many bytes come before a character that has begun and is not whole; all of them if there is none. */
function wholeCharacters(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back]!;
    if (byte < 0x80) return length;
    // The first byte of a character says how many it has; at 0xf8 and above nothing begins.
    if (byte >= 0xc0) return byte < 0xf8 && back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? length - back : length;
  }
  return length;
}
