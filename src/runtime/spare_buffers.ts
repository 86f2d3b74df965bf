/** Memory that transports lend from their runtime: on V8, allocating a piece costs as much as what is done with it. */

/** An idle connection waits with a buffer of this size: 2,000 of them cost 8 MB. */
export const MIN_READ_BYTES = 4096;
/** The most bytes that one `read` takes. */
const MAX_READ_BYTES = 65_536;
/** How many buffers of a size are kept for later; more are made when more transports need them. */
const MAX_SPARE_BUFFERS = 8;

/** Buffers of several sizes. */
export class SpareBuffers {
  readonly #spare = new Map<number, Uint8Array[]>();

  /** Lends a buffer of a size. */
  take(size: number): Uint8Array {
    return this.#spare.get(size)?.pop() ?? new Uint8Array(size);
  }

  /** Takes a buffer back, unless it is so small that each transport has its own. */
  giveBack(buffer: Uint8Array): void {
    if (buffer.length <= MIN_READ_BYTES) return;
    const spare = this.#spare.get(buffer.length);
    if (spare === undefined) this.#spare.set(buffer.length, [buffer]);
    else if (spare.length < MAX_SPARE_BUFFERS) spare.push(buffer);
  }
}

/** A full buffer calls for a larger one; a nearly empty one for a smaller, so that an idle connection holds little. */
export function nextReadBytes(size: number, length: number): number {
  if (length === size) return Math.min(size * 4, MAX_READ_BYTES);
  return length <= size / 16 ? Math.max(size / 4, MIN_READ_BYTES) : size;
}
