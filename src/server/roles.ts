/** The roles that an application plays (§6), and their handlers. */

import { variableHeaders } from "../cgi/response_head.ts";
import { FCGI_AUTHORIZER, FCGI_FILTER, FCGI_RESPONDER } from "../protocol/constants.ts";
import { FastResponse } from "../fetch/fast_response.ts";
import { show } from "../options.ts";
import type { Handler } from "./handler.ts";

/** The handlers of an application, by role (§6). A role without a handler is refused with FCGI_UNKNOWN_ROLE. */
export interface Handlers {
  /** The Responder: answers requests (§6.2). */
  fetch: Handler;
  /**
   * The Authorizer: a 200, as {@linkcode authorized} makes it, lets the web server go on; any other response is sent
   * (§6.3).
   */
  authorizer?: Handler;
  /** The Filter: as the Responder, with the file to be filtered in `info.data` (§6.4). */
  filter?: Handler;
}

/** The handlers by the numbers of their roles. @throws {TypeError} If there is none, or one is no function. */
export function handlersByRole({ fetch, authorizer, filter }: Partial<Handlers>): Map<number, Handler> {
  const handlers = new Map<number, Handler>();
  for (const [role, play] of [[FCGI_RESPONDER, fetch], [FCGI_AUTHORIZER, authorizer], [FCGI_FILTER, filter]] as const) {
    if (play === undefined) continue;
    if (typeof play !== "function") throw notFunction(role, play);
    handlers.set(role, play);
  }
  if (handlers.size === 0) throw new TypeError("Cannot serve: there is no handler; write serve(options, handler)");
  return handlers;
}

function notFunction(role: number, play: unknown): TypeError {
  const name = role === FCGI_RESPONDER ? "the handler" : role === FCGI_AUTHORIZER ? "authorizer" : "filter";
  // An application of Hono, for example, where its handler belongs.
  const isApplication = typeof (play as Partial<Handlers> | null)?.fetch === "function";
  const remedy = isApplication ? "write its function fetch" : "write a function";
  return new TypeError(`Cannot serve: ${name} is ${show(play)}; ${remedy}`);
}

/**
 * The response by which an Authorizer lets a request pass, with variables for what comes after it (§6.3).
 *
 * @throws {TypeError} If a name or a value is invalid.
 *
 * @example
 * ```ts
 * import { authorized } from "@webfcgi/webfcgi";
 * import { assertEquals } from "@std/assert";
 *
 * const response = authorized({ REMOTE_USER: "anna" });
 * assertEquals(response.status, 200);
 * assertEquals(response.headers.get("variable-remote_user"), "anna");
 * ```
 */
export function authorized(variables: Readonly<Record<string, string>> = {}): Response {
  return new FastResponse(null, { headers: variableHeaders(variables) });
}
