/** Random numbers that are the same every time, so that a failure can be had again. */

/** A generator of random things that follow from a seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ mixed >>> 15, mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return Math.floor(((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32 * limit);
  }

  /** `true` once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of `choices`. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** A length, small ones more often, that now and then meets a border of the protocol. */
  length(): number {
    if (this.once(60)) return this.pick([16_383, 16_384, 32_768, 65_528, 65_529, 65_535, 70_000, 140_000]);
    return this.below(this.pick([1, 9, 130, 300]));
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.below(256);
    return bytes;
  }

  /** `length` characters from 0 to 255. */
  latin1(length: number): string {
    let text = "";
    for (let at = 0; at < length; at++) text += String.fromCharCode(this.below(256));
    return text;
  }
}
