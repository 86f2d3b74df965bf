/**
 * Memory that bodies are collected in while they are read whole, and that is used again: fresh memory costs more than
 * all that is done with it.
 *
 * Owns the pieces that nobody uses at the moment. Whoever takes one gives it back, and nothing that a handler gets may
 * refer to it.
 */

/** The smallest and the largest pieces (bytes), powers of two; larger ones are made each time. */
const MIN_PIECE = 16_384;
const MAX_PIECE = 2_097_152;
/** How many pieces are kept. */
const MAX_SPARE = 4;
/** How long they are kept while none is used, in milliseconds. */
const KEPT_MS = 5000;

/** Pieces of memory of a server's. */
export class BodyMemory {
  #spare: Uint8Array[] = [];
  #usedMs = 0;

  /** Bytes that are kept. */
  get spareBytes(): number {
    return this.#spare.reduce((bytes, piece) => bytes + piece.length, 0);
  }

  /**
   * Gives memory of at least `length` bytes, with anything in it; if there is a spare piece for it, of `wanted` bytes.
   */
  take(length: number, wanted: number): Uint8Array {
    const found = this.#spare.findIndex((piece) => piece.length >= wanted);
    if (found >= 0) return this.#spare.splice(found, 1)[0]!;
    if (length > MAX_PIECE) return new Uint8Array(length);
    return new Uint8Array(Math.max(MIN_PIECE, 2 ** Math.ceil(Math.log2(length))));
  }

  /** Takes a piece back. */
  giveBack(piece: Uint8Array): void {
    if (piece.length > MAX_PIECE || piece.length < MIN_PIECE) return;
    this.#usedMs = 0;
    this.#spare.push(piece);
    this.#spare.sort((a, b) => a.length - b.length);
    // The large ones are dear.
    if (this.#spare.length > MAX_SPARE) this.#spare.shift();
  }

  /** Lets go of what has not been used for some time; called now and then, with the time since the last call. */
  tick(passedMs: number): void {
    if (this.#spare.length === 0) return;
    this.#usedMs += passedMs;
    if (this.#usedMs >= KEPT_MS) this.clear();
  }

  /** Lets go of all that is spare. */
  clear(): void {
    this.#spare = [];
  }
}
