/** The records that an application writes, by the spec's sizes and by those that web servers can take. */

import {
  FCGI_END_REQUEST,
  FCGI_GET_VALUES_RESULT,
  FCGI_MAX_CONTENT_LENGTH,
  FCGI_NULL_REQUEST_ID,
  FCGI_REQUEST_COMPLETE,
  FCGI_STDERR,
  FCGI_STDOUT,
  FCGI_UNKNOWN_TYPE,
} from "./constants.ts";
import { encodeEndRequest, encodeUnknownType } from "./record_bodies.ts";
import { type RecordMemory, RecordWriter } from "./record_writer.ts";

/** A body in memory of up to this size (bytes) goes in one record with the head. */
const SMALL_BODY = 16_384;
/** Greatest content of a STDERR record, in bytes: HAProxy 2.6 dies of one that does not fit into its 16 KiB buffer. */
const MAX_STDERR_CONTENT = 8192;
/** What no web server can take for a record. */
const INVALID_RECORD = new Uint8Array(8);
const empty = new Uint8Array(0);
/** The end of nearly every request. */
const ENDED = encodeEndRequest({ appStatus: 0, protocolStatus: FCGI_REQUEST_COMPLETE });

/** Writes an application's records; knows no request. */
export class ApplicationOutput {
  readonly writer: RecordWriter;

  constructor(memory: RecordMemory | undefined) {
    this.writer = new RecordWriter(memory);
  }

  /** Writes a response's head, in one record whatever follows (HAProxy 2.6 dies of two), and the first of its body. */
  head(requestId: number, head: string, body: Uint8Array): void {
    const { writer } = this;
    writer.open(FCGI_STDOUT, requestId);
    writer.latin1(head);
    if (body.length <= SMALL_BODY && head.length + body.length <= FCGI_MAX_CONTENT_LENGTH) {
      writer.bytes(body);
      writer.close();
    } else {
      writer.close();
      writer.stream(FCGI_STDOUT, requestId, body);
    }
  }

  /** Writes a head with a body behind it, in one record, if both are ASCII; returns whether they are. */
  text(requestId: number, head: string, body: string): boolean {
    return this.writer.asciiRecord(FCGI_STDOUT, requestId, head + body);
  }

  stdout(requestId: number, content: Uint8Array): void {
    this.writer.stream(FCGI_STDOUT, requestId, content);
  }

  stderr(requestId: number, content: Uint8Array): void {
    for (let at = 0; at < content.length; at += MAX_STDERR_CONTENT) {
      this.writer.record(FCGI_STDERR, requestId, content.subarray(at, at + MAX_STDERR_CONTENT));
    }
  }

  endStreams(requestId: number, stderrUsed: boolean): void {
    this.writer.streamEnd(FCGI_STDOUT, requestId);
    if (stderrUsed) this.writer.streamEnd(FCGI_STDERR, requestId);
  }

  endRequest(requestId: number, body: Uint8Array): void {
    this.writer.record(FCGI_END_REQUEST, requestId, body);
  }

  getValuesResult(content: Uint8Array = empty): void {
    this.writer.record(FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, content);
  }

  unknownType(type: number): void {
    this.writer.record(FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, encodeUnknownType(type));
  }

  /** Writes bytes that are no record. */
  invalidate(): void {
    this.writer.bytes(INVALID_RECORD);
  }
}

/** The body of END_REQUEST. */
export function endBody(appStatus: number, protocolStatus: number): Uint8Array {
  const plain = appStatus === 0 && protocolStatus === FCGI_REQUEST_COMPLETE;
  return plain ? ENDED : encodeEndRequest({ appStatus, protocolStatus });
}
