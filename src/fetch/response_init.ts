/** The init of a response, read without the native class. */

import { hasNullBody, isFieldValue, isToken } from "../cgi/field.ts";
import type { ResponseHead } from "../cgi/response_head.ts";
import { headerPairs } from "./header_pairs.ts";
import { TEXT_TYPE } from "./response_class.ts";

type HeaderPair = readonly [name: string, value: string];

/** What is sent of an init; a native response would take it as it is. */
export interface Head extends ResponseHead {
  readonly headers: readonly HeaderPair[];
}

/** Reads an init; undefined if the native class has to: it converts, or refuses, what is not plain. */
export function readHead(body: string | Uint8Array | null, init: ResponseInit | undefined): Head | undefined {
  const { status = 200, statusText = "", headers } = init ?? {};
  if (!Number.isInteger(status) || status < 200 || status > 599 || body !== null && hasNullBody(status)) {
    return undefined;
  }
  if (typeof statusText !== "string" || !isFieldValue(statusText)) return undefined;
  const pairs = readPairs(headers);
  if (pairs !== undefined && typeof body === "string" && !hasType(pairs)) pairs.push(["content-type", TEXT_TYPE]);
  return pairs && { status, statusText, headers: pairs };
}

function readPairs(headers: ResponseInit["headers"]): HeaderPair[] | undefined {
  if (headers === undefined) return [];
  if (headers instanceof Headers) return headerPairs(headers);
  // Only the two plain forms: the native class handles objects that behave in other ways when read.
  if (Symbol.iterator in headers && !Array.isArray(headers)) return undefined;
  const pairs = Array.isArray(headers) ? headers.map((pair): unknown[] => [...pair]) : Object.entries(headers);
  return pairs.every(isPlainPair) ? pairs as [string, string][] : undefined;
}

function isPlainPair(pair: readonly unknown[]): boolean {
  const name = pair[0];
  const value = pair[1];
  return pair.length === 2 && typeof name === "string" && isToken(name) &&
    typeof value === "string" && isFieldValue(value) && value.trim() === value;
}

function hasType(pairs: readonly HeaderPair[]): boolean {
  return pairs.some((pair) => pair[0].length === 12 && pair[0].toLowerCase() === "content-type");
}
