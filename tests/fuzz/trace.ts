/** What an input made happen: a hash to compare, and the measure of how new it was. */

/** Bits of a feature; more than these would hardly be filled. */
const FEATURE_BITS = 18;

/** The shape of what has happened so far, over all inputs: which three events in a row have been seen. */
export class Coverage {
  readonly #seen: Uint8Array = new Uint8Array(1 << FEATURE_BITS);
  #count = 0;

  /** Features seen so far. */
  get count(): number {
    return this.#count;
  }

  /** Takes a feature; `true` if it is the first of its kind. */
  add(feature: number): boolean {
    const place = Math.imul(feature, 0x9e3779b1) >>> 32 - FEATURE_BITS;
    if (this.#seen[place] !== 0) return false;
    this.#seen[place] = 1;
    this.#count++;
    return true;
  }
}

/** Takes down what happens while one input is read. Contents of one stream that follow each other are one event. */
export class Trace {
  /** Everything so far in one number. */
  hash = 0;
  /** Whether something happened after something else that never did so before. */
  novel = false;
  readonly #coverage: Coverage | undefined;
  #last = 0;
  #beforeLast = 0;
  #content = -1;

  /** Makes an empty trace; without `coverage` it only compares. */
  constructor(coverage?: Coverage) {
    this.#coverage = coverage;
  }

  /** Something happened: `kind` is its shape, below 4096; `detail` is compared, but is no news. */
  event(kind: number, detail = 0): void {
    this.#content = -1;
    this.#mix(kind);
    this.#mix(detail);
    this.#feature(kind);
  }

  /** A part of a stream's content. */
  content(kind: number, bytes: Uint8Array): void {
    if (this.#content !== kind) {
      this.event(kind);
      this.#content = kind;
    }
    this.bytes(bytes);
  }

  /** Bytes that belong to what has just happened. */
  bytes(bytes: Uint8Array): void {
    let hash = this.hash;
    for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193) ^ hash >>> 15;
    this.hash = hash;
  }

  /** A text that belongs to what has just happened. */
  text(text: string): void {
    let hash = this.hash;
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) ^ hash >>> 15;
    this.hash = hash;
  }

  /** The shape of a text: its kinds of characters in order, repetitions left out. */
  shape(kind: number, text: string | undefined): void {
    let shape = kind;
    let last = 0;
    for (let at = 0; at < Math.min(text?.length ?? 0, 64); at++) {
      const code = text!.charCodeAt(at);
      const same = code < 0x20
        ? 1
        : code > 0x7e
        ? 2
        : code >= 0x61 && code <= 0x7a || code >= 0x41 && code <= 0x5a
        ? 3
        : code >= 0x30 && code <= 0x39
        ? 4
        : code;
      if (same !== last) shape = Math.imul(shape ^ same, 0x01000193);
      last = same;
    }
    // So many shapes of a kind: enough to tell what is odd, too few for the corpus to drown in.
    this.#feature(kind << 7 | (text === undefined ? 0 : shape & 0x7f));
  }

  #feature(kind: number): void {
    if (this.#coverage?.add(this.#beforeLast << 24 ^ this.#last << 12 ^ kind)) this.novel = true;
    this.#beforeLast = this.#last;
    this.#last = kind;
  }

  #mix(value: number): void {
    this.hash = Math.imul(this.hash ^ value, 0x85ebca6b) ^ this.hash >>> 13;
  }
}
