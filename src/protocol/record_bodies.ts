/** The fixed bodies of discrete records: BEGIN_REQUEST (§5.1), END_REQUEST (§5.5), UNKNOWN_TYPE (§4.2). */

import { ProtocolError } from "../errors.ts";
import { FCGI_KEEP_CONN } from "./constants.ts";

/** Bytes in each of these bodies. */
const BODY_LEN = 8;

/** The body of FCGI_BEGIN_REQUEST (§5.1). */
export interface BeginRequestBody {
  /** FCGI_RESPONDER (1), FCGI_AUTHORIZER (2), FCGI_FILTER (3), or a role unknown to FastCGI 1.0. */
  readonly role: number;
  /** Whether the connection stays open after this request. */
  readonly keepConn: boolean;
}

/** The body of FCGI_END_REQUEST (§5.5). */
export interface EndRequestBody {
  /** What the request came to, like a program's exit status; 0 to 2^32 - 1. */
  readonly appStatus: number;
  /** FCGI_REQUEST_COMPLETE (0), or why the request was refused. */
  readonly protocolStatus: number;
}

/**
 * Decodes the body of FCGI_BEGIN_REQUEST.
 *
 * @throws {ProtocolError} `BAD_LENGTH` if it is not 8 bytes long.
 *
 * @example
 * ```ts
 * import { decodeBeginRequest } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeBeginRequest(new Uint8Array([0, 1, 1, 0, 0, 0, 0, 0])), { role: 1, keepConn: true });
 * ```
 */
export function decodeBeginRequest(content: Uint8Array): BeginRequestBody {
  checkLength(content, "FCGI_BEGIN_REQUEST");
  return { role: content[0]! << 8 | content[1]!, keepConn: (content[2]! & FCGI_KEEP_CONN) !== 0 };
}

/**
 * Encodes the body of FCGI_BEGIN_REQUEST.
 *
 * @example
 * ```ts
 * import { encodeBeginRequest } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeBeginRequest({ role: 1, keepConn: true }), new Uint8Array([0, 1, 1, 0, 0, 0, 0, 0]));
 * ```
 */
export function encodeBeginRequest({ role, keepConn }: BeginRequestBody): Uint8Array {
  return new Uint8Array([role >> 8, role, keepConn ? FCGI_KEEP_CONN : 0, 0, 0, 0, 0, 0]);
}

/**
 * Decodes the body of FCGI_END_REQUEST.
 *
 * @throws {ProtocolError} `BAD_LENGTH` if it is not 8 bytes long.
 *
 * @example
 * ```ts
 * import { decodeEndRequest } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeEndRequest(new Uint8Array([0, 0, 1, 2, 0, 0, 0, 0])), { appStatus: 258, protocolStatus: 0 });
 * ```
 */
export function decodeEndRequest(content: Uint8Array): EndRequestBody {
  checkLength(content, "FCGI_END_REQUEST");
  const appStatus = (content[0]! << 24 | content[1]! << 16 | content[2]! << 8 | content[3]!) >>> 0;
  return { appStatus, protocolStatus: content[4]! };
}

/**
 * Encodes the body of FCGI_END_REQUEST.
 *
 * @example
 * ```ts
 * import { encodeEndRequest } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeEndRequest({ appStatus: 258, protocolStatus: 0 }), new Uint8Array([0, 0, 1, 2, 0, 0, 0, 0]));
 * ```
 */
export function encodeEndRequest({ appStatus, protocolStatus }: EndRequestBody): Uint8Array {
  return new Uint8Array([appStatus >>> 24, appStatus >>> 16, appStatus >>> 8, appStatus, protocolStatus, 0, 0, 0]);
}

/**
 * Decodes the body of FCGI_UNKNOWN_TYPE into the type.
 *
 * @throws {ProtocolError} `BAD_LENGTH` if it is not 8 bytes long.
 *
 * @example
 * ```ts
 * import { decodeUnknownType } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeUnknownType(new Uint8Array([99, 0, 0, 0, 0, 0, 0, 0])), 99);
 * ```
 */
export function decodeUnknownType(content: Uint8Array): number {
  checkLength(content, "FCGI_UNKNOWN_TYPE");
  return content[0]!;
}

/**
 * Encodes the body of FCGI_UNKNOWN_TYPE.
 *
 * @example
 * ```ts
 * import { encodeUnknownType } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeUnknownType(99), new Uint8Array([99, 0, 0, 0, 0, 0, 0, 0]));
 * ```
 */
export function encodeUnknownType(type: number): Uint8Array {
  return new Uint8Array([type, 0, 0, 0, 0, 0, 0, 0]);
}

function checkLength(content: Uint8Array, name: string): void {
  if (content.length !== BODY_LEN) throw badLength(name, content.length);
}

/** The error of a discrete record whose content is not 8 bytes long. */
export function badLength(name: string, length: number): ProtocolError {
  return new ProtocolError("BAD_LENGTH", `Cannot read ${name}: its content is ${length} bytes, not ${BODY_LEN}`);
}

/** The error of a record that has no place where it comes. */
export function badOrder(what: string, requestId: number): ProtocolError {
  return new ProtocolError("BAD_ORDER", `Cannot accept ${what}: request ${requestId}`);
}
