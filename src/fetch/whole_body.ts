/** Collectors of bodies that are read whole: as bytes of the handler's own, as something made of bytes, as text. */

import type { BodyCollector, BodyTerms } from "../connection/incoming_body.ts";
import type { BodyMemory } from "./body_memory.ts";

/** The least memory (bytes) that is made for a body. */
const MIN_BYTES = 4096;
/** Make at most this many times the bytes received so far: Content-Length is only a promise. */
const MAX_PREALLOCATION_FACTOR = 32;

const none = new Uint8Array(0);

/** Collects in one piece of memory, and gives what `make` makes of it; the piece may be larger than the body. */
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

/**
 * Gives what is made of the text, which is decoded part by part, as it comes. Each part is cut before a character that is
 * not whole, because `stream: true` would decode other text than ASCII much more slowly.
 */
export class TextMade<T> implements BodyCollector<T> {
  readonly #make: (text: string) => T;
  #text = "";
  /** The beginning of a character, up to three bytes. */
  #begun: Uint8Array = none;
  #decoder: InstanceType<typeof TextDecoder> = withoutMark;

  constructor(make: (text: string) => T) {
    this.#make = make;
  }

  add(part: Uint8Array): void {
    let rest = part;
    if (this.#begun.length > 0) {
      const joined = new Uint8Array([...this.#begun, ...part.subarray(0, 3)]);
      const end = wholeCharacters(joined);
      // Not even that much was enough.
      if (end === 0) return void (this.#begun = joined);
      rest = part.subarray(end - this.#begun.length);
      this.#decode(joined.subarray(0, end));
    }
    const end = wholeCharacters(rest);
    this.#decode(rest.subarray(0, end));
    this.#begun = rest.slice(end);
  }

  finish(): T {
    this.#decode(this.#begun);
    return this.#make(this.#text);
  }

  only(part: Uint8Array): T {
    return this.#make(withoutMark.decode(part));
  }

  drop(): void {}

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
