/** The responses that server and bridge make by themselves. */

import { reasonPhrase } from "./reason_phrase.ts";
import type { ResponseHead } from "./response_head.ts";

/** A response that gives its status and no cause; `new Response(page.body, page)` makes it one. */
export interface StatusPage extends ResponseHead {
  readonly headers: [name: string, value: string][];
  readonly body: string;
}

/** Seconds after which a client that was turned away for lack of room may try again. */
const RETRY_AFTER = "1";

/** Makes the plain page of a status, such as "404 Not Found". */
export function statusPage(status: number): StatusPage {
  const headers: [string, string][] = [["content-type", "text/plain;charset=UTF-8"]];
  if (status === 503) headers.push(["retry-after", RETRY_AFTER]);
  const statusText = reasonPhrase(status);
  return { status, statusText, headers, body: `${status} ${statusText}\n` };
}
