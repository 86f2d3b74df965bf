/**
 * The web server's end of a FastCGI connection, without I/O: calls in, bytes out; bytes in, events out.
 *
 * Owns which request ids are in use or were aborted, and the discrete record being read. Never touches a socket, a
 * timer or a promise, and never keeps a stream's content.
 */

import { ProtocolError } from "../errors.ts";
import { decodeEndRequest, decodeUnknownType, encodeBeginRequest, type EndRequestBody } from "./record_bodies.ts";
import { ByteCollector } from "./byte_collector.ts";
import {
  FCGI_ABORT_REQUEST,
  FCGI_BEGIN_REQUEST,
  FCGI_DATA,
  FCGI_END_REQUEST,
  FCGI_GET_VALUES,
  FCGI_GET_VALUES_RESULT,
  FCGI_NULL_REQUEST_ID,
  FCGI_PARAMS,
  FCGI_STDERR,
  FCGI_STDIN,
  FCGI_STDOUT,
  FCGI_UNKNOWN_TYPE,
} from "./constants.ts";
import { decodePairs, encodePairs } from "./name_value.ts";
import { RecordParser } from "./record_parser.ts";
import { MAX_STREAM_CONTENT, type RecordMemory, type RecordOutput, RecordWriter } from "./record_writer.ts";

/** Takes what an application answers. */
export interface WebServerEvents {
  /** A part of STDOUT, lent until `receive` returns. */
  onStdout(requestId: number, content: Uint8Array): void;
  /** A part of STDERR, lent until `receive` returns. */
  onStderr(requestId: number, content: Uint8Array): void;
  /** The request has ended, and its id is free. */
  onEnd(requestId: number, end: EndRequestBody): void;
  /** FCGI_GET_VALUES has been answered, with `[name, value, …]`. */
  onValues(pairs: string[]): void;
  /** The application does not know a management record of this type. */
  onUnknownType(type: number): void;
}

/** What a {@linkcode WebServerConnection} can be given. */
export interface WebServerOptions {
  /** Memory that connections write to in turn. @default Separate memory */
  readonly memory?: RecordMemory;
  /**
   * Refuses records that an application has no reason to send: for a request that is not active, of a type that only
   * web servers send, or answers to questions that were not asked. Ignored, they would leave a request waiting for an
   * answer that went elsewhere. Records of an aborted request always pass: Go ends it and goes on writing.
   *
   * @default {false}
   */
  readonly strict?: boolean;
}

/** Greatest content of a management record from the application that is read, in bytes. */
const MAX_MANAGEMENT_BYTES = 4096;

/**
 * The web server's end of a connection.
 *
 * @example What a web server sends for a request
 * ```ts
 * import { FCGI_RESPONDER, WebServerConnection } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const connection = new WebServerConnection({
 *   onStdout: (requestId, content) => console.log(requestId, content.length),
 *   onStderr: () => {},
 *   onEnd: (requestId, { appStatus }) => console.log(requestId, appStatus),
 *   onValues: () => {},
 *   onUnknownType: () => {},
 * });
 * connection.begin(1, FCGI_RESPONDER, true);
 * connection.params(1, ["REQUEST_METHOD", "POST", "CONTENT_LENGTH", "2"]);
 * connection.stdin(1, new TextEncoder().encode("hi"));
 * connection.stdinEnd(1);
 * assertEquals(connection.active, 1);
 * assertEquals(connection.writer.take().length, 1);
 * ```
 */
export class WebServerConnection {
  readonly #events: WebServerEvents;
  readonly #strict: boolean;
  readonly #writer: RecordWriter;
  readonly #parser: RecordParser = new RecordParser({
    recordStart: (type, requestId, contentLength) => this.#recordStart(type, requestId, contentLength),
    recordContent: (content) => this.#recordContent(content),
    recordEnd: () => this.#recordEnd(),
  });
  readonly #active = new Set<number>();
  /** Aborted requests, ended ones too. */
  readonly #aborted = new Set<number>();
  readonly #discrete = new ByteCollector();
  #type = 0;
  #requestId = 0;

  /** Makes the end of a connection on which nothing has been sent yet. */
  constructor(events: WebServerEvents, { memory, strict = false }: WebServerOptions = {}) {
    this.#events = events;
    this.#strict = strict;
    this.#writer = new RecordWriter(memory);
  }

  /** What has been written and has yet to be sent. */
  get writer(): RecordOutput {
    return this.#writer;
  }

  /** Requests that are active. */
  get active(): number {
    return this.#active.size;
  }

  /** Whether the application is neither amid a record nor amid a request. */
  get idle(): boolean {
    return this.#active.size === 0 && this.#parser.atBoundary;
  }

  /** Begins a request (§5.1). @throws {RangeError} If the id is no integer from 1 to 65535, or in use. */
  begin(requestId: number, role: number, keepConn: boolean): void {
    if (!Number.isInteger(requestId) || requestId < 1 || requestId > 65_535) {
      throw new RangeError(`Cannot begin request: id is ${requestId}`);
    }
    if (this.#active.has(requestId)) throw new RangeError(`Cannot begin request: id ${requestId} is in use`);
    this.#active.add(requestId);
    this.#aborted.delete(requestId);
    this.#writer.record(FCGI_BEGIN_REQUEST, requestId, encodeBeginRequest({ role, keepConn }));
  }

  /**
   * Sends all of `[name, value, …]` as PARAMS, and ends them (§5.2).
   *
   * A pair is not cut by the border of two records unless it is longer than one: PHP-FPM wants them whole.
   */
  params(requestId: number, pairs: readonly string[]): void {
    let from = 0;
    let size = 0;
    for (let index = 0; index < pairs.length; index += 2) {
      const length = 8 + pairs[index]!.length + pairs[index + 1]!.length;
      if (size + length > MAX_STREAM_CONTENT && size > 0) {
        this.#writer.stream(FCGI_PARAMS, requestId, encodePairs(pairs.slice(from, index)));
        from = index;
        size = 0;
      }
      size += length;
    }
    this.#writer.stream(FCGI_PARAMS, requestId, encodePairs(pairs.slice(from)));
    this.#writer.streamEnd(FCGI_PARAMS, requestId);
  }

  /** Sends a part of the request's body; content of 16 KiB and more by reference. */
  stdin(requestId: number, content: Uint8Array): void {
    this.#writer.stream(FCGI_STDIN, requestId, content);
  }

  /** Ends the request's body. */
  stdinEnd(requestId: number): void {
    this.#writer.streamEnd(FCGI_STDIN, requestId);
  }

  /** Sends a part of the file that a Filter is to filter. */
  data(requestId: number, content: Uint8Array): void {
    this.#writer.stream(FCGI_DATA, requestId, content);
  }

  /** Ends that file. */
  dataEnd(requestId: number): void {
    this.#writer.streamEnd(FCGI_DATA, requestId);
  }

  /** Aborts a request; the application still answers with END_REQUEST (§5.4). */
  abort(requestId: number): void {
    if (!this.#active.has(requestId)) return;
    this.#aborted.add(requestId);
    this.#writer.streamEnd(FCGI_ABORT_REQUEST, requestId);
  }

  /** Asks the application for values, by name (§4.1). */
  getValues(names: readonly string[]): void {
    this.#writer.record(FCGI_GET_VALUES, FCGI_NULL_REQUEST_ID, encodePairs(names.flatMap((name) => [name, ""])));
  }

  /**
   * Reads bytes from the application; they are lent until it returns.
   *
   * @throws {ProtocolError} If the application breaks the protocol. The connection must then be closed.
   */
  receive(chunk: Uint8Array): void {
    this.#parser.push(chunk);
    this.#discrete.own();
  }

  #recordStart(type: number, requestId: number, contentLength: number): void {
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

  #recordContent(content: Uint8Array): void {
    if (this.#collects) return this.#discrete.add(content);
    if (!this.#active.has(this.#requestId)) return;
    if (this.#type === FCGI_STDOUT) {
      this.#events.onStdout(this.#requestId, content);
    } else if (this.#type === FCGI_STDERR) {
      this.#events.onStderr(this.#requestId, content);
    }
  }

  #recordEnd(): void {
    if (!this.#collects) return;
    const content = this.#discrete.take();
    if (this.#type === FCGI_END_REQUEST) {
      const end = decodeEndRequest(content);
      if (this.#active.delete(this.#requestId)) this.#events.onEnd(this.#requestId, end);
    } else if (this.#type === FCGI_GET_VALUES_RESULT) {
      this.#events.onValues(decodePairs(content));
    } else {
      this.#events.onUnknownType(decodeUnknownType(content));
    }
  }

  /**
   * Whether an application has a reason to send such a record. Types of a later version pass: §3.3 is silent on them.
   */
  #hasPlace(type: number, requestId: number): boolean {
    if (type > FCGI_UNKNOWN_TYPE) return true;
    const answers = type === FCGI_STDOUT || type === FCGI_STDERR || type === FCGI_END_REQUEST;
    return answers && (this.#active.has(requestId) || this.#aborted.has(requestId));
  }

  /** Whether the record being read is a discrete one, read when whole. */
  get #collects(): boolean {
    return this.#requestId === FCGI_NULL_REQUEST_ID
      ? this.#type === FCGI_GET_VALUES_RESULT || this.#type === FCGI_UNKNOWN_TYPE
      : this.#type === FCGI_END_REQUEST;
  }
}
