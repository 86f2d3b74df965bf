/** What a server writes to the console: each line begins with `webfcgi: `, and nothing in it controls a terminal. */

import { FastCgiError } from "../errors.ts";
import { errorText, printableLines } from "./error_text.ts";

const PREFIX = "webfcgi: ";

/** Mistakes in a configuration that are reported once a server, not with every request that suffers from them. */
export type Mistake = "no mount" | "no REQUEST_METHOD" | "HTTP" | "TLS";

/** Writes an error, with the request that it belongs to. */
export function writeError(error: unknown, request?: Request, what = ""): void {
  const where = request === undefined ? "" : `${request.method} ${request.url}: `;
  // Of what a peer has done to its connection, anybody who connects can make any number: a line each has to do.
  const text = request === undefined && error instanceof FastCgiError ? lineOf(error) : errorText(error);
  console.error(PREFIX + printableLines(where + what + text, PREFIX));
}

function lineOf({ name, message, cause }: FastCgiError): string {
  return `${name}: ${message}${cause instanceof Error ? ` (${cause.message})` : ""}`;
}

/** Reports mistakes. Owns which have been reported. */
export class MistakeReporter {
  readonly #reported = new Set<Mistake>();

  /** Writes a line, unless the mistake has been reported; returns whether it did. */
  report(mistake: Mistake, message: string): boolean {
    if (this.#reported.has(mistake)) return false;
    this.#reported.add(mistake);
    console.error(PREFIX + printableLines(message, PREFIX));
    return true;
  }
}
