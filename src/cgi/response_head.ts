/** A response's head as a CGI script writes it (RFC 3875 §6), in the form that every web server reads alike. */

import { hasNullBody, isFieldValue, isHopByHop, isToken, parseLength } from "./field.ts";
import { reasonPhrase } from "./reason_phrase.ts";

/** What becomes of a field of the response's. */
type Use = "sent" | "left out" | "length" | "type" | "buffering" | "file";

/** By name. Names that most responses have are here too, so that one look is enough. */
const uses: ReadonlyMap<string, Use> = new Map<string, Use>([
  ["status", "left out"],
  ["content-length", "length"],
  ["Content-Length", "length"],
  ["content-type", "type"],
  ["Content-Type", "type"],
  ["x-accel-buffering", "buffering"],
  ["x-accel-redirect", "file"], // nginx
  ["x-sendfile", "file"], // Apache, lighttpd
  ["x-lighttpd-send-file", "file"],
  ["x-reproxy-url", "file"], // h2o
  ...["cache-control", "date", "etag", "last-modified", "location", "set-cookie", "vary"].map((name): [string, Use] => [
    name,
    "sent",
  ]),
]);

function useOf(name: string): Use {
  return uses.get(name) ?? otherUse(name);
}

function otherUse(name: string): Use {
  if (!isToken(name)) return "left out";
  const field = name.toLowerCase();
  return isHopByHop(field) ? "left out" : uses.get(field) ?? "sent";
}

const eventStream = /^\s*text\/event-stream\s*(?:;|$)/i;

/** The head of a response. A `Response` is one. */
export interface ResponseHead {
  /** The status, 200 to 599. */
  readonly status: number;
  /** The reason phrase; the standard one is sent if this is empty or cannot be sent. */
  readonly statusText: string;
  /** Pairs of name and value, as `Headers` gives them: one per Set-Cookie. */
  readonly headers: Iterable<readonly [string, string]>;
}

/** What the sender knows in addition to the head. */
export interface EncodeResponseHeadOptions {
  /**
   * The body's length in bytes, if it is known: sent as Content-Length whatever the head says. Where the web server is
   * to send a file instead of an empty body (`X-Sendfile` and the like), no length is sent.
   */
  readonly contentLength?: number | undefined;
}

/**
 * Writes a response's head: a latin1 string that ends with the blank line.
 *
 * What would break the response, or hide another in it, is left out: fields of the client's connection, the handler's
 * own `Status`, names that are no tokens, values with CR, LF, NUL or chars that are no bytes.
 *
 * @throws {RangeError} If the status is not one of 200 to 599.
 */
export function encodeResponseHead(head: ResponseHead, { contentLength }: EncodeResponseHeadOptions = {}): string {
  const { status, statusText } = head;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`Cannot send response: status is ${status}, not one of 200 to 599`);
  }
  let text = "";
  // A 204 has none, not even 0 (RFC 9110 §8.6); a 205's would promise a body that is never sent.
  let hasLength = status === 204 || status === 205;
  let sendsFile = false;
  let isEventStream = false;
  let hasBuffering = false;
  for (const [name, value] of head.headers) {
    if (!isFieldValue(value)) continue;
    switch (useOf(name)) {
      case "left out":
        continue;
      case "length": {
        const length = hasLength || contentLength !== undefined ? undefined : parseLength(value);
        if (length === undefined) continue;
        hasLength = true;
        text += name + ": " + length + "\r\n";
        continue;
      }
      case "type":
        isEventStream = eventStream.test(value);
        break;
      case "buffering":
        hasBuffering = true;
        break;
      case "file":
        sendsFile = true;
    }
    text += name + ": " + value + "\r\n";
  }
  if (!hasLength && contentLength !== undefined && !(sendsFile && contentLength === 0)) {
    text += "Content-Length: " + contentLength + "\r\n";
  }
  // nginx otherwise keeps events back until a buffer is full of them.
  if (isEventStream && !hasBuffering) text += "X-Accel-Buffering: no\r\n";
  const hasReason = statusText !== "" && /\S/.test(statusText) && isFieldValue(statusText);
  const reason = hasReason ? statusText : reasonPhrase(status);
  // Last, and always: HAProxy makes a 302 of any status that a Location follows; a missing one means 200, or 302.
  return text + "Status: " + status + " " + reason + "\r\n\r\n";
}

/** Whether a response to `method` with `status` has a body. A wrong one breaks the client's connection. */
export function allowsBody(status: number, method: string): boolean {
  return method !== "HEAD" && !hasNullBody(status);
}

/**
 * The header fields by which an Authorizer sends variables to the web server (§6.3): `Variable-REMOTE_USER` and so on.
 *
 * @throws {TypeError} If a name is no token, or a value has a line break, NUL or a char that is no byte.
 */
export function variableHeaders(variables: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(variables).map(([name, value]) => {
    if (!isToken(name)) {
      throw new TypeError(`Cannot send variable ${JSON.stringify(name)}: its name must be letters, digits and "_"`);
    }
    if (!isFieldValue(value)) {
      const what = `its value ${JSON.stringify(value)} has a control character or one above U+00FF`;
      throw new TypeError(`Cannot send variable ${name}: ${what}; percent-encode it`);
    }
    return ["Variable-" + name, value];
  });
}
