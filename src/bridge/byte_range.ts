/** Which part of a file is asked for (RFC 9110 §14). */

/** A part of a file, in bytes. */
export interface ByteRange {
  /** Where it begins. */
  readonly from: number;
  /** Where it ends: the first byte that is not in it. */
  readonly to: number;
}

/**
 * Reads a Range field for a file of `size` bytes. `"none"`: no byte is in it. `undefined`: the whole is to be sent,
 * because the field is invalid, has another unit, or asks for several parts, which a server may ignore (§14.2).
 */
export function parseByteRange(field: string, size: number): ByteRange | "none" | undefined {
  const [, first, last] = /^bytes=[\t ]*(\d*)-(\d*)[\t ]*$/i.exec(field) ?? [];
  if (first === undefined || last === undefined || first + last === "") return undefined;
  if (first === "") {
    const from = Math.max(0, size - Number(last));
    return from < size ? { from, to: size } : "none";
  }
  const from = Number(first);
  const to = last === "" ? size : Math.min(Number(last) + 1, size);
  if (last !== "" && Number(last) < from) return undefined;
  return from < size ? { from, to } : "none";
}
