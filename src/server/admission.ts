/** Which requests are refused without asking a handler, and how. */

import { isForbiddenMethod, isToken } from "../cgi/field.ts";
import type { RequestHead } from "./request_head.ts";
import type { Settings } from "./server_options.ts";

/** Greatest number of a request's parameters. Web servers send some thirty, and one more for each header field. */
export const MAX_PARAMS = 1024;
/**
 * Requests served at a time on one connection. Only HAProxy multiplexes, a hundred at most unless configured otherwise.
 */
export const MAX_REQUESTS_PER_CONNECTION = 256;

/** How a request is refused, and why: a limit's name, or the part of the request that is wrong. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
}

/** A request's parameters are longer than they may be. */
export const PARAMS_TOO_LARGE: Refusal = { status: 431, reason: "maxParamsBytes" };
/** The server has as many requests as it may have. */
export const TOO_MANY_REQUESTS: Refusal = { status: 503, reason: "maxRequests" };
/** A connection has as many requests as it may have. */
export const TOO_MANY_ON_CONNECTION: Refusal = { status: 503, reason: "maxRequestsPerConnection" };
const TOO_MANY_PARAMS: Refusal = { status: 431, reason: "maxParams" };
const BAD_METHOD: Refusal = { status: 400, reason: "method" };
const FORBIDDEN_METHOD: Refusal = { status: 501, reason: "method" };
const BODY_TOO_LARGE: Refusal = { status: 413, reason: "maxBodyBytes" };
const BAD_URL: Refusal = { status: 400, reason: "url" };

/** Why a request is refused; undefined if a handler may answer it. */
export function findRefusal(head: RequestHead, settings: Settings): Refusal | undefined {
  if (head.params.size > MAX_PARAMS) return TOO_MANY_PARAMS;
  const { method } = head;
  // Most requests have one of these two, which are spared the regular expressions.
  if (method !== "GET" && method !== "POST") {
    if (!isToken(method)) return BAD_METHOD;
    if (isForbiddenMethod(method)) return FORBIDDEN_METHOD;
  }
  if (head.contentLength !== undefined && head.contentLength > settings.maxBodyBytes) return BODY_TOO_LARGE;
  return head.url === undefined ? BAD_URL : undefined;
}
