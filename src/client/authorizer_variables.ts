/** The answer of an Authorizer (§6.3). */

/**
 * The variables that an Authorizer's response sets for the next step, by name; `undefined` if it denies the
 * request, and the response is to be sent to the client as it is.
 *
 * @example
 * ```ts
 * import { authorizerVariables } from "@webfcgi/webfcgi/client";
 * import { authorized } from "@webfcgi/webfcgi";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(authorizerVariables(authorized({ REMOTE_USER: "anna" })), { REMOTE_USER: "anna" });
 * assertEquals(authorizerVariables(new Response("Who are you?", { status: 401 })), undefined);
 * ```
 */
export function authorizerVariables(response: Response): Record<string, string> | undefined {
  if (response.status !== 200) return undefined;
  const variables: Record<string, string> = {};
  for (const [name, value] of response.headers) {
    // `Headers` gives names in lower case; variables are in upper case.
    if (name.startsWith("variable-")) variables[name.slice("variable-".length).toUpperCase()] = value;
  }
  return variables;
}
