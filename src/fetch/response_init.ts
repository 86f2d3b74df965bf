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
  if (statusText !== "" && (typeof statusText !== "string" || !isFieldValue(statusText))) return undefined;
  const pairs = readPairs(headers);
  if (pairs !== undefined && typeof body === "string" && !hasType(pairs)) pairs.push(["content-type", TEXT_TYPE]);
  return pairs && { status, statusText, headers: pairs };
}

function readPairs(headers: ResponseInit["headers"]): HeaderPair[] | undefined {
  if (headers === undefined) return [];
  if (headers instanceof Headers) return headerPairs(headers);
  // Only the two plain forms: the native class handles objects that behave in other ways when read.
  if (Symbol.iterator in headers && !Array.isArray(headers)) return undefined;
  const pairs: HeaderPair[] = [];
  if (Array.isArray(headers)) {
    for (const pair of headers) if (!addPlain(pairs, [...pair])) return undefined;
  } else {
    for (const name of Object.keys(headers)) if (!addPlain(pairs, [name, headers[name]])) return undefined;
  }
  return pairs;
}

function addPlain(pairs: HeaderPair[], pair: readonly unknown[]): boolean {
  const name = pair[0];
  const value = pair[1];
  if (pair.length !== 2 || typeof name !== "string" || typeof value !== "string") return false;
  if (!isToken(name) || !isFieldValue(value) || value.trim() !== value) return false;
  pairs.push([name, value]);
  return true;
}

function hasType(pairs: readonly HeaderPair[]): boolean {
  return pairs.some((pair) => pair[0].length === 12 && pair[0].toLowerCase() === "content-type");
}
