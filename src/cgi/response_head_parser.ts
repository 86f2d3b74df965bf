/** Reads a response's head as a CGI script writes it (RFC 3875 §6): the web server's side of `response_head.ts`. */

import { ProtocolError } from "../errors.ts";
import { isFieldValue, isHopByHop, isToken, parseLength, trimFieldValue } from "./field.ts";
import { reasonPhrase } from "./reason_phrase.ts";
import type { ResponseHead } from "./response_head.ts";

/** A response's head as it can be sent on. */
export interface ParsedResponseHead extends ResponseHead {
  /**
   * The other fields, in order, without those of a connection; repeated ones are not joined: Set-Cookie must not be.
   */
  readonly headers: [string, string][];
  /** The value of Content-Length; `undefined` if there is none. */
  readonly contentLength: number | undefined;
  /** What was left out because it cannot be sent on, each with the reason: `"X: a\u0001b", whose value …`. */
  readonly omitted: string[];
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * Finds where the blank line ends that ends the head: the index of the body's first byte, or -1 if it has not come yet.
 *
 * Lines end in LF or CRLF, mixed at will. To search on when more bytes came, give as `from` the length searched before;
 * `bytes` begins with the head in every call.
 */
export function findHeadEnd(bytes: Uint8Array, from: number = 0): number {
  for (let index = bytes.indexOf(LF, from); index >= 0; index = bytes.indexOf(LF, index + 1)) {
    const lineEnd = bytes[index - 1] === CR ? index - 1 : index;
    if (lineEnd === 0 || bytes[lineEnd - 1] === LF) return index + 1;
  }
  return -1;
}

/**
 * Reads a response's head, a latin1 string, with or without the blank line at its end.
 *
 * One bad field does not cost the page: it is left out, as nginx and Apache do. What is no header at all does, and so
 * does what could hide a second response in the first.
 *
 * @throws {ProtocolError} `BAD_HEAD`, if it is empty, a line is no header field, or its Status is no status.
 */
export function parseResponseHead(text: string): ParsedResponseHead {
  const lines = text.replace(/(?:\r?\n){1,2}$/, "").split("\n");
  if (lines.length === 1 && lines[0] === "") throw badHead("it is empty");
  const headers: [string, string][] = [];
  const omitted: string[] = [];
  const lengths: string[] = [];
  let statusLine: string | undefined;
  let hasLocation = false;
  for (const [index, rawLine] of lines.entries()) {
    const line = rawLine.endsWith("\r") ? rawLine.slice(0, -1) : rawLine;
    const [field, value] = parseLine(line, index + 1);
    const name = field.toLowerCase();
    const fault = fieldFault(name, value, statusLine);
    if (name === "status") statusLine ??= value;
    if (fault !== undefined) omitted.push(`${quote(line)}, ${fault}`);
    else if (name === "content-length") lengths.push(value);
    else if (name !== "status" && !isHopByHop(name)) headers.push([field, value]);
    if (name === "location" && fault === undefined) hasLocation = true;
  }
  const { status, statusText } = parseStatus(statusLine ?? (hasLocation ? "302" : "200"));
  const contentLength = parseLength(lengths.join(", "));
  // A 204 may not have one (RFC 9110 §8.6); a 205's would promise a body that never comes.
  if (contentLength !== undefined && status !== 204 && status !== 205) {
    headers.push(["Content-Length", String(contentLength)]);
  }
  // With two that differ, the next recipient might end the response elsewhere than we do.
  if (contentLength === undefined && lengths.length > 0) {
    omitted.push(`${quote(`Content-Length: ${lengths.join(", ")}`)}, which is no length`);
  }
  return { status, statusText, headers, contentLength, omitted };
}

function badHead(what: string): ProtocolError {
  return new ProtocolError("BAD_HEAD", `Cannot read response head: ${what}`, { side: "upstream" });
}

/** A line as a message shows it: quoted, and not at any length. */
function quote(line: string): string {
  return JSON.stringify(line.length > 80 ? line.slice(0, 80) + "…" : line);
}

/** Splits a line into name and value. @throws {ProtocolError} If it is no header field. */
function parseLine(line: string, number: number): [name: string, value: string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon));
  const fault = /^HTTP\/\d/.test(line)
    ? "is a status line: a CGI response has a Status field instead"
    : /^[\t ]/.test(line)
    ? "begins with white space: folded fields are not allowed"
    : colon < 0
    ? "has no colon"
    : /[\0-\x20\x7f]/.test(name)
    ? "has a name with white space or a control character"
    : /[\0\r]/.test(line)
    ? "has a value with CR or NUL"
    : undefined;
  if (fault !== undefined) throw badHead(`line ${number} ${quote(line)} ${fault}`);
  return [name, trimFieldValue(line.slice(colon + 1))];
}

/** Why a field cannot be sent on, as the end of "left out …, "; `statusLine` is the Status that came before it. */
function fieldFault(name: string, value: string, statusLine: string | undefined): string | undefined {
  if (!isToken(name)) return "whose name is no token";
  // Of a Status the digits count, whatever the reason is.
  if (name === "status") return statusLine === undefined ? undefined : "the second Status";
  return isFieldValue(value) ? undefined : "whose value has a control character";
}

/** Reads the value of Status: three digits count, as for nginx, and the rest is the reason if it can be one. */
function parseStatus(value: string): { status: number; statusText: string } {
  const [, digits, rest = ""] = /^([2-5]\d\d)([^]*)$/.exec(value) ?? [];
  if (digits === undefined) throw badHead(`Status ${quote(value)} does not begin with one of 200 to 599`);
  const status = Number(digits);
  const reason = /^\d/.test(rest) || !isFieldValue(rest) ? "" : rest.replace(/^[\t :]+/, "");
  return { status, statusText: reason === "" ? reasonPhrase(status) : reason };
}
