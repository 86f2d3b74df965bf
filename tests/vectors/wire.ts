/**
 * Records as a test writes them down, and their bytes by the letter of §3.3.
 *
 * Uses nothing of the library, so that one mistake cannot be made on both sides.
 */

import { concat, latin1Bytes } from "../helpers/bytes.ts";

/** A record; content is one character a byte. */
export interface WireRecord {
  readonly type: number;
  readonly requestId: number;
  readonly content: string;
  /** Bytes of padding; 0 unless given. */
  readonly padding?: number;
  readonly version?: number;
  readonly reserved?: number;
}

/** A record of any type. */
export const record = (type: number, requestId: number, content = "", padding = 0): WireRecord =>
  padding === 0 ? { type, requestId, content } : { type, requestId, content, padding };

/** The low `bytes` bytes of `number`, big endian. */
const bigEndian = (number: number, bytes: number): string =>
  Array.from({ length: bytes }, (_, at) => String.fromCharCode(Math.floor(number / 256 ** (bytes - 1 - at)) % 256))
    .join("");

/** §5.1. `flags` 1 is FCGI_KEEP_CONN. */
export const begin = (requestId: number, role: number, flags: number): WireRecord =>
  record(1, requestId, bigEndian(role, 2) + bigEndian(flags, 1) + "\0\0\0\0\0");
/** §5.4. */
export const abort = (requestId: number): WireRecord => record(2, requestId);
/** §5.5. */
export const end = (requestId: number, appStatus = 0, protocolStatus = 0): WireRecord =>
  record(3, requestId, bigEndian(appStatus, 4) + bigEndian(protocolStatus, 1) + "\0\0\0");
/** §5.2. */
export const params = (requestId: number, content = "", padding = 0): WireRecord =>
  record(4, requestId, content, padding);
/** §5.3. */
export const stdin = (requestId: number, content = "", padding = 0): WireRecord =>
  record(5, requestId, content, padding);
/** §5.3. */
export const stdout = (requestId: number, content = ""): WireRecord => record(6, requestId, content);
/** §5.3. */
export const stderr = (requestId: number, content = ""): WireRecord => record(7, requestId, content);
/** §5.3. */
export const data = (requestId: number, content = "", padding = 0): WireRecord =>
  record(8, requestId, content, padding);
/** §4.1. */
export const getValues = (...names: readonly string[]): WireRecord =>
  record(9, 0, pairs(...names.flatMap((name) => [name, ""])));
/** §4.1. */
export const getValuesResult = (...values: readonly string[]): WireRecord => record(10, 0, pairs(...values));
/** §4.2. */
export const unknownType = (type: number): WireRecord => record(11, 0, bigEndian(type, 1) + "\0\0\0\0\0\0\0");

/** Name-value pairs (§3.4) of name, value, name, value, …, with the shortest lengths. */
export function pairs(...texts: readonly string[]): string {
  const length = (text: string): string => text.length < 128 ? bigEndian(text.length, 1) : longLength(text.length);
  let content = "";
  for (let at = 0; at < texts.length; at += 2) {
    content += length(texts[at]!) + length(texts[at + 1]!) + texts[at]! + texts[at + 1]!;
  }
  return content;
}

/** The form of a length that takes four bytes. */
export const longLength = (length: number): string => bigEndian(length + 2 ** 31, 4);

/** The bytes of records. Padding is filled with 0xEE: who reads it as anything else shall stumble. */
export function bytesOf(records: readonly WireRecord[]): Uint8Array {
  return concat(records.map((record) => {
    const { type, requestId, content, padding = 0, version = 1, reserved = 0 } = record;
    const head = [version, type, requestId >> 8, requestId, content.length >> 8, content.length, padding, reserved];
    return concat([Uint8Array.from(head), latin1Bytes(content), new Uint8Array(padding).fill(0xee)]);
  }));
}

/** The bytes of records as the library is to write them: padded to multiples of 8 with zeros. */
export function paddedBytesOf(records: readonly WireRecord[]): Uint8Array {
  return concat(records.map((record) => {
    const padding = -record.content.length & 7;
    const bytes = bytesOf([{ ...record, padding }]);
    return bytes.fill(0, bytes.length - padding);
  }));
}

/** The bytes of a hexadecimal dump; blanks mean nothing. */
export function hex(dump: string): Uint8Array {
  return Uint8Array.from(dump.match(/[0-9a-f]{2}/gi) ?? [], (digits) => parseInt(digits, 16));
}
