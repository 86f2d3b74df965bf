/**
 * The response to one request, as it comes.
 *
 * Owns its head, its body and how much of it has come, and so knows whether it is whole.
 */

import { allowsBody } from "../cgi/response_head.ts";
import type { ParsedResponseHead } from "../cgi/response_head_parser.ts";
import { IncomingBody, type IncomingBodyHost } from "../connection/incoming_body.ts";
import { AppStatusError, type FastCgiError } from "../errors.ts";
import { upstreamFault } from "./request_errors.ts";
import { ResponseHeadReader } from "./response_head_reader.ts";

/** Fields that are named when they are left out of a response. */
const MAX_NOTES = 8;

/** A response under way. */
export class IncomingResponse {
  readonly body: IncomingBody;
  readonly #method: string;
  readonly #note: (sentence: string) => void;
  readonly #headReader: ResponseHeadReader;
  #head: ParsedResponseHead | undefined;
  /** Bytes of the body by Content-Length; `undefined` if nothing says. */
  #expected: number | undefined;
  #received = 0;
  #made = false;

  /** Makes the response to a request of `method`; `note` is called with what is left out of it. */
  constructor(method: string, maxHeadBytes: number, host: IncomingBodyHost, note: (sentence: string) => void) {
    this.#method = method;
    this.#note = note;
    this.#headReader = new ResponseHeadReader(maxHeadBytes);
    this.body = new IncomingBody({ name: "response body" }, host);
  }

  /** Whether its head has come. */
  get hasHead(): boolean {
    return this.#head !== undefined;
  }

  /** Whether a Response has been made of it. */
  get made(): boolean {
    return this.#made;
  }

  /**
   * Takes a part of STDOUT; if it is `lent`, what is to last is copied. Returns whether that was progress: a part of
   * the head is none, or one that trickles in would never be late.
   *
   * @throws {LimitError|ProtocolError} If the head is too long or cannot be read.
   */
  push(content: Uint8Array, lent: boolean): boolean {
    if (this.#head !== undefined) {
      this.#addBody(content, lent);
      return true;
    }
    const found = this.#headReader.push(content);
    if (found === undefined) return false;
    this.#head = found.head;
    this.#expected = this.#hasBody ? found.head.contentLength : 0;
    const { omitted } = found.head;
    for (const what of omitted.slice(0, MAX_NOTES)) this.#note(`left out of the response ${what}`);
    if (omitted.length > MAX_NOTES) this.#note(`left out of the response ${omitted.length - MAX_NOTES} fields more`);
    this.#addBody(content.subarray(found.bodyAt), lent);
    return true;
  }

  /** Makes the Response; once, when its head has come. */
  make(): Response {
    this.#made = true;
    const { status, statusText, headers } = this.#head!;
    const body = this.#hasBody ? (this.body.takeWhole() ?? this.body.stream) as Uint8Array<ArrayBuffer> : null;
    return new Response(body, { status, statusText, headers });
  }

  /** What is wrong with a response that ends now. */
  fault(appStatus: number): FastCgiError | undefined {
    const failed = (message: string): FastCgiError =>
      appStatus === 0 ? upstreamFault("UNEXPECTED_END", message) : new AppStatusError(appStatus, message);
    const ended = `the application ended the request with appStatus ${appStatus}`;
    if (this.#head === undefined) {
      const { length } = this.#headReader;
      const got = length === 0 ? "nothing" : `${length} bytes of a head that is not whole`;
      return failed(`Cannot read response: ${ended} and ${got}`);
    }
    if (this.#expected !== undefined && this.#received < this.#expected) {
      return failed(`Cannot read response body: ${ended} after ${this.#received} of its ${this.#expected} bytes`);
    }
    // On a shared connection an application has no other way to say that the response broke off.
    if (appStatus !== 0 && this.#expected === undefined) {
      return failed(`Cannot read response body: ${ended}, and no Content-Length vouches for it`);
    }
  }

  #addBody(content: Uint8Array, lent: boolean): void {
    if (!this.#hasBody || content.length === 0) return;
    const before = this.#received;
    this.#received += content.length;
    const expected = this.#expected ?? Infinity;
    if (this.#received <= expected) return this.body.push(content, lent);
    // PHP sends the line break after its last "?>" like any other text.
    if (before < expected) this.body.push(content.subarray(0, expected - before), lent);
    if (before <= expected) this.#note(`dropped what follows the ${expected} bytes of the response's Content-Length`);
  }

  get #hasBody(): boolean {
    return allowsBody(this.#head!.status, this.#method);
  }
}
