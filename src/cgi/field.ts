/** What RFC 9110 lets a header field's name and value be. Everything that reaches or leaves the wire passes here. */

const token = /^[\w!#$%&'*+.^`|~-]+$/;
const forbiddenMethod = /^(?:CONNECT|TRACE|TRACK)$/i;
const fieldValue = /^[\t -~\u0080-\u00ff]*$/;

/** Whether a string is a token (RFC 9110 §5.6.2), as a field's name and a method must be. */
export function isToken(text: string): boolean {
  return token.test(text);
}

/** Whether no Request can have the method (Fetch standard, "forbidden method"). */
export function isForbiddenMethod(method: string): boolean {
  return forbiddenMethod.test(method);
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
