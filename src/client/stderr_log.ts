/**
 * What an application writes to FCGI_STDERR for one request, and the client's own notes about the response.
 *
 * Owns the end of the text, for the error that the request may fail with.
 */

import { printable } from "../cgi/field.ts";
import type { ClientSettings, StderrSource } from "./client_options.ts";

/** Greatest amount that an error quotes, in characters. */
const MAX_QUOTED = 4096;

/** The log of one request. */
export class StderrLog {
  readonly #onStderr: ClientSettings["onStderr"];
  readonly #source: StderrSource;
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  #text = "";

  /** Makes an empty one. */
  constructor(onStderr: ClientSettings["onStderr"], source: StderrSource) {
    this.#onStderr = onStderr;
    this.#source = source;
  }

  /** Takes a part, which is lent, and gives back its text. @throws What `onStderr` throws. */
  add(content: Uint8Array): string {
    this.#decoder ??= new TextDecoder();
    const text = this.#decoder.decode(content, { stream: true });
    this.#text = (this.#text + text).slice(-MAX_QUOTED);
    this.#onStderr(text, this.#source);
    return text;
  }

  /** Adds a sentence of the client's own. @throws What `onStderr` throws. */
  note(sentence: string): void {
    this.#onStderr(`webfcgi: ${sentence}\n`, this.#source);
  }

  /** The text as the end of an error's message: one line. */
  get quote(): string {
    const lines = this.#text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    return lines.length === 0 ? "" : `; it wrote to FCGI_STDERR: ${printable(lines.join(" | "))}`;
  }
}
