/**
 * Writes records (§3.3) into memory that is handed over in one go.
 *
 * Owns the bytes written since the last `take`, and nothing else. Small content is copied, so that a whole response is
 * one piece of memory and one write; large content goes by reference between the headers. What has been taken is
 * never touched again, because a socket may still be sending it.
 */

import { FCGI_HEADER_LEN, FCGI_MAX_CONTENT_LENGTH, FCGI_VERSION_1 } from "./constants.ts";
import { writeLatin1 } from "./latin1.ts";

/** Greatest content of the records that a stream is cut into: the largest multiple of 8 below 64 KiB less a header. */
export const MAX_STREAM_CONTENT = 65_528;
/** Content from this length on (bytes) goes by reference; below it, a copy costs less than one more piece. */
const BY_REFERENCE = 16_384;
/** Bytes in a piece of memory that many writers share: enough for some eighty small responses. */
const PIECE = 16_384;
/** Piece size for a writer without shared memory: room for about ten small responses, held as long as the writer. */
const OWN_PIECE = 2048;
/** A piece with less left than a small response takes is not used further. */
const MIN_ROOM = 512;
/** Pieces kept for later; more are made while more writers hold something at a time. */
const MAX_SPARE_PIECES = 64;
const utf8 = new TextEncoder();

/**
 * Memory that any number of writers use in turn: allocating it for each response would cost more than all else that a
 * response takes.
 *
 * Owns what is left of the pieces that no writer has.
 *
 * @example
 * ```ts
 * import { RecordMemory, RecordWriter } from "@webfcgi/webfcgi/codec";
 * import { assertStrictEquals } from "@std/assert";
 *
 * const memory = new RecordMemory();
 * const pieces = [1, 2].map((requestId) => {
 *   const writer = new RecordWriter(memory);
 *   writer.streamEnd(6, requestId);
 *   return writer.take()[0]!;
 * });
 * assertStrictEquals(pieces[0]!.buffer, pieces[1]!.buffer);
 * ```
 */
export class RecordMemory {
  readonly #pieceBytes: number;
  readonly #pieces: Uint8Array[] = [];
  /** How much of each is used. */
  readonly #used: number[] = [];
  #from = 0;

  /** Makes memory in pieces of a size in bytes, none at first. */
  constructor(pieceBytes: number = PIECE) {
    this.#pieceBytes = pieceBytes;
  }

  /** Where the unused part of the piece that was taken last begins. */
  get from(): number {
    return this.#from;
  }

  /** Hands over a piece that has room for `length` bytes; it is the caller's alone until it is given back. */
  take(length: number): Uint8Array {
    const last = this.#pieces.length - 1;
    if (last < 0 || this.#pieceBytes - this.#used[last]! < length) {
      this.#from = 0;
      return new Uint8Array(length <= this.#pieceBytes ? this.#pieceBytes : 2 * length);
    }
    this.#from = this.#used.pop()!;
    return this.#pieces.pop()!;
  }

  /** Takes back a piece whose first `used` bytes are in use for good. Pieces larger than usual are not kept. */
  giveBack(bytes: Uint8Array, used: number): void {
    const left = bytes.length - used;
    if (bytes.length !== this.#pieceBytes || left < MIN_ROOM || this.#pieces.length === MAX_SPARE_PIECES) return;
    this.#pieces.push(bytes);
    this.#used.push(used);
  }
}

/** Records that have been written and have yet to be sent. */
export interface RecordOutput {
  /** Whether nothing has been written since the last `take`. */
  readonly empty: boolean;
  /** Hands over what has been written, in order. These bytes are the caller's from now on. */
  take(): Uint8Array[];
}

/**
 * Gathers records into as few pieces of memory as possible.
 *
 * Reserved bytes are always zero, and contents are padded to multiples of 8 as §3.3 recommends.
 *
 * @example
 * ```ts
 * import { FCGI_STDOUT, RecordWriter } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const writer = new RecordWriter();
 * writer.stream(FCGI_STDOUT, 1, new TextEncoder().encode("hi"));
 * writer.streamEnd(FCGI_STDOUT, 1);
 * assertEquals(writer.take(), [
 *   new Uint8Array([1, 6, 0, 1, 0, 2, 6, 0, 0x68, 0x69, 0, 0, 0, 0, 0, 0, 1, 6, 0, 1, 0, 0, 0, 0]),
 * ]);
 * ```
 */
export class RecordWriter implements RecordOutput {
  readonly #shared: RecordMemory;
  #pieces: Uint8Array[] = [];
  #memory: Uint8Array = empty;
  /** Where in `#memory` the next byte goes. */
  #used = 0;
  /** Bytes of `#memory` that are in `#pieces` already. */
  #taken = 0;
  /** Where in `#memory` the header of the record in the making stands. */
  #record = 0;

  /** Makes a writer; those that share `memory` use it in turn. */
  constructor(memory: RecordMemory = new RecordMemory(OWN_PIECE)) {
    this.#shared = memory;
  }

  /** Whether nothing has been written since the last `take`. */
  get empty(): boolean {
    return this.#used === this.#taken && this.#pieces.length === 0;
  }

  /** Hands over what has been written, in order. These bytes are the caller's from now on. */
  take(): Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#shared.giveBack(this.#memory, this.#used);
    this.#memory = empty;
    this.#used = this.#taken = 0;
    return pieces;
  }

  /** Writes one record whose content is copied. @throws {RangeError} If it is longer than 65,535 bytes. */
  record(type: number, requestId: number, content: Uint8Array): void {
    this.open(type, requestId);
    this.bytes(content);
    this.close();
  }

  /**
   * Writes one record of text that is ASCII; returns false, and writes nothing, if it is not, or longer than 65,535
   * chars.
   */
  asciiRecord(type: number, requestId: number, text: string): boolean {
    const { length } = text;
    if (length > FCGI_MAX_CONTENT_LENGTH) return false;
    const padding = paddingOf(length);
    this.#reserve(FCGI_HEADER_LEN + length + padding);
    const at = this.#used + FCGI_HEADER_LEN;
    // Of ASCII, UTF-8 has as many bytes as there are chars.
    const { read, written } = utf8.encodeInto(text, this.#memory.subarray(at, at + length));
    if (read !== length || written !== length) return false;
    this.#header(type, requestId, length, padding);
    this.#used += length;
    this.#zeros(padding);
    return true;
  }

  /**
   * Writes `content` as records of a stream, as many as it takes; none if it is empty, for an empty record would end
   * the stream. Content of 16 KiB and more is kept by reference and must not be changed any more.
   */
  stream(type: number, requestId: number, content: Uint8Array): void {
    for (let at = 0; at < content.length; at += MAX_STREAM_CONTENT) {
      const part = content.length <= MAX_STREAM_CONTENT ? content : content.subarray(at, at + MAX_STREAM_CONTENT);
      if (part.length < BY_REFERENCE) {
        this.record(type, requestId, part);
      } else {
        const padding = paddingOf(part.length);
        this.#header(type, requestId, part.length, padding);
        this.#cut();
        this.#pieces.push(part);
        this.#zeros(padding);
      }
    }
  }

  /** Ends a stream with its empty record (§3.3). */
  streamEnd(type: number, requestId: number): void {
    this.#header(type, requestId, 0, 0);
  }

  /** Begins a record whose content is then written part by part with `bytes`, `latin1` and `utf8`, up to `close`. */
  open(type: number, requestId: number): void {
    this.#header(type, requestId, 0, 0);
    this.#record = this.#used - FCGI_HEADER_LEN;
  }

  /** Adds bytes to the open record. */
  bytes(content: Uint8Array): void {
    this.#reserve(content.length);
    this.#memory.set(content, this.#used);
    this.#used += content.length;
  }

  /** Adds text to the open record, one byte a character. */
  latin1(text: string): void {
    this.#reserve(text.length);
    this.#used = writeLatin1(text, this.#memory, this.#used);
  }

  /** Adds text to the open record, as UTF-8. */
  utf8(text: string): void {
    this.#reserve(text.length * 3);
    this.#used += utf8.encodeInto(text, this.#memory.subarray(this.#used)).written;
  }

  /** Completes the open record. @throws {RangeError} If its content is longer than 65,535 bytes. */
  close(): void {
    const contentLength = this.#used - this.#record - FCGI_HEADER_LEN;
    if (contentLength > FCGI_MAX_CONTENT_LENGTH) {
      this.#used = this.#record;
      throw new RangeError(`Cannot write record: its content is ${contentLength} bytes, more than 65535`);
    }
    const padding = paddingOf(contentLength);
    this.#memory[this.#record + 4] = contentLength >> 8;
    this.#memory[this.#record + 5] = contentLength;
    this.#memory[this.#record + 6] = padding;
    this.#zeros(padding);
  }

  #header(type: number, requestId: number, contentLength: number, padding: number): void {
    this.#reserve(FCGI_HEADER_LEN);
    const memory = this.#memory;
    const at = this.#used;
    memory[at] = FCGI_VERSION_1;
    memory[at + 1] = type;
    memory[at + 2] = requestId >> 8;
    memory[at + 3] = requestId;
    memory[at + 4] = contentLength >> 8;
    memory[at + 5] = contentLength;
    memory[at + 6] = padding;
    memory[at + 7] = 0;
    this.#used = at + FCGI_HEADER_LEN;
  }

  /** Padding, all zeros: bytes of other memory would leak (PHP-FPM and libfcgi do). */
  #zeros(length: number): void {
    this.#reserve(length);
    // So few that a loop is faster than `fill`.
    for (let left = length; left > 0; left--) this.#memory[this.#used++] = 0;
  }

  /** Makes room for `length` more bytes; an open record stays in one piece. */
  #reserve(length: number): void {
    if (this.#used + length <= this.#memory.length) return;
    const kept = this.#used - this.#taken;
    const memory = this.#shared.take(kept + length);
    const at = this.#shared.from;
    if (kept > 0) memory.set(this.#memory.subarray(this.#taken, this.#used), at);
    this.#shared.giveBack(this.#memory, this.#taken);
    this.#memory = memory;
    this.#record += at - this.#taken;
    this.#used = at + kept;
    this.#taken = at;
  }

  /** Moves what stands in `#memory` and is not in `#pieces` yet to `#pieces`. */
  #cut(): void {
    if (this.#used === this.#taken) return;
    this.#pieces.push(this.#memory.subarray(this.#taken, this.#used));
    this.#taken = this.#used;
  }
}

const empty = new Uint8Array(0);

function paddingOf(contentLength: number): number {
  return -contentLength & 7;
}
