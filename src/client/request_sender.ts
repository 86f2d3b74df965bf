/**
 * Sends one request's streams: STDIN, and for a Filter DATA.
 *
 * Owns the reader of a body that is a stream, and how far it has come. Reads no more of it than the socket takes.
 */

import { FCGI_AUTHORIZER, FCGI_FILTER } from "../protocol/constants.ts";
import type { WebServerConnection } from "../protocol/web_server_connection.ts";
import { checkChunk, type OutgoingContent, type OutgoingRequest } from "./outgoing_request.ts";

/** Where requests are written to. */
export interface RequestOutput {
  readonly protocol: WebServerConnection;
  /** Sends what has been written; `false`: wait for `writable` before writing more. */
  flush(): boolean;
  /** Resolves when more can be written, or the connection is gone. */
  writable(): Promise<void>;
}

/** A body in memory of up to this size (bytes) is written at once; of a longer one, as much at a time. */
const STEP = 65_528;

/** The streams of a request under way. */
export class RequestSender {
  readonly #output: RequestOutput;
  readonly #requestId: number;
  readonly #progress: () => void;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #stopped = false;
  #done = false;
  #waiting = false;

  /** Makes the sender of a request; `progress` is called for each part that could be sent. */
  constructor(output: RequestOutput, requestId: number, progress: () => void) {
    this.#output = output;
    this.#requestId = requestId;
    this.#progress = progress;
  }

  /** Whether all has been written. */
  get done(): boolean {
    return this.#done;
  }

  /** Whether nothing is sent because the body's own stream gives nothing. */
  get waitsForBody(): boolean {
    return this.#waiting;
  }

  /** Writes what is in memory and short, at once; the promise of the rest rejects with what the body fails with. */
  send(role: number, { body, data }: OutgoingRequest): void | Promise<void> {
    const filters = role === FCGI_FILTER;
    if (role === FCGI_AUTHORIZER) return this.#end();
    if (!isShort(body) || filters && !isShort(data)) return this.#sendAll(body, filters ? data : undefined);
    this.#write("stdin", body.content as Uint8Array | null);
    this.#writeEnd("stdin");
    if (filters) {
      this.#write("data", data.content as Uint8Array | null);
      this.#writeEnd("data");
    }
    this.#end();
  }

  /** Sends nothing more, and tells the body's stream that no one wants it. */
  stop(reason: unknown): void {
    this.#stopped = true;
    this.#reader?.cancel(reason).catch(() => {});
  }

  async #sendAll(body: OutgoingContent, data: OutgoingContent | undefined): Promise<void> {
    await this.#sendStream("stdin", body);
    if (data !== undefined) await this.#sendStream("data", data);
    if (this.#stopped) return;
    this.#end();
    this.#output.flush();
  }

  async #sendStream(stream: "stdin" | "data", { content, length }: OutgoingContent): Promise<void> {
    let sent = 0;
    for await (const part of content instanceof ReadableStream ? this.#read(content) : steps(content)) {
      sent += part.length;
      if (length !== undefined && sent > length) throw wrongLength("more than", length);
      this.#write(stream, part);
      if (!this.#output.flush()) await this.#output.writable();
      if (this.#stopped) return;
      this.#progress();
    }
    if (this.#stopped) return;
    if (length !== undefined && sent < length) throw wrongLength(`only ${sent} of`, length);
    this.#writeEnd(stream);
  }

  async *#read(content: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    const reader = this.#reader = content.getReader();
    try {
      while (!this.#stopped) {
        this.#waiting = true;
        const { done, value } = await reader.read();
        this.#waiting = false;
        this.#progress();
        if (done || this.#stopped) return;
        checkChunk(value);
        yield value;
      }
    } catch (error) {
      reader.cancel(error).catch(() => {});
      throw error;
    } finally {
      this.#waiting = false;
    }
  }

  #write(stream: "stdin" | "data", content: Uint8Array | null): void {
    if (content !== null && !this.#stopped) this.#output.protocol[stream](this.#requestId, content);
  }

  #writeEnd(stream: "stdin" | "data"): void {
    if (stream === "stdin") this.#output.protocol.stdinEnd(this.#requestId);
    else this.#output.protocol.dataEnd(this.#requestId);
  }

  #end(): void {
    this.#done = true;
  }
}

function isShort({ content }: OutgoingContent): boolean {
  return content === null || content instanceof Uint8Array && content.length <= STEP;
}

function* steps(content: Uint8Array | null): Generator<Uint8Array> {
  if (content === null) return;
  for (let at = 0; at < content.length; at += STEP) yield content.subarray(at, at + STEP);
}

function wrongLength(how: string, length: number): TypeError {
  return new TypeError(`Cannot send request: its body has ${how} the ${length} bytes of its Content-Length`);
}
