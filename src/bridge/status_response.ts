/** A response with nothing but its status. */

import { statusPage } from "../cgi/status_page.ts";

/** Makes a response of the plain page of a status. */
export function statusResponse(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  const { body, headers: own, ...init } = statusPage(status);
  return new Response(body, { ...init, headers: { ...headers, ...Object.fromEntries(own) } });
}
