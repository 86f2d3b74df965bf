/** Records as lines for people: `> PARAMS 1, 312 bytes`, with what is in them. */

import { printable } from "../cgi/field.ts";
import {
  decodeBeginRequest,
  decodeEndRequest,
  decodePairs,
  decodeUnknownType,
  FCGI_ABORT_REQUEST,
  FCGI_BEGIN_REQUEST,
  FCGI_DATA,
  FCGI_END_REQUEST,
  FCGI_GET_VALUES,
  FCGI_GET_VALUES_RESULT,
  FCGI_PARAMS,
  FCGI_STDERR,
  FCGI_STDIN,
  FCGI_STDOUT,
  FCGI_UNKNOWN_TYPE,
  RecordParser,
} from "../codec.ts";

const NAMES: Readonly<Record<number, string>> = {
  [FCGI_BEGIN_REQUEST]: "BEGIN_REQUEST",
  [FCGI_ABORT_REQUEST]: "ABORT_REQUEST",
  [FCGI_END_REQUEST]: "END_REQUEST",
  [FCGI_PARAMS]: "PARAMS",
  [FCGI_STDIN]: "STDIN",
  [FCGI_STDOUT]: "STDOUT",
  [FCGI_STDERR]: "STDERR",
  [FCGI_DATA]: "DATA",
  [FCGI_GET_VALUES]: "GET_VALUES",
  [FCGI_GET_VALUES_RESULT]: "GET_VALUES_RESULT",
  [FCGI_UNKNOWN_TYPE]: "UNKNOWN_TYPE",
};
const ROLES = ["", "RESPONDER", "AUTHORIZER", "FILTER"];
const STATUSES = ["REQUEST_COMPLETE", "CANT_MPX_CONN", "OVERLOADED", "UNKNOWN_ROLE"];
/** Of a record's content, at most so many bytes are kept to be shown. */
const MAX_SHOWN = 65_535;

/**
 * Makes what takes one direction's bytes, cut anywhere, and writes a line for each record; `mark` is `>` or `<`.
 *
 * It throws nothing: bytes that are no records end it with a line that says so.
 */
export function recordLines(mark: string, write: (line: string) => void): (bytes: Uint8Array) => void {
  let record = { type: 0, requestId: 0, length: 0 };
  let content: number[] = [];
  /** The parameters so far: a pair may begin in one record and end in another. */
  let params: number[] = [];
  let isBroken = false;
  const parser = new RecordParser({
    recordStart(type, requestId, length) {
      record = { type, requestId, length };
      content = [];
    },
    recordContent(part) {
      for (const byte of part) if (content.length < MAX_SHOWN) content.push(byte);
    },
    recordEnd() {
      const bytes = Uint8Array.from(content);
      const { type, requestId, length } = record;
      if (type === FCGI_PARAMS) params = params.concat(content);
      const name = NAMES[type] ?? `type ${type}`;
      write(`${mark} ${name} ${requestId}${sizeText(type, length)}`);
      const isWhole = type === FCGI_PARAMS && length === 0;
      for (const line of contentLines(type, isWhole ? Uint8Array.from(params) : bytes, isWhole)) {
        write(`${mark}   ${printable(line)}`);
      }
      if (isWhole) params = [];
    },
  });
  return (bytes) => {
    if (isBroken) return;
    try {
      parser.push(bytes);
    } catch (error) {
      isBroken = true;
      write(`${mark} ${(error as Error).message}`);
    }
  };
}

function sizeText(type: number, length: number): string {
  const isStream = [FCGI_PARAMS, FCGI_STDIN, FCGI_STDOUT, FCGI_STDERR, FCGI_DATA].includes(type);
  return isStream && length === 0 ? ", its end" : `, ${length} bytes`;
}

function contentLines(type: number, content: Uint8Array, isWholeParams: boolean): string[] {
  try {
    switch (type) {
      case FCGI_BEGIN_REQUEST: {
        const { role, keepConn } = decodeBeginRequest(content);
        return [`role ${ROLES[role] ?? role}, flags ${keepConn ? "KEEP_CONN" : "0"}`];
      }
      case FCGI_END_REQUEST: {
        const { appStatus, protocolStatus } = decodeEndRequest(content);
        return [`appStatus ${appStatus}, protocolStatus ${STATUSES[protocolStatus] ?? protocolStatus}`];
      }
      case FCGI_UNKNOWN_TYPE:
        return [`type ${decodeUnknownType(content)}`];
      case FCGI_PARAMS:
        return isWholeParams ? pairLines(content) : [];
      case FCGI_GET_VALUES:
      case FCGI_GET_VALUES_RESULT:
        return pairLines(content);
      case FCGI_STDOUT:
        return headLines(content);
      case FCGI_STDERR:
        return textOf(content).trimEnd().split("\n");
      default:
        return [];
    }
  } catch (error) {
    return [(error as Error).message];
  }
}

function pairLines(content: Uint8Array): string[] {
  const pairs = decodePairs(content);
  return pairs.flatMap((name, at) => at % 2 === 0 ? [`${name}=${pairs[at + 1]}`] : []);
}

/** The lines of a response's head, where a record begins with one. */
function headLines(content: Uint8Array): string[] {
  const [head = ""] = textOf(content).split(/\r?\n\r?\n/, 1);
  return /^[\w-]+:/.test(head) ? head.split(/\r?\n/) : [];
}

function textOf(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}
