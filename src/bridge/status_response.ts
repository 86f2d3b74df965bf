/** A response that says no more than its status. */

import { statusPage } from "../cgi/status_page.ts";

/** Makes the plain page of a status a response. */
export function statusResponse(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  const { body, headers: own, ...init } = statusPage(status);
  return new Response(body, { ...init, headers: { ...headers, ...Object.fromEntries(own) } });
}
