/** The error family. Every error that a peer can cause is a {@linkcode FastCgiError}. */

/**
 * What went wrong, in a form for programs.
 *
 * | code | class | meaning |
 * |---|---|---|
 * | `BAD_VERSION` | ProtocolError | a record's version is not 1 (§3.3) |
 * | `BAD_LENGTH` | ProtocolError | a record's body has not the length its type demands |
 * | `BAD_PAIRS` | ProtocolError | a name-value pair is cut short (§3.4) |
 * | `BAD_ORDER` | ProtocolError | a record arrived where the protocol has no place for it |
 * | `BAD_HEAD` | ProtocolError | the response's CGI header block cannot be read (RFC 3875 §6) |
 * | `UNEXPECTED_END` | ProtocolError | the connection ended in the middle of something |
 * | `LIMIT` | LimitError | a limit was reached; `limit` names it |
 * | `ABORTED` | RequestAbortedError | the web server aborted the request |
 * | `REFUSED` | RequestRefusedError | the application refused the request |
 * | `APP_STATUS` | AppStatusError | the application says that the request failed |
 */
export type FastCgiErrorCode =
  | "BAD_VERSION"
  | "BAD_LENGTH"
  | "BAD_PAIRS"
  | "BAD_ORDER"
  | "BAD_HEAD"
  | "UNEXPECTED_END"
  | "LIMIT"
  | "ABORTED"
  | "REFUSED"
  | "APP_STATUS";

/**
 * Whose fault an error is: `"request"` for the HTTP client or the web server that sent the request, `"upstream"` for the
 * application that a client asked.
 */
export type ErrorSide = "request" | "upstream";

/** What a {@linkcode FastCgiError} can be made with besides its message. */
export interface FastCgiErrorOptions extends ErrorOptions {
  /**
   * Whose fault it is.
   *
   * @default {"request"}
   */
  readonly side?: ErrorSide;
}

/**
 * The base of every error that a peer can cause.
 *
 * @example Telling our errors from others
 * ```ts
 * import { FastCgiError, ProtocolError } from "@webfcgi/webfcgi";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const error: unknown = new ProtocolError("BAD_VERSION", "Cannot read record: version is 9");
 * assert(error instanceof FastCgiError);
 * assertEquals(error.code, "BAD_VERSION");
 * ```
 */
export class FastCgiError extends Error {
  /** The name that consoles print. */
  override name = "FastCgiError";
  /** What went wrong, in a form for programs. */
  readonly code: FastCgiErrorCode;
  /** Whose fault it is: a server may blame its client only for `"request"`. */
  readonly side: ErrorSide;

  /** Makes an error of a code, a sentence for people, its side and its cause. */
  constructor(code: FastCgiErrorCode, message: string, options?: FastCgiErrorOptions) {
    super(message, options);
    this.code = code;
    this.side = options?.side ?? "request";
  }
}

/**
 * A peer broke FastCGI 1.0 or CGI/1.1; its connection is closed.
 *
 * @example
 * ```ts
 * import { decodePairs, ProtocolError } from "@webfcgi/webfcgi/codec";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => decodePairs(new Uint8Array([5, 5, 0x61])), ProtocolError, "past the end");
 * ```
 */
export class ProtocolError extends FastCgiError {
  /** The name that consoles print. */
  override name = "ProtocolError";
}

/** The limits that a {@linkcode LimitError} can name: options of a server or of a client. */
export type LimitName =
  | "bodyTimeoutMs"
  | "connectTimeoutMs"
  | "headTimeoutMs"
  | "idleTimeoutMs"
  | "maxBodyBytes"
  | "maxBufferedBodyBytes"
  | "maxBufferedBytes"
  | "maxConnections"
  | "maxHeadBytes"
  | "maxHeldParamsBytes"
  | "maxParamsBytes"
  | "maxQueuedRequests"
  | "queueTimeoutMs"
  | "requestTimeoutMs"
  | "writeTimeoutMs";

/**
 * A limit was reached; `limit` is the option's name.
 *
 * @example
 * ```ts
 * import { LimitError } from "@webfcgi/webfcgi";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new LimitError("maxBodyBytes", 1024, "Cannot read request body: it goes past 1024 bytes");
 * assertEquals([error.code, error.limit, error.max], ["LIMIT", "maxBodyBytes", 1024]);
 * ```
 */
export class LimitError extends FastCgiError {
  /** The name that consoles print. */
  override name = "LimitError";
  /** The name of the option that sets the limit. */
  readonly limit: LimitName;
  /** The limit's value, in the unit that its name says. */
  readonly max: number;

  /** Makes the error of a limit's name and value, a sentence for people, and its side. */
  constructor(limit: LimitName, max: number, message: string, options?: FastCgiErrorOptions) {
    super("LIMIT", message, options);
    this.limit = limit;
    this.max = max;
  }
}

/** What a {@linkcode RequestAbortedError} can be made with besides its message. */
export interface RequestAbortedErrorOptions extends FastCgiErrorOptions {
  /**
   * Who aborted the request: the peer, or this program by a shutdown or a time-out.
   *
   * @default {"peer"}
   */
  readonly by?: "peer" | "self";
}

/**
 * The web server aborted a request, or its connection ended: the reason of `request.signal`.
 *
 * Its `name` is `"AbortError"`, so code written for other fetch servers knows it.
 *
 * @example
 * ```ts
 * import { RequestAbortedError } from "@webfcgi/webfcgi";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new RequestAbortedError("The web server aborted the request").name, "AbortError");
 * ```
 */
export class RequestAbortedError extends FastCgiError {
  /** The name that consoles print. */
  override name = "AbortError";
  /** Who aborted the request: the peer, which may have left, or this program by a shutdown or a time-out. */
  readonly by: "peer" | "self";

  /** Makes the error of a sentence that says how the request ended, who ended it, and its cause. */
  constructor(message: string, options?: RequestAbortedErrorOptions) {
    super("ABORTED", message, options);
    this.by = options?.by ?? "peer";
  }
}

/**
 * The application refused a request with a `protocolStatus` other than FCGI_REQUEST_COMPLETE (§5.5).
 *
 * @example
 * ```ts
 * import { FCGI_OVERLOADED, RequestRefusedError } from "@webfcgi/webfcgi/codec";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new RequestRefusedError(FCGI_OVERLOADED, "The application is overloaded").protocolStatus, 2);
 * ```
 */
export class RequestRefusedError extends FastCgiError {
  /** The name that consoles print. */
  override name = "RequestRefusedError";
  /** FCGI_CANT_MPX_CONN (1), FCGI_OVERLOADED (2) or FCGI_UNKNOWN_ROLE (3). */
  readonly protocolStatus: number;

  /** Makes the error of the refusing protocolStatus. */
  constructor(protocolStatus: number, message: string) {
    super("REFUSED", message, { side: "upstream" });
    this.protocolStatus = protocolStatus;
  }
}

/**
 * The application ended a request with an `appStatus` other than 0 (§5.5), and nothing vouches that its response is
 * whole.
 *
 * @example
 * ```ts
 * import { AppStatusError } from "@webfcgi/webfcgi";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new AppStatusError(255, "The application failed").appStatus, 255);
 * ```
 */
export class AppStatusError extends FastCgiError {
  /** The name that consoles print. */
  override name = "AppStatusError";
  /** What the request came to, like a program's exit status. */
  readonly appStatus: number;

  /** Makes the error of the failing appStatus. */
  constructor(appStatus: number, message: string) {
    super("APP_STATUS", message, { side: "upstream" });
    this.appStatus = appStatus;
  }
}
