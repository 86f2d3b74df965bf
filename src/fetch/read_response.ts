/** Reads the parts of a response that are sent from what a handler has returned. */

import { allowsBody } from "../cgi/response_head.ts";
import { FastInstance } from "./fast_response.ts";
import { headerPairs } from "./header_pairs.ts";
import { PatchedResponse } from "./patched_response.ts";
import type { ResponseParts } from "./response_parts.ts";
import { hasHiddenBody, takeStaticBody } from "./static_body.ts";

/**
 * Reads a handler's response to a request with this method.
 *
 * @throws {TypeError} If it is no Response, or its body has been used.
 * @throws {RangeError} If its status cannot be sent: `Response.error()` has 0.
 */
export function readResponse(response: unknown, method: string): ResponseParts {
  const parts = knownParts(response) ?? nativeParts(response, method);
  const { status, headers } = parts;
  if (status < 200 || status > 599) {
    throw new RangeError(`Cannot send response: its status is ${status}, not 200 to 599`);
  }
  return Array.isArray(headers) ? parts : { ...parts, headers: headerPairs(headers as Headers) };
}

/** Whether a value is a Response: the runtime's, or one of another implementation, as graphql-yoga's on Node are. */
export function isResponse(value: unknown): value is Response {
  if (value instanceof Response) return true;
  const { status, headers, body } = (value ?? {}) as Partial<Response>;
  return typeof status === "number" && typeof headers?.getSetCookie === "function" &&
    (body === null || typeof body?.getReader === "function");
}

/** What a response of ours was made of; undefined for any other value, and once a native one has the body. */
export function knownParts(response: unknown): ResponseParts | undefined {
  if (typeof response !== "object" || response === null) return undefined;
  return FastInstance.is(response) ? FastInstance.parts(response) : PatchedResponse.parts(response);
}

function nativeParts(value: unknown, method: string): ResponseParts {
  if (!isResponse(value)) {
    throw new TypeError(`Cannot send response: the handler returned ${describe(value)}, not a Response`);
  }
  const { status, statusText, headers, url } = value;
  const fields = url === "" ? withoutWrongLength(value) : asRead(headers);
  return { status, statusText, headers: fields, body: bodyOf(value, method) };
}

function bodyOf(response: Response, method: string): ResponseParts["body"] {
  // A body that is not sent is left alone: only Deno could tell its length.
  const inMemory = allowsBody(response.status, method) ? takeStaticBody(response) : undefined;
  if (inMemory !== undefined) return inMemory;
  const { body, bodyUsed } = response;
  if (bodyUsed || body?.locked) {
    throw new TypeError("Cannot send response: its body has been read, or is being read, already");
  }
  return body;
}

/** The fields of a response that was made here: where its content is in memory, that has a length of its own. */
function withoutWrongLength(response: Response): Headers {
  const { headers } = response;
  if (!headers.has("content-length") || !hasHiddenBody(response)) return headers;
  const fields = new Headers(headers);
  fields.delete("content-length");
  return fields;
}

/** What every runtime's `fetch` decodes. */
const decoded = /^(?:gzip|x-gzip|deflate|br)$/i;

/** The fields of a response that `fetch` has given: they describe the body as it was sent, but it is read decoded. */
function asRead(headers: Headers): Headers {
  if (!decoded.test(headers.get("content-encoding") ?? "")) return headers;
  const fields = new Headers(headers);
  fields.delete("content-encoding");
  fields.delete("content-length");
  return fields;
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return typeof value === "object" && value !== null ? value.constructor?.name ?? "an object" : String(value);
}
