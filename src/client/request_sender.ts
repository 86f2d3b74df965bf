/**
 * Sends one request's streams: STDIN, and for a Filter DATA.
 *
 * Owns how far they have been sent, and since when the caller's stream has given too little. Reads that stream only as
 * fast as the socket takes it.
 */

import { BodyProgress } from "../connection/body_progress.ts";
import type { ForeignStream } from "../connection/foreign_stream.ts";
import { type BodyOutput, checkChunk, wrongLength } from "../connection/outgoing_body.ts";
import { FCGI_AUTHORIZER, FCGI_FILTER } from "../protocol/constants.ts";
import type { WebServerConnection } from "../protocol/web_server_connection.ts";
import type { OutgoingBody, OutgoingRequest } from "./outgoing_request.ts";

/** Where requests are written to. */
export interface RequestOutput extends BodyOutput {
  readonly protocol: WebServerConnection;
}

/** A body in memory of up to this size (bytes) is written at once; of a longer one, as much at a time. */
const STEP = 65_528;

/** The streams of a request under way. */
export class RequestSender {
  readonly #output: RequestOutput;
  readonly #requestId: number;
  readonly #clock: { readonly nowMs: number };
  #phase: "writing" | "reading" | "done" | "stopped" = "writing";
  /** When something could last be sent. */
  #sentMs: number;
  #progress: BodyProgress | undefined;
  /** What is being read. */
  #source: ForeignStream | undefined;

  /** Makes the sender of a request; `clock` is the client's. */
  constructor(output: RequestOutput, requestId: number, clock: { readonly nowMs: number }) {
    this.#output = output;
    this.#requestId = requestId;
    this.#clock = clock;
    this.#sentMs = clock.nowMs;
  }

  /** Whether all has been written. */
  get done(): boolean {
    return this.#phase === "done";
  }

  /** Whether it waits for the body's own stream. */
  get waitsForBody(): boolean {
    return this.#phase === "reading";
  }

  /** When something could last be sent, on the client's clock. */
  get sentMs(): number {
    return this.#sentMs;
  }

  /** Whether the body's own stream has given too little for `timeoutMs`. */
  isBodyLate(timeoutMs: number): boolean {
    return this.waitsForBody && this.#progress!.isLate(this.#clock.nowMs, timeoutMs);
  }

  /** Writes what is in memory and short, at once; the promise of the rest rejects with what the body fails with. */
  send(role: number, { body, data }: OutgoingRequest): void | Promise<void> {
    const filters = role === FCGI_FILTER;
    if (role === FCGI_AUTHORIZER) return this.#end();
    if (!isShort(body) || filters && !isShort(data)) return this.#sendAll(body, filters ? data : undefined);
    this.#writeAll("stdin", body.content);
    if (filters) this.#writeAll("data", data.content);
    this.#end();
  }

  /** Sends nothing more, and cancels the body's stream. */
  stop(reason: unknown): void {
    if (this.#phase !== "done") this.#phase = "stopped";
    this.#source?.cancel(reason);
  }

  async #sendAll(body: OutgoingBody, data: OutgoingBody | undefined): Promise<void> {
    await this.#sendStream("stdin", body);
    if (data !== undefined) await this.#sendStream("data", data);
    if (this.#stopped) return;
    this.#end();
    this.#output.flush();
  }

  async #sendStream(stream: "stdin" | "data", { content, source, length }: OutgoingBody): Promise<void> {
    let sent = 0;
    for (; sent < (content?.length ?? 0) && !this.#stopped; sent += STEP) {
      await this.#write(stream, content!.subarray(sent, sent + STEP));
    }
    sent = content?.length ?? 0;
    this.#source = source;
    for (let part = await this.#read(); part !== undefined; part = await this.#read()) {
      sent += part.length;
      if (length !== undefined && sent > length) throw wrongLength("Cannot send request", sent, length);
      await this.#write(stream, part);
    }
    if (this.#stopped) return;
    if (length !== undefined && sent < length) throw wrongLength("Cannot send request", sent, length);
    this.#writeEnd(stream);
  }

  /** What the body's own stream gives next, if anything more. */
  async #read(): Promise<Uint8Array | undefined> {
    if (this.#source === undefined || this.#stopped) return undefined;
    this.#progress ??= new BodyProgress(this.#clock.nowMs);
    this.#phase = "reading";
    const { done, value } = await this.#source.read();
    if (this.#stopped) return undefined;
    this.#phase = "writing";
    this.#sentMs = this.#clock.nowMs;
    if (done) return undefined;
    checkChunk(value, "Cannot send request");
    this.#progress.add(value.length, this.#sentMs);
    return value;
  }

  /** Writes a part, and waits until another one can be. */
  async #write(stream: "stdin" | "data", part: Uint8Array): Promise<void> {
    this.#output.protocol[stream](this.#requestId, part);
    if (this.#output.flush()) return;
    await this.#output.writable();
    this.#sentMs = this.#clock.nowMs;
    // While the application took nothing, the body was not read.
    this.#progress?.restart(this.#sentMs);
  }

  #writeAll(stream: "stdin" | "data", content: Uint8Array | null): void {
    if (content !== null) this.#output.protocol[stream](this.#requestId, content);
    this.#writeEnd(stream);
  }

  #writeEnd(stream: "stdin" | "data"): void {
    if (stream === "stdin") this.#output.protocol.stdinEnd(this.#requestId);
    else this.#output.protocol.dataEnd(this.#requestId);
  }

  #end(): void {
    this.#phase = "done";
  }

  get #stopped(): boolean {
    return this.#phase === "stopped";
  }
}

function isShort({ content, source }: OutgoingBody): boolean {
  return source === undefined && (content === null || content.length <= STEP);
}
