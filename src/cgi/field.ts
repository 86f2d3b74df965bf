/** The rules of RFC 9110 for header fields, methods and lengths, each in one place for both directions. */

const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Equal lengths joined with commas are one: a proxy may have merged a repeated field (RFC 9110 §8.6). */
const lengthValue = /^(\d+)(?:[\t ]*,[\t ]*\1)*$/;
/** C0, DEL and C1 (whose U+009B begins a terminal escape), the other line ends of Unicode, and what reverses text. */
const unprintable = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;
const token = /^[\w!#$%&'*+.^`|~-]+$/;
const forbiddenMethod = /^(?:CONNECT|TRACE|TRACK)$/i;
const bodilessMethod = /^(?:GET|HEAD)$/i;
const fieldValue = /^[\t -~\u0080-\u00ff]*$/;

/** Whether a string is a token (RFC 9110 §5.6.2), as a field's name and a method must be. */
export function isToken(text: string): boolean {
  return token.test(text);
}

/** Whether no Request can have the method (Fetch standard, "forbidden method"). */
export function isForbiddenMethod(method: string): boolean {
  return forbiddenMethod.test(method);
}

/** Whether a Request with the method has no body (Fetch standard, "Request constructor"); in any case, as there. */
export function isBodilessMethod(method: string): boolean {
  return method === "GET" || method !== "POST" && bodilessMethod.test(method);
}

/**
 * Whether a latin1 string has only bytes that a field's value may have (RFC 9110 §5.5).
 *
 * Not among them: CR, LF and NUL, with which one field becomes two, the other control characters, and anything that is
 * no single byte.
 */
export function isFieldValue(text: string): boolean {
  return fieldValue.test(text);
}

/** Whether a field, by its name in lower case, belongs to one connection and is never passed on (RFC 9110 §7.6.1). */
export function isHopByHop(name: string): boolean {
  return hopByHop.has(name);
}

/** Whether a response with this status never has a body, whatever the method (Fetch standard, "null body status"). */
export function hasNullBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304 || status === 101 || status === 103;
}

/**
 * Reads a length or another unsigned number from the wire; `undefined` if it is none.
 *
 * Only digits count: a sign, an exponent, white space or a number that is not exact as a double make it invalid.
 * `5, 5` is 5.
 */
export function parseLength(text: string | null | undefined): number | undefined {
  const digits = text ? lengthValue.exec(text)?.[1] : undefined;
  if (digits === undefined) return undefined;
  const length = Number(digits);
  return Number.isSafeInteger(length) ? length : undefined;
}

/**
 * Text from a peer as a console or a log can show it: control characters are written as `\xNN`, so that the text can
 * forge no line and send no escape to a terminal.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/** Removes the spaces and tabs around a field's value, which are no part of it (RFC 9110 §5.5). */
export function trimFieldValue(text: string): string {
  // Not a regular expression: `[\t ]+$` takes quadratic time over a long gap in the middle.
  let start = 0;
  let end = text.length;
  while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
