/**
 * FastCGI 1.0 without a server: records from and to bytes, as Web Streams or as plain calls.
 *
 * - {@linkcode RecordDecoderStream} and {@linkcode RecordEncoderStream}: `TransformStream`s of whole records.
 * - {@linkcode RecordParser} and {@linkcode RecordWriter}: what they stand on, without copies and without objects.
 * - {@linkcode ApplicationConnection} and {@linkcode WebServerConnection}: the two ends of a connection, without I/O.
 * - {@linkcode decodePairs}, {@linkcode encodePairs} and the bodies of discrete records.
 *
 * @example Reading what a web server sends
 * ```ts
 * import { decodePairs, encodePairs, FCGI_PARAMS, RecordDecoderStream, RecordEncoderStream } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const content = encodePairs(["REQUEST_METHOD", "GET"]);
 * const bytes = ReadableStream.from([{ type: FCGI_PARAMS, requestId: 1, content }]).pipeThrough(new RecordEncoderStream());
 * for await (const record of bytes.pipeThrough(new RecordDecoderStream())) {
 *   assertEquals(decodePairs(record.content), ["REQUEST_METHOD", "GET"]);
 * }
 * ```
 *
 * Types have names of their own, with `FastCgi` before them only where a global has that name already (`FastCgiError`,
 * `FastCgiRecord`); `FCGI_` begins the specification's own constants.
 *
 * @module
 */

export { FastCgiError, type FastCgiErrorCode, type FastCgiErrorOptions, ProtocolError } from "./errors.ts";
export type { ErrorSide } from "./errors.ts";
export type { RequestRegistry } from "./protocol/active_requests.ts";
export { ApplicationConnection } from "./protocol/application_connection.ts";
export type { ApplicationEvents, ApplicationOptions } from "./protocol/application_events.ts";
export * from "./protocol/constants.ts";
export type { Capabilities } from "./protocol/get_values.ts";
export { decodePairs, encodePairs } from "./protocol/name_value.ts";
export {
  type BeginRequestBody,
  decodeBeginRequest,
  decodeEndRequest,
  decodeUnknownType,
  encodeBeginRequest,
  encodeEndRequest,
  encodeUnknownType,
  type EndRequestBody,
} from "./protocol/record_bodies.ts";
export { RecordParser, type RecordSink } from "./protocol/record_parser.ts";
export { RecordMemory, type RecordOutput, RecordWriter } from "./protocol/record_writer.ts";
export { WebServerConnection } from "./protocol/web_server_connection.ts";
export type { WebServerEvents, WebServerOptions } from "./protocol/web_server_events.ts";
export { type FastCgiRecord, RecordDecoderStream } from "./streams/record_decoder_stream.ts";
export { RecordEncoderStream } from "./streams/record_encoder_stream.ts";
