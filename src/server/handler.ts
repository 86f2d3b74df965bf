/** Handlers, and what they are given in addition to the request. */

import type { Params } from "../cgi/params.ts";
import type { Addr, NetAddr, UnixAddr } from "../runtime/transport.ts";

/**
 * Serves a request. The same function works with `Deno.serve`, `Bun.serve` and whatever else speaks Fetch.
 *
 * @example
 * ```ts
 * import type { Handler } from "@webfcgi/webfcgi";
 *
 * const handler: Handler = (request, info) => new Response(`${request.method} ${info.pathInfo}`);
 * ```
 */
export type Handler = (request: Request, info: HandlerInfo) => Response | Promise<Response>;

/** What FastCGI adds to a Request. Everything is made when it is first read. */
export interface HandlerInfo {
  /** `"responder"`, `"authorizer"` or `"filter"` (§6). */
  readonly role: Role;
  /** All that the web server has sent, as it was sent. */
  readonly params: Params;
  /** Where the application is mounted, decoded: `""` at the root, `"/app"` under a path (RFC 3875 §4.1.13). */
  readonly scriptName: string;
  /**
   * The path below the mount, decoded (RFC 3875 §4.1.5). Slashes are as the web server reads them: whether `//` is one
   * and `%2F` is one follows its variables; without any, both stay as they are in the URL.
   */
  readonly pathInfo: string;
  /** The target of the request line, byte for byte as the client sent it, as far as the web server reports it. */
  readonly requestUri: string;
  /** The HTTP client (RFC 3875 §4.1.8). */
  readonly remoteAddr: NetAddr | UnixAddr;
  /** The web server. */
  readonly peerAddr: Addr;
  /** The id of the request on its connection, 1 to 65535 (§3.3). */
  readonly requestId: number;
  /** Resolves once the whole response has been handed to the socket; rejects if that fails. */
  readonly completed: Promise<void>;
  /** Makes `shutdown` wait for `promise` too. Its rejection goes to `onError`. */
  waitUntil(promise: Promise<unknown>): void;
  /**
   * Writes a line to FCGI_STDERR, so to the web server's error log; it is sent with or after the response's head.
   *
   * Control characters are escaped, and the lines after the first of a longer message are indented: no text from a
   * client can pass for a separate message.
   */
  log(message: string): void;
  /** Sets the appStatus of END_REQUEST (§5.5), 0 to 2^32 - 1; 0 unless set. No web server looks at it. */
  setAppStatus(appStatus: number): void;
  /** Filter: the content of the file to be filtered (§6.4); null in other roles. */
  readonly data: ReadableStream<Uint8Array> | null;
  /** Filter: length of that file in bytes, from FCGI_DATA_LENGTH. */
  readonly dataLength: number | undefined;
  /** Filter: when that file was last changed, from FCGI_DATA_LAST_MOD. */
  readonly dataLastModified: Date | undefined;
}

/** What an application can be to a web server (§6). */
export type Role = "responder" | "authorizer" | "filter";

/**
 * Makes a response of an error, thrown by a handler or caused by a peer.
 *
 * `request` and `info` are missing when the error belongs to a connection. What it returns is sent if the response's
 * head has not been sent yet. Without it, a plain page is sent: 400, 408 or 413 where reading the request's own body
 * failed; 502, 503 or 504 for an error of a FastCGI client; else 500.
 */
export type ErrorHandler = (
  error: unknown,
  request?: Request,
  info?: HandlerInfo,
) => Response | void | Promise<Response | void>;
