/**
 * The error log of one request: what goes to FCGI_STDERR, so to the web server's error log.
 *
 * Owns the text that waits for the response's head: HAProxy 2.6 dies of a STDERR record before it.
 */

import { printableLines } from "./error_text.ts";

/** Where a log is written. */
export interface LogOutput {
  /** Writes a part of STDERR. */
  stderr(requestId: number, content: Uint8Array): void;
}

/** Greatest amount of text that waits, in characters; what is beyond is dropped. */
const MAX_LOG_LENGTH = 65_536;
const utf8 = new TextEncoder();

/** A log, empty at first. */
export class RequestLog {
  #text = "";

  /** Adds a message as a separate line. */
  add(message: string): void {
    const room = MAX_LOG_LENGTH - this.#text.length;
    if (room <= 0) return;
    const line = printableLines(message.slice(0, room));
    this.#text += message.length <= room && line.length <= room ? line + "\n" : line.slice(0, room) + "…\n";
  }

  /** Writes what has been added. */
  write(output: LogOutput, requestId: number): void {
    if (this.#text === "") return;
    output.stderr(requestId, utf8.encode(this.#text));
    this.#text = "";
  }
}
