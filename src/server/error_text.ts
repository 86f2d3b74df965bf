/** Errors and messages as text for the console or a log. */

import { printable } from "../cgi/field.ts";

/** How many causes of a cause are shown. */
const MAX_CAUSES = 4;

/**
 * A text of one or several lines without control characters. Lines after the first begin with `prefix` and are
 * indented: whatever a peer has put into the text, no line can pass for a separate message.
 */
export function printableLines(text: string, prefix = ""): string {
  return text.trimEnd().split(/\r?\n/).map(printable).join(`\n${prefix}  `);
}

/** An error with its stack and its causes, whatever was thrown: not every value can be converted to a string. */
export function errorText(error: unknown, causes: number = MAX_CAUSES): string {
  try {
    if (!(error instanceof Error)) return String(error);
    const text = String(error.stack || error);
    const { cause } = error;
    return cause === undefined || causes === 0 ? text : `${text}\nCaused by ${errorText(cause, causes - 1)}`;
  } catch {
    return "an error that has no text";
  }
}
