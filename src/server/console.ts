/** What a server writes to the console: each line begins with `webfcgi: `, and nothing in it controls a terminal. */

import { errorText, printableLines } from "./error_text.ts";

const PREFIX = "webfcgi: ";

/** Mistakes in a configuration that are reported once a server, not with every request that suffers from them. */
export type Mistake = "no mount" | "no REQUEST_METHOD" | "HTTP" | "TLS";

/** Writes an error, with the request that it belongs to. */
export function writeError(error: unknown, request?: Request, what = ""): void {
  const where = request === undefined ? "" : `${request.method} ${request.url}: `;
  console.error(PREFIX + printableLines(where + what + errorText(error), PREFIX));
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
