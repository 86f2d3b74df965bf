/** HTTP requests made beforehand, and the checks of their responses, which are small. */

import { type Answered, type Dialogue, type Job, numberAt, setNumber } from "./dialogue.ts";

const latin1 = new TextDecoder("latin1");

/** The browser's side of one connection: one request at a time. */
export class HttpDialogue implements Dialogue {
  readonly body: readonly Uint8Array[] = [];
  readonly #expected: number;
  readonly #answered: Answered;
  readonly #request: Uint8Array;
  readonly #number: number;
  #text = "";

  constructor(job: Job, answered: Answered) {
    this.#expected = job.expectedBytes;
    this.#answered = answered;
    const request = [
      `GET ${job.path}?page=2&id=${numberAt} HTTP/1.1`,
      "Host: www.example.com",
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
      "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
      "Accept-Language: en-GB,en;q=0.8,de;q=0.5",
      // None that a server could use: what is measured is the request, not a compressor.
      "Accept-Encoding: identity",
      "Referer: https://www.example.com/articles/2026/index.html",
      "Cookie: session=5c6b0a1d9e3f47288b1d; theme=dark; lang=en",
      "Upgrade-Insecure-Requests: 1",
      "Sec-Fetch-Mode: navigate",
      "\r\n",
    ].join("\r\n");
    this.#number = request.indexOf(numberAt);
    this.#request = new TextEncoder().encode(request);
  }

  request(_slot: number, number: number): Uint8Array {
    setNumber(this.#request, this.#number, number);
    return this.#request;
  }

  received(chunk: Uint8Array): void {
    this.#text += latin1.decode(chunk);
    const end = this.#text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#text.slice(0, end);
    const body = this.#text.slice(end + 4);
    const length = lengthOf(head, body);
    if (length === undefined) return;
    if (!head.startsWith("HTTP/1.1 200") || length !== this.#expected) {
      throw new Error(`a body of ${length} bytes in place of ${this.#expected}: ${head}`);
    }
    this.#text = "";
    this.#answered(0);
  }
}

/** The length of the body, once it is whole. */
function lengthOf(head: string, body: string): number | undefined {
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (length !== undefined) return body.length < Number(length) ? undefined : body.length;
  if (!/^transfer-encoding: *chunked/im.test(head)) throw new Error(`a response without a length: ${head}`);
  let sum = 0;
  for (let at = 0;;) {
    const lineEnd = body.indexOf("\r\n", at);
    const size = parseInt(body.slice(at, lineEnd), 16);
    at = lineEnd + 2 + size + 2;
    if (lineEnd < 0 || body.length < at) return undefined;
    if (size === 0) return sum;
    sum += size;
  }
}
