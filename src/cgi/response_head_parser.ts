/** Reads a response's head as a CGI script writes it (RFC 3875 §6): the web server's side of `response_head.ts`. */

import { ProtocolError } from "../errors.ts";
import { isFieldValue, isToken, trimFieldValue } from "./field.ts";
import { reasonPhrase } from "./reason_phrase.ts";

/** A response's head as it was read. */
export interface ParsedResponseHead {
  /** The status, 200 to 599. Without a Status field it is 200, or 302 with a Location (RFC 3875 §6.2.3). */
  status: number;
  /** The reason phrase; the standard one if the script gave none. */
  statusText: string;
  /** The other fields, in order; repeated ones are not joined, for Set-Cookie must not be. */
  headers: [string, string][];
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

function badHead(what: string): ProtocolError {
  return new ProtocolError("BAD_HEAD", `Cannot read response head: ${what}`);
}

/** A line as an error shows it: quoted, and not at any length. */
function quote(line: string): string {
  return JSON.stringify(line.length > 80 ? line.slice(0, 80) + "…" : line);
}

/** Takes a line apart; what is wrong with it is said as the end of "line 2 "x" …". */
function parseLine(line: string): [string, string] | string {
  if (/^HTTP\/\d/.test(line)) return "is a status line: a CGI response has a Status field instead";
  if (/^[\t ]/.test(line)) return "begins with white space: folded fields are not allowed";
  const colon = line.indexOf(":");
  if (colon < 0) return "has no colon";
  const name = line.slice(0, colon);
  if (!isToken(name)) return "has a name that is no token";
  const value = trimFieldValue(line.slice(colon + 1));
  if (!isFieldValue(value)) return "has a value with a control character";
  return [name, value];
}

/**
 * Reads a response's head, a latin1 string, with or without the blank line at its end.
 *
 * @throws {ProtocolError} With code `BAD_HEAD`, if it is empty, a line is no header field, or its Status is no status.
 */
export function parseResponseHead(text: string): ParsedResponseHead {
  const lines = text.replace(/(?:\r?\n){1,2}$/, "").split("\n");
  let status: RegExpExecArray | undefined;
  let hasLocation = false;
  const headers: [string, string][] = [];
  if (lines.length === 1 && lines[0] === "") throw badHead("it is empty");
  lines.forEach((rawLine, index) => {
    const line = rawLine.endsWith("\r") ? rawLine.slice(0, -1) : rawLine;
    const where = `line ${index + 1} ${quote(line)}`;
    const field = parseLine(line);
    if (typeof field === "string") throw badHead(`${where} ${field}`);
    const name = field[0].toLowerCase();
    if (name === "status") {
      if (status !== undefined) throw badHead(`${where} is a second Status`);
      status = /^([2-5]\d\d)(?:[\t ]+(.*))?$/.exec(field[1]) ?? undefined;
      if (status === undefined) throw badHead(`${where} is not a status of 200 to 599 and a reason`);
      return;
    }
    if (name === "location") hasLocation = true;
    headers.push(field);
  });
  const code = status === undefined ? (hasLocation ? 302 : 200) : Number(status[1]);
  return { status: code, statusText: status?.[2] ?? reasonPhrase(code), headers };
}
