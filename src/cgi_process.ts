/**
 * A process that a web server has started as CGI (RFC 3875): its one request, as if it came over a connection.
 *
 * Owns the web server's end of a connection in memory, what is left to read of the body, and the end of it all. What a
 * request means, and how a response is written, the application's end knows.
 */

import { parseLength } from "./cgi/field.ts";
import { FCGI_RESPONDER } from "./protocol/constants.ts";
import { WebServerConnection } from "./protocol/web_server_connection.ts";
import type { WebServerEvents } from "./protocol/web_server_events.ts";
import { cgiVariables } from "./runtime/cgi_variables.ts";
import { type StandardStreams, standardStreams } from "./runtime/standard_streams.ts";
import { openStreams } from "./runtime/streams_transport.ts";
import type { Accept, Listener } from "./runtime/transport.ts";

const REQUEST_ID = 1;

/** Takes the request of this process from its environment and standard input; the listener is done when it is answered. */
export function serveCgiRequest(accept: Accept): Listener {
  const request = new CgiRequest(cgiVariables(), standardStreams());
  openStreams(request, accept);
  return {
    addr: { transport: "fd", fd: 0 },
    done: request.done,
    close: () => Promise.resolve(),
    ref() {},
    unref() {},
  };
}

/** The web server's end of a connection with one request. */
class CgiRequest implements WebServerEvents {
  /** What a web server would send. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the application sends. */
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the response has been written, or will never be. */
  readonly done: Promise<void>;
  readonly #streams: StandardStreams;
  readonly #protocol = new WebServerConnection(this);
  readonly #output: Uint8Array[] = [];
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Bytes of the body that have not been read, and the read that is under way. */
  #unreadBytes: number;
  #reading: Promise<Uint8Array | undefined> | undefined;
  #ended = false;
  #closing: Promise<void> | undefined;
  #finish!: () => void;

  constructor(params: readonly string[], streams: StandardStreams) {
    this.#streams = streams;
    this.#unreadBytes = bodyLength(params);
    this.done = new Promise((resolve) => this.#finish = resolve);
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        this.#begin(params);
      },
      pull: () => this.#sendBody(),
      cancel: () => this.#end(),
    }, { highWaterMark: 0 });
    this.writable = new WritableStream({
      write: (chunk) => this.#receive(chunk),
      close: () => this.#end(),
      abort: () => this.#fail(),
    });
  }

  onStdout(_requestId: number, content: Uint8Array): void {
    // The chunk that it is a part of is ours until it has been written.
    this.#output.push(content);
  }

  onStderr(_requestId: number, content: Uint8Array): void {
    this.#streams.log(content.slice());
  }

  onEnd(): void {
    this.#ended = true;
  }

  onValues(): void {}

  onUnknownType(): void {}

  #begin(params: readonly string[]): void {
    this.#protocol.begin(REQUEST_ID, FCGI_RESPONDER, false);
    this.#protocol.params(REQUEST_ID, params);
    if (this.#unreadBytes === 0) this.#protocol.stdinEnd(REQUEST_ID);
    this.#flush();
  }

  async #sendBody(): Promise<void> {
    if (this.#unreadBytes === 0) return;
    const bytes = await (this.#reading = this.#readBody());
    if (this.#ended) return;
    if (bytes !== undefined) this.#protocol.stdin(REQUEST_ID, bytes);
    if (this.#unreadBytes === 0) this.#protocol.stdinEnd(REQUEST_ID);
    this.#flush();
  }

  /** The next bytes of the body; undefined at its end. */
  async #readBody(): Promise<Uint8Array | undefined> {
    const bytes = (await this.#streams.read())?.subarray(0, this.#unreadBytes);
    this.#unreadBytes = bytes === undefined ? 0 : this.#unreadBytes - bytes.length;
    return bytes;
  }

  #flush(): void {
    for (const piece of this.#protocol.writer.take()) this.#controller.enqueue(piece);
  }

  async #receive(chunk: Uint8Array): Promise<void> {
    try {
      this.#protocol.receive(chunk);
      for (const bytes of this.#output.splice(0)) await this.#streams.write(bytes);
    } catch (error) {
      // A response that was broken off says so by bytes that are no record.
      this.#fail();
      throw error;
    }
    if (this.#ended) this.#end();
  }

  #fail(): void {
    if (!this.#ended) this.#streams.fail();
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    try {
      this.#controller.close();
    } catch {
      // It is closed, or the application has cancelled it.
    }
    this.#closing ??= this.#drain().catch(() => {}).then(() => {
      this.#streams.close();
      this.#finish();
    });
  }

  /**
   * Reads what is left of the body. Web servers send all of it before they read the response, and Apache's mod_cgid by a
   * socket: left unread, it would be reset, and the response lost.
   */
  async #drain(): Promise<void> {
    await this.#reading?.catch(() => {});
    while (this.#unreadBytes > 0) await this.#readBody();
  }
}

/** Bytes of the body; without a CONTENT_LENGTH those up to the end of standard input, for methods that have one. */
function bodyLength(params: readonly string[]): number {
  const value = (name: string): string => params[params.findIndex((it, at) => at % 2 === 0 && it === name) + 1] ?? "";
  return parseLength(value("CONTENT_LENGTH")) ?? (/^(?:GET|HEAD)$/i.test(value("REQUEST_METHOD")) ? 0 : Infinity);
}
