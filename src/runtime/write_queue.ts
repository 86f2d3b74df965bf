/**
 * The bytes that a socket has not taken yet, for runtimes whose `write` may take only a part.
 *
 * Owns the pieces until they are sent; never copies one except into the caller's scratch memory, and never writes.
 */

/** Above this many queued bytes `Transport.write` asks its caller to wait. */
export const HIGH_WATER_BYTES = 65_536;

/** Pieces in order, sent from the front. */
export class WriteQueue {
  #pieces: Uint8Array[] = [];
  #first = 0;
  #offset = 0;
  #bytes = 0;

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a piece at the end. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** How much scratch memory {@linkcode peek} can use: 0 when only one piece is left, which is sent as it is. */
  get gatherBytes(): number {
    return this.#pieces.length - this.#first > 1 ? this.#bytes : 0;
  }

  /**
   * The next bytes to send: the first piece itself if it is alone or fills `scratch`, else as many as fit, copied into
   * `scratch`. A system call costs more than the copy of a record header.
   */
  peek(scratch: Uint8Array): Uint8Array {
    const first = this.#offset === 0
      ? this.#pieces[this.#first] as Uint8Array
      : (this.#pieces[this.#first] as Uint8Array).subarray(this.#offset);
    if (first.length >= scratch.length || this.#pieces.length - this.#first === 1) return first;
    scratch.set(first);
    let length = first.length;
    for (let i = this.#first + 1; i < this.#pieces.length && length < scratch.length; i++) {
      const piece = this.#pieces[i] as Uint8Array;
      const room = scratch.length - length;
      scratch.set(piece.length > room ? piece.subarray(0, room) : piece, length);
      length += Math.min(piece.length, room);
    }
    return scratch.subarray(0, length);
  }

  /** Forgets the first `bytes` bytes: they are sent. */
  sent(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes === 0) return this.clear();
    let left = this.#offset + bytes;
    for (;;) {
      const length = (this.#pieces[this.#first] as Uint8Array).length;
      if (left < length) break;
      left -= length;
      this.#first++;
    }
    this.#offset = left;
    // Sent pieces must not be held in memory while a slow reader never lets the queue run empty.
    if (this.#first > 32) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#pieces.length = 0;
    this.#first = 0;
    this.#offset = 0;
    this.#bytes = 0;
  }
}
