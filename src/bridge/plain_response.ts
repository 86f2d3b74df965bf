/** A response that says no more than its status. */

import { reasonPhrase } from "../cgi/reason_phrase.ts";

/** Makes a short text of a status, such as "404 Not Found". */
export function plainResponse(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  const type = { "content-type": "text/plain;charset=utf-8" };
  return new Response(`${status} ${reasonPhrase(status)}\n`, { status, headers: { ...headers, ...type } });
}
