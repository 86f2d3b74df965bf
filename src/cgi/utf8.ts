/** Between text and latin1 strings that hold its UTF-8 bytes, one char per byte. */

import { percentEncode } from "./percent.ts";

const notAscii = /[^\0-\u007f]/;
const encoder = new TextEncoder();

/** The text whose UTF-8 bytes a latin1 string holds; `undefined` if they are not UTF-8. */
function decodeUtf8(bytes: string): string | undefined {
  try {
    return decodeURIComponent(percentEncode(bytes, /[%\u0080-\u00ff]/g));
  } catch {
    return undefined;
  }
}

/**
 * The text of a path whose bytes a latin1 string holds.
 *
 * A segment that is not UTF-8 stays as it is, one char per byte: nothing is lost, and its neighbours can be read.
 */
export function pathText(bytes: string): string {
  if (!notAscii.test(bytes)) return bytes;
  return bytes.split("/").map((segment) => decodeUtf8(segment) ?? segment).join("/");
}

/** The latin1 string that holds a text's UTF-8 bytes. */
export function utf8Bytes(text: string): string {
  if (!notAscii.test(text)) return text;
  let bytes = "";
  for (const byte of encoder.encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}
