/** Which requests are refused without asking a handler, and with what status. */

import { isForbiddenMethod, isToken } from "../cgi/field.ts";
import type { RequestHead } from "./request_head.ts";
import type { Settings } from "./server_options.ts";

/** Greatest number of a request's parameters. Web servers send some thirty, and one more for each header field. */
export const MAX_PARAMS = 1024;
/**
 * Requests served at a time on one connection. Only HAProxy multiplexes, a hundred at most unless configured otherwise.
 */
export const MAX_REQUESTS_PER_CONNECTION = 256;

/** The status that a request is refused with; undefined if a handler may answer it. */
export function refusalStatus(head: RequestHead, settings: Settings): number | undefined {
  if (head.params.size > MAX_PARAMS) return 431;
  if (!isToken(head.method)) return 400;
  if (isForbiddenMethod(head.method)) return 501;
  if (head.contentLength !== undefined && head.contentLength > settings.maxBodyBytes) return 413;
  return head.url === undefined ? 400 : undefined;
}
