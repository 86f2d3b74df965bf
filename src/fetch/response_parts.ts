/** What of a response is sent, read from whatever a handler has returned. */

import { allowsBody } from "../cgi/response_head.ts";
import { takeMemoryBody } from "./static_body.ts";
import { memoryParts } from "./fast_response.ts";
import { headerPairs } from "./header_pairs.ts";

/** A response, taken apart for sending. */
export interface ResponseParts {
  /** 200 to 599. */
  readonly status: number;
  /** The reason phrase; may be empty, and may hold anything. */
  readonly statusText: string;
  /** Names and values, Set-Cookie last. */
  readonly headers: Iterable<readonly [string, string]>;
  /** Content in memory, a stream of unread content, or nothing. */
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null;
}

/**
 * Takes a handler's response to a request of this method apart.
 *
 * @throws {TypeError} If it is no Response, or its body has been used.
 * @throws {RangeError} If its status cannot be sent: `Response.error()` has 0.
 */
export function takeApart(response: unknown, method: string): ResponseParts {
  const parts = memoryParts(response) ?? nativeParts(response, method);
  const { status, headers } = parts;
  if (status < 200 || status > 599) {
    throw new RangeError(`Cannot send response: its status is ${status}, not 200 to 599`);
  }
  return headers instanceof Headers ? { ...parts, headers: headerPairs(headers) } : parts;
}

function nativeParts(value: unknown, method: string): ResponseParts {
  if (!(value instanceof Response)) {
    throw new TypeError(`Cannot send response: the handler returned ${describe(value)}, not a Response`);
  }
  const { status, statusText, headers, url } = value;
  return { status, statusText, headers: url === "" ? headers : asRead(headers), body: bodyOf(value, method) };
}

function bodyOf(response: Response, method: string): ResponseParts["body"] {
  // What is not sent is left alone: its length would be told by one runtime only.
  const inMemory = allowsBody(response.status, method) ? takeMemoryBody(response) : undefined;
  if (inMemory !== undefined) return inMemory;
  const { body, bodyUsed } = response;
  if (bodyUsed || body?.locked) {
    throw new TypeError("Cannot send response: its body has been read, or is being read, already");
  }
  return body;
}

/** What every runtime's `fetch` decodes. */
const decoded = /^(?:gzip|x-gzip|deflate|br)$/i;

/** The fields of a response that `fetch` has given: they tell of the body as it was sent, and it is read decoded. */
function asRead(headers: Headers): Headers {
  if (!decoded.test(headers.get("content-encoding") ?? "")) return headers;
  const fields = new Headers(headers);
  fields.delete("content-encoding");
  fields.delete("content-length");
  return fields;
}

function describe(value: unknown): string {
  return typeof value === "object" && value !== null ? value.constructor?.name ?? "an object" : String(value);
}
