/** What is known of web servers by name: by SERVER_SOFTWARE, if they send it. */

/** How a web server treats a connection that it keeps. */
export interface WebServerKind {
  /** Whether it can take END_REQUEST while it still sends the request. */
  readonly takesEarlyEnd: boolean;
  /** Whether it closes the connection when something follows END_REQUEST. Others take that for the next answer. */
  readonly closesIfMoreFollows: boolean;
}

const NGINX: WebServerKind = { takesEarlyEnd: true, closesIfMoreFollows: true };
const TOLERANT: WebServerKind = { takesEarlyEnd: true, closesIfMoreFollows: false };
const UNKNOWN: WebServerKind = { takesEarlyEnd: false, closesIfMoreFollows: false };

/**
 * The kind of a web server.
 *
 * By FastCGI 1.0 an early END_REQUEST is no fault, but h2o 2.2 fails an assertion over it and dies with all its sites.
 * It can be given any name, so END_REQUEST waits for the end of the request unless a web server is known not to mind:
 *
 * - nginx even needs it: it sends no more of a body once it has passed on the head of the response, so it would wait
 *   for us as we for it; and it keeps a connection only if END_REQUEST comes with the last of STDOUT.
 * - Apache sends whole records, stops at END_REQUEST, and discards the rest of the body itself.
 * - HAProxy drops the rest of the body and goes on with other requests.
 * - The client of this library sends no further request over such a connection.
 *
 * lighttpd and Caddy keep no connection, and on one that ends with the request END_REQUEST never waits.
 */
export function webServerKind(software: string = ""): WebServerKind {
  if (software.startsWith("nginx")) return NGINX;
  return /^(?:Apache|HAProxy|webfcgi)(?:$|[/ ])/.test(software) ? TOLERANT : UNKNOWN;
}
