/** The responses that the server makes by itself. */

import { reasonPhrase } from "../cgi/reason_phrase.ts";
import type { ResponseParts } from "../fetch/response_parts.ts";

/** Seconds after which a client may try again that was turned away for want of room. */
const RETRY_AFTER = "1";

/** A response that says its status, in plain text, and nothing of the cause. */
export function plainResponse(status: number): ResponseParts {
  const headers: [string, string][] = [["content-type", "text/plain;charset=UTF-8"]];
  if (status === 503) headers.push(["retry-after", RETRY_AFTER]);
  return { status, statusText: "", headers, body: `${reasonPhrase(status)}\n` };
}
