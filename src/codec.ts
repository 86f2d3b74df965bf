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
 * @module
 */

export * from "./errors.ts";
export type { RequestRegistry } from "./protocol/active_requests.ts";
export * from "./protocol/application_connection.ts";
export * from "./protocol/application_events.ts";
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
export * from "./protocol/constants.ts";
export * from "./protocol/latin1.ts";
export type { Capabilities } from "./protocol/get_values.ts";
export { decodePairs, encodePairs } from "./protocol/name_value.ts";
export * from "./protocol/record_parser.ts";
export * from "./protocol/record_writer.ts";
export * from "./protocol/web_server_connection.ts";
export * from "./protocol/web_server_events.ts";
export * from "./streams/record_decoder_stream.ts";
export * from "./streams/record_encoder_stream.ts";
