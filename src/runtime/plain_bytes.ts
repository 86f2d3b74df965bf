/** Bytes as whoever stands on a transport gets them. */

/** The same memory; as a Uint8Array, if it is a Buffer, whose `slice` copies nothing and whose `subarray` is slow. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
