/**
 * The parts of a body that have arrived and have not been read.
 *
 * Owns their memory: no part shares its buffer with anything that a reader does not get, except the head of the record
 * that it came in.
 */

import { FCGI_HEADER_LEN } from "../protocol/constants.ts";

/** Parts below this length (bytes) are gathered in one piece of memory while they wait. */
const GATHERED_BYTES = 4096;

/** Parts in their order. */
export class PartQueue {
  #parts: Uint8Array[] = [];
  /** The memory behind the last part, if others are gathered in it, and how much of it is used. */
  #memory: Uint8Array = none;
  #used = 0;

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  /** Adds a part: by reference where its buffer holds nothing else, gathered with others if it is small, or as a copy. */
  add(content: Uint8Array, lent: boolean): void {
    if (!lent && isAlone(content)) {
      this.#parts.push(content);
      this.#memory = none;
      return;
    }
    const at = this.#used;
    if (content.length <= this.#memory.length - at) {
      this.#memory.set(content, at);
      this.#used = at + content.length;
      this.#parts[this.#parts.length - 1] = this.#memory.subarray(0, this.#used);
    } else if (this.#parts.length > 0 && content.length < GATHERED_BYTES) {
      this.#memory = new Uint8Array(GATHERED_BYTES);
      this.#memory.set(content);
      this.#used = content.length;
      this.#parts.push(this.#memory.subarray(0, content.length));
    } else {
      // Unlike `slice`, V8 does not clear the memory first.
      this.#parts.push(new Uint8Array(content));
      this.#memory = none;
    }
  }

  /** Takes all of them out. */
  take(): Uint8Array[] {
    const parts = this.#parts;
    this.#parts = [];
    this.#memory = none;
    return parts;
  }
}

const none = new Uint8Array(0);

/**
 * Whether a part's buffer holds nothing else, except the head of its record: what the socket read begins with either.
 */
function isAlone({ buffer, byteOffset, length }: Uint8Array): boolean {
  return byteOffset <= FCGI_HEADER_LEN && byteOffset + length === buffer.byteLength;
}
