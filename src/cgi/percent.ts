/** Percent-encoding (RFC 3986 §2.1) of latin1 strings, one char per byte. */

const encodedByte = /%([\dA-Fa-f]{2})/g;

/** Writes every char that matches `unsafe`, a global pattern of single chars, as `%XX`. */
export function percentEncode(bytes: string, unsafe: RegExp): string {
  return bytes.replace(unsafe, (char) => "%" + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"));
}

/** Turns every `%XX` into its byte; a `%` that no two digits follow stays, as web servers leave it. */
export function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(encodedByte, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}
