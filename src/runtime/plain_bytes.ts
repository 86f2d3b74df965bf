/** Bytes as a transport's sink gets them. */

/** Whether a chunk may be given away: nothing else refers to its buffer. */
export function isWholeBuffer(bytes: Uint8Array): boolean {
  return bytes.byteLength === bytes.buffer.byteLength;
}

/** The same memory; as a Uint8Array, if it is a Buffer, whose `slice` copies nothing and whose `subarray` is slow. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
