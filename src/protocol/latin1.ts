/**
 * Bytes as strings of one character a byte, code points 0 to 255.
 *
 * FastCGI carries bytes, and Fetch carries header values as such strings.
 */

// A decoder labelled "latin1" is windows-1252 by the Encoding Standard (some releases of Node read it as ISO-8859-1):
// native and fast, and wrong for 27 of the bytes 0x80 to 0x9F, which are put right afterwards.
const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();
const encoder = new TextEncoder();
/** Up to this length a loop is faster than a native call. */
const SHORT = 32;
const foreign = /[^\0-\xFF]/;
const everyForeign = /[^\0-\xFF]/g;
const windows1252 =
  "\u20AC\x81\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\x8D\u017D\x8F\x90\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\x9D\u017E\u0178";

const byteOf = (character: string): string => String.fromCharCode(0x80 + windows1252.indexOf(character));

/** Decodes bytes to a string of one character a byte. */
export function decodeLatin1(bytes: Uint8Array): string {
  // Nearly all is ASCII, for which Deno decodes UTF-8 six times as fast. As many characters as bytes, none of them a
  // replacement: no byte was above 127.
  const ascii = utf8.decode(bytes);
  if (ascii.length === bytes.length && !ascii.includes("\uFFFD")) return ascii;
  const text = latin1.decode(bytes);
  return foreign.test(text) ? text.replace(everyForeign, byteOf) : text;
}

/**
 * Writes `text` into `into` from index `at`, one byte a character; a code point above 255 loses its upper bits.
 *
 * Returns the index after the last byte written.
 */
export function writeLatin1(text: string, into: Uint8Array, at: number): number {
  const { length } = text;
  if (length > SHORT) {
    // Nearly all is ASCII, which is the same in UTF-8: as many bytes as characters.
    const { read, written } = encoder.encodeInto(text, into.subarray(at, at + length));
    if (read === length && written === length) return at + length;
  }
  for (let index = 0; index < text.length; index++) into[at++] = text.charCodeAt(index);
  return at;
}
