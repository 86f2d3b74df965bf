/**
 * What an application sends, as a web server understands it: records in, events out.
 *
 * Owns which request ids are in use or were aborted, and the discrete record being read.
 */

import { ProtocolError } from "../errors.ts";
import { ByteCollector } from "./byte_collector.ts";
import {
  FCGI_END_REQUEST,
  FCGI_GET_VALUES_RESULT,
  FCGI_NULL_REQUEST_ID,
  FCGI_STDERR,
  FCGI_STDOUT,
  FCGI_UNKNOWN_TYPE,
} from "./constants.ts";
import { decodePairs } from "./name_value.ts";
import { decodeEndRequest, decodeUnknownType } from "./record_bodies.ts";
import type { RecordSink } from "./record_parser.ts";
import type { WebServerEvents } from "./web_server_events.ts";

/** Greatest content of a management record from the application that is read, in bytes. */
const MAX_MANAGEMENT_BYTES = 4096;

/** The input of a web server's end of a connection. */
export class WebServerInput implements RecordSink {
  readonly active: Set<number> = new Set();
  /** Aborted requests, ended ones too. */
  readonly aborted: Set<number> = new Set();
  readonly #events: WebServerEvents;
  readonly #strict: boolean;
  readonly #discrete = new ByteCollector();
  #type = 0;
  #requestId = 0;

  constructor(events: WebServerEvents, strict: boolean) {
    this.#events = events;
    this.#strict = strict;
  }

  /** Ends the loan of the bytes that have been read. */
  own(): void {
    this.#discrete.own();
  }

  recordStart(type: number, requestId: number, contentLength: number): void {
    this.#type = type;
    this.#requestId = requestId;
    if (this.#strict && !this.#hasPlace(type, requestId)) {
      throw new ProtocolError(
        "BAD_ORDER",
        `Cannot read record: type ${type} for request ${requestId} has no place here`,
      );
    }
    if (type === FCGI_END_REQUEST ? contentLength !== 8 : this.#collects && contentLength > MAX_MANAGEMENT_BYTES) {
      throw new ProtocolError(
        "BAD_LENGTH",
        `Cannot read record of type ${type}: its content is ${contentLength} bytes`,
      );
    }
  }

  recordContent(content: Uint8Array): void {
    if (this.#collects) return this.#discrete.add(content);
    if (!this.active.has(this.#requestId)) return;
    if (this.#type === FCGI_STDOUT) {
      this.#events.onStdout(this.#requestId, content);
    } else if (this.#type === FCGI_STDERR) {
      this.#events.onStderr(this.#requestId, content);
    }
  }

  recordEnd(): void {
    if (!this.#collects) return;
    const content = this.#discrete.take();
    if (this.#type === FCGI_END_REQUEST) {
      const end = decodeEndRequest(content);
      if (this.active.delete(this.#requestId)) this.#events.onEnd(this.#requestId, end);
    } else if (this.#type === FCGI_GET_VALUES_RESULT) {
      this.#events.onValues(decodePairs(content));
    } else {
      this.#events.onUnknownType(decodeUnknownType(content));
    }
  }

  /** Whether an application has a reason to send such a record. Types of a later version pass: §3.3 is silent on them. */
  #hasPlace(type: number, requestId: number): boolean {
    if (type > FCGI_UNKNOWN_TYPE) return true;
    const answers = type === FCGI_STDOUT || type === FCGI_STDERR || type === FCGI_END_REQUEST;
    return answers && (this.active.has(requestId) || this.aborted.has(requestId));
  }

  /** Whether the record being read is a discrete one, read when whole. */
  get #collects(): boolean {
    return this.#requestId === FCGI_NULL_REQUEST_ID
      ? this.#type === FCGI_GET_VALUES_RESULT || this.#type === FCGI_UNKNOWN_TYPE
      : this.#type === FCGI_END_REQUEST;
  }
}
