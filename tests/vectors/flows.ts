/**
 * Whole conversations: what a web server sends, what an application shall make of it and answer.
 *
 * The input is the same however it is cut into reads. The flows of Appendix B are those of the FastCGI 1.0
 * specification; the others follow what web servers were seen to send, or break one rule each.
 */

import type { FastCgiErrorCode } from "../../src/errors.ts";
import * as wire from "./wire.ts";
import {
  abort,
  begin,
  data,
  end,
  getValues,
  getValuesResult,
  params,
  stderr,
  stdin,
  stdout,
  unknownType,
} from "./wire.ts";
import type { WireRecord } from "./wire.ts";

/** What an application hears; parts of a stream that follow each other are one. Content is one character a byte. */
export type FlowEvent =
  | readonly ["request", requestId: number, role: number, ...pairs: string[]]
  | readonly ["request", requestId: number, role: number, problem: { readonly code: FastCgiErrorCode }]
  | readonly ["params-too-large", requestId: number, role: number]
  | readonly ["stdin" | "data", requestId: number, content: string]
  | readonly ["stdin-end" | "data-end" | "abort", requestId: number];

/** What is known of an application in a flow; the defaults are {@linkcode flowOptions}. */
export interface FlowOptions {
  readonly roles: readonly number[];
  readonly capabilities: { readonly maxConnections: number; readonly maxRequests: number; readonly multiplex: boolean };
  readonly maxParamsBytes: number;
  readonly maxUnfinished: number;
}

/** A conversation. */
export interface Flow {
  readonly name: string;
  readonly options?: Partial<FlowOptions>;
  /** What the web server sends, in order. */
  readonly input: readonly WireRecord[];
  /**
   * What the application writes as soon as it has heard of an event, by the event's name and request id
   * (`"stdin-end 1"`).
   */
  readonly answers?: { readonly [event: string]: readonly WireRecord[] };
  /** What the application hears, in order. */
  readonly events: readonly FlowEvent[];
  /** All that is written, answers included, in order; padded to multiples of 8 bytes. */
  readonly output: readonly WireRecord[];
  /** Whether the application is to close the connection once the output is sent; `false` unless given. */
  readonly finished?: boolean;
  /** Requests still active after the input; 0 unless given. */
  readonly active?: number;
  /** How the peer broke the protocol: nothing after that is read. */
  readonly error?: { readonly code: FastCgiErrorCode; readonly message: string };
}

/** The options of flows that give none. */
export const flowOptions: FlowOptions = {
  roles: [1, 2, 3],
  capabilities: { maxConnections: 100, maxRequests: 500, multiplex: true },
  maxParamsBytes: 65_536,
  maxUnfinished: 4,
};

/** The input's bytes. */
export function flowInput(flow: Flow): Uint8Array {
  return wire.bytesOf(flow.input);
}

/** The bytes that shall be written. */
export function flowOutput(flow: Flow): Uint8Array {
  return wire.paddedBytesOf(flow.output);
}

const serverPort = ["SERVER_PORT", "80", "SERVER_ADDR", "199.170.183.42"] as const;
// Octal as in the specification; Appendix B leaves the rest of the pairs out.
const appendixB = "\x0b\x02SERVER_PORT80\x0b\x0eSERVER_ADDR199.170.183.42";
const page = "Content-type: text/html\r\n\r\n<html>\n<head></head>";
const pageAnswer = (id: number): WireRecord[] => [stdout(id, page), stdout(id), end(id)];

const hello = "Content-Type: text/plain\r\nStatus: 200 OK\r\n\r\nhello";
const helloAnswer = (id: number): WireRecord[] => [stdout(id, hello), stdout(id), end(id)];

const nginxGet = [
  ...["QUERY_STRING", "", "REQUEST_METHOD", "GET", "CONTENT_TYPE", "", "CONTENT_LENGTH", "", "SCRIPT_NAME", "/"],
  ...["REQUEST_URI", "/", "DOCUMENT_URI", "/", "SERVER_PROTOCOL", "HTTP/1.1", "HTTP_HOST", "localhost:22101"],
];
const nginxPost = [
  ...[
    "QUERY_STRING",
    "",
    "REQUEST_METHOD",
    "POST",
    "CONTENT_TYPE",
    "application/octet-stream",
    "CONTENT_LENGTH",
    "40001",
  ],
  ...[
    "SCRIPT_NAME",
    "/upload",
    "REQUEST_URI",
    "/upload",
    "HTTP_HOST",
    "localhost:22101",
    "HTTP_EXPECT",
    "100-continue",
  ],
];
const padded = (make: typeof params, id: number, content: string): WireRecord => make(id, content, -content.length & 7);
const body = "0123456789abcde\n".repeat(2501).slice(0, 40_001);

const method = wire.pairs("REQUEST_METHOD", "GET");
/** BEGIN and all PARAMS of a request. */
const opened = (
  id: number,
  flags = 1,
  role = 1,
): WireRecord[] => [begin(id, role, flags), params(id, method), params(id)];
const request = (id: number, role = 1): FlowEvent => ["request", id, role, "REQUEST_METHOD", "GET"];
const longValue = "v".repeat(65_535 - "LONG".length - 5);

/** All flows, whose names are unique. */
export const flows: readonly Flow[] = [
  // Appendix B of the specification.
  {
    name: "Appendix B: a simple request with no data on STDIN",
    input: [begin(1, 1, 0), params(1, appendixB), params(1), stdin(1)],
    answers: { "stdin-end 1": pageAnswer(1) },
    events: [["request", 1, 1, ...serverPort], ["stdin-end", 1]],
    output: pageAnswer(1),
    finished: true,
  },
  {
    name: "Appendix B: data on STDIN, and PARAMS in more records",
    input: [
      begin(1, 1, 0),
      params(1, appendixB.slice(0, 18)),
      params(1, appendixB.slice(18)),
      params(1),
      stdin(1, "quantity=100&item=3047936"),
      stdin(1),
    ],
    answers: { "stdin-end 1": pageAnswer(1) },
    events: [["request", 1, 1, ...serverPort], ["stdin", 1, "quantity=100&item=3047936"], ["stdin-end", 1]],
    output: pageAnswer(1),
    finished: true,
  },
  {
    name: "Appendix B: an error on STDERR and a non-zero appStatus",
    input: [begin(1, 1, 0), params(1, appendixB), params(1), stdin(1)],
    answers: {
      "stdin-end 1": [
        stdout(1, "Content-type: text/html\r\n\r\n<ht"),
        stderr(1, "config error: missing SI_UID\n"),
        stdout(1, "ml>\n<head>"),
        stdout(1),
        stderr(1),
        end(1, 938),
      ],
    },
    events: [["request", 1, 1, ...serverPort], ["stdin-end", 1]],
    output: [
      stdout(1, "Content-type: text/html\r\n\r\n<ht"),
      stderr(1, "config error: missing SI_UID\n"),
      stdout(1, "ml>\n<head>"),
      stdout(1),
      stderr(1),
      end(1, 938),
    ],
    finished: true,
  },
  {
    name: "Appendix B: two requests multiplexed, answered out of order",
    input: [
      ...[begin(1, 1, 1), params(1, appendixB), params(1)],
      ...[begin(2, 1, 1), params(2, appendixB), stdin(1), params(2), stdin(2)],
    ],
    answers: {
      "stdin-end 1": [stdout(1, "Content-type: text/html\r\n\r\n")],
      "stdin-end 2": [...pageAnswer(2), stdout(1, "<html>\n<head>"), stdout(1), end(1)],
    },
    events: [
      ["request", 1, 1, ...serverPort],
      ["stdin-end", 1],
      ["request", 2, 1, ...serverPort],
      ["stdin-end", 2],
    ],
    output: [
      stdout(1, "Content-type: text/html\r\n\r\n"),
      ...pageAnswer(2),
      ...[stdout(1, "<html>\n<head>"), stdout(1), end(1)],
    ],
  },

  // Web servers.
  {
    name: "nginx: GET, padded to 8 bytes",
    input: [begin(1, 1, 0), padded(params, 1, wire.pairs(...nginxGet)), params(1), stdin(1)],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [["request", 1, 1, ...nginxGet], ["stdin-end", 1]],
    output: helloAnswer(1),
    finished: true,
  },
  {
    name: "nginx: POST in records of 32 KiB, padded to 8 bytes, the connection kept for the next request",
    input: [
      ...[begin(1, 1, 1), padded(params, 1, wire.pairs(...nginxPost)), params(1)],
      ...[padded(stdin, 1, body.slice(0, 32_768)), padded(stdin, 1, body.slice(32_768)), stdin(1)],
      ...[begin(1, 1, 1), padded(params, 1, wire.pairs(...nginxGet)), params(1), stdin(1)],
    ],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [
      ["request", 1, 1, ...nginxPost],
      ["stdin", 1, body],
      ["stdin-end", 1],
      ["request", 1, 1, ...nginxGet],
      ["stdin-end", 1],
    ],
    output: [...helloAnswer(1), ...helloAnswer(1)],
  },
  {
    name: "HAProxy: values asked, then odd ids with interleaved PARAMS and STDIN, no padding",
    input: [
      getValues("FCGI_MAX_REQS", "FCGI_MPXS_CONNS"),
      ...[begin(1, 1, 1), begin(3, 1, 1)],
      ...[params(3, method.slice(0, 7)), params(1, method), params(3, method.slice(7)), params(1)],
      ...[stdin(1, "first "), params(3), stdin(3, "third "), begin(5, 1, 1), stdin(1, "body"), params(5, method)],
      ...[stdin(3, "body"), stdin(3), params(5), stdin(5), stdin(1, "!"), stdin(1)],
    ],
    answers: {
      "stdin-end 1": helloAnswer(1),
      "stdin-end 3": helloAnswer(3),
      "stdin-end 5": helloAnswer(5),
    },
    events: [
      request(1),
      ["stdin", 1, "first "],
      request(3),
      ["stdin", 3, "third "],
      ["stdin", 1, "body"],
      ["stdin", 3, "body"],
      ["stdin-end", 3],
      request(5),
      ["stdin-end", 5],
      ["stdin", 1, "!"],
      ["stdin-end", 1],
    ],
    output: [
      getValuesResult("FCGI_MAX_REQS", "500", "FCGI_MPXS_CONNS", "1"),
      ...helloAnswer(3),
      ...helloAnswer(5),
      ...helloAnswer(1),
    ],
  },
  {
    name: "lighttpd: an Authorizer without STDIN",
    input: opened(1, 0, 2),
    answers: { "request 1": [stdout(1, "Status: 200 OK\r\nVariable-USER: a\r\n\r\n"), stdout(1), end(1)] },
    events: [request(1, 2)],
    output: [stdout(1, "Status: 200 OK\r\nVariable-USER: a\r\n\r\n"), stdout(1), end(1)],
    finished: true,
  },
  {
    name: "a Filter with STDIN and DATA",
    input: [...opened(7, 1, 3), stdin(7, "in"), stdin(7), data(7, "file ", 3), data(7, "content"), data(7)],
    answers: { "data-end 7": helloAnswer(7) },
    events: [
      request(7, 3),
      ["stdin", 7, "in"],
      ["stdin-end", 7],
      ["data", 7, "file content"],
      ["data-end", 7],
    ],
    output: helloAnswer(7),
  },

  // ABORT_REQUEST in each phase.
  {
    name: "ABORT right after BEGIN, as HAProxy does: no one has seen the request",
    input: [begin(1, 1, 1), abort(1), ...opened(3), stdin(3)],
    answers: { "stdin-end 3": helloAnswer(3) },
    events: [request(3), ["stdin-end", 3]],
    output: [end(1), ...helloAnswer(3)],
  },
  {
    name: "ABORT amid PARAMS, the rest of which is skipped",
    input: [begin(1, 1, 0), params(1, method.slice(0, 5)), abort(1), params(1, method.slice(5)), params(1), stdin(1)],
    events: [],
    output: [end(1)],
    finished: true,
  },
  {
    name: "ABORT between PARAMS and STDIN",
    input: [...opened(1), abort(1), stdin(1, "late"), stdin(1)],
    answers: { "abort 1": [end(1)] },
    events: [request(1), ["abort", 1]],
    output: [stdout(1), end(1)],
  },
  {
    name: "ABORT amid STDIN",
    input: [...opened(1), stdin(1, "half"), abort(1), stdin(1, "late"), stdin(1)],
    answers: { "abort 1": [stderr(1, "gone"), end(1, 1)] },
    events: [request(1), ["stdin", 1, "half"], ["abort", 1]],
    output: [stderr(1, "gone"), stdout(1), stderr(1), end(1, 1)],
  },
  {
    name: "ABORT after STDIN",
    input: [...opened(1), stdin(1), abort(1)],
    answers: { "stdin-end 1": [stdout(1, "part")], "abort 1": [end(1, 255)] },
    events: [request(1), ["stdin-end", 1], ["abort", 1]],
    output: [stdout(1, "part"), stdout(1), end(1, 255)],
  },
  {
    name: "ABORT after END, and for an id never begun",
    input: [...opened(1), stdin(1), abort(1), abort(9), ...opened(1), stdin(1)],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [request(1), ["stdin-end", 1], request(1), ["stdin-end", 1]],
    output: [...helloAnswer(1), ...helloAnswer(1)],
  },
  {
    name: "ABORT with padding on its empty record",
    input: [...opened(1), { ...abort(1), padding: 9 }, stdin(1)],
    answers: { "abort 1": [end(1)] },
    events: [request(1), ["abort", 1]],
    output: [stdout(1), end(1)],
  },

  // Management records.
  {
    name: "GET_VALUES alone",
    input: [getValues("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS")],
    events: [],
    output: [getValuesResult("FCGI_MAX_CONNS", "100", "FCGI_MAX_REQS", "500", "FCGI_MPXS_CONNS", "1")],
  },
  {
    name: "GET_VALUES with names unknown, repeated, as values, and with none",
    options: { capabilities: { maxConnections: 1, maxRequests: 1, multiplex: false } },
    input: [
      getValues("FCGI_MPXS_CONNS", "FCGI_OTHER", "FCGI_MPXS_CONNS", "fcgi_max_reqs"),
      wire.record(9, 0, wire.pairs("X", "FCGI_MAX_REQS"), 2),
      getValues(),
    ],
    events: [],
    output: [getValuesResult("FCGI_MPXS_CONNS", "0"), getValuesResult(), getValuesResult()],
  },
  {
    name: "GET_VALUES amid PARAMS and STDIN",
    input: [
      ...[
        begin(1, 1, 1),
        params(1, method.slice(0, 3)),
        getValues("FCGI_MAX_REQS"),
        params(1, method.slice(3)),
        params(1),
      ],
      ...[stdin(1, "a"), getValues("FCGI_MAX_CONNS"), stdin(1, "b"), stdin(1)],
    ],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [request(1), ["stdin", 1, "ab"], ["stdin-end", 1]],
    output: [getValuesResult("FCGI_MAX_REQS", "500"), getValuesResult("FCGI_MAX_CONNS", "100"), ...helloAnswer(1)],
  },
  {
    name: "unknown management types",
    input: [
      wire.record(12, 0, "whatever", 5),
      wire.record(255, 0),
      wire.record(0, 0, "x".repeat(5000)),
      ...opened(1),
      stdin(1),
    ],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [request(1), ["stdin-end", 1]],
    output: [unknownType(12), unknownType(255), unknownType(0), ...helloAnswer(1)],
  },
  {
    name: "GET_VALUES longer than any question",
    input: [getValues("FCGI_MAX_CONNS"), wire.record(9, 0, "\0\0".repeat(2049))],
    events: [],
    output: [getValuesResult("FCGI_MAX_CONNS", "100")],
    error: { code: "BAD_LENGTH", message: "Cannot answer FCGI_GET_VALUES: its content is 4098 bytes" },
  },
  {
    name: "GET_VALUES with a pair cut short",
    input: [wire.record(9, 0, "\x0e\0FCGI_MAX")],
    events: [],
    output: [],
    error: {
      code: "BAD_PAIRS",
      message: "Cannot read name-value pairs: the last one goes past the end of the 10 bytes",
    },
  },

  // What is ignored.
  {
    name: "unknown application types, and those only an application sends",
    input: [
      ...[begin(1, 1, 1), wire.record(12, 1, "what"), params(1, method), wire.record(99, 1), params(1)],
      ...[stdout(1, "my own"), stderr(1), end(1), wire.record(11, 1, "\0".repeat(8)), wire.record(9, 1, "\x0e")],
      ...[stdin(1, "body"), wire.record(255, 1, "\xff", 255), stdin(1), wire.record(77, 2, "no one")],
    ],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [request(1), ["stdin", 1, "body"], ["stdin-end", 1]],
    output: helloAnswer(1),
  },
  {
    name: "DATA for a Responder",
    input: [...opened(1), data(1, "not mine"), data(1), stdin(1)],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [request(1), ["stdin-end", 1]],
    output: helloAnswer(1),
  },
  {
    name: "streams of an id never begun",
    input: [params(4, "\x7f"), params(4), stdin(4, "x"), stdin(4), data(4, "x"), ...opened(1), stdin(1)],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [request(1), ["stdin-end", 1]],
    output: helloAnswer(1),
  },
  {
    name: "STDIN after END: an answer that did not wait for the body",
    input: [...opened(1), stdin(1, "late".repeat(5000), 7), stdin(1, "later"), stdin(1), ...opened(1), stdin(1)],
    answers: { "request 1": helloAnswer(1) },
    events: [request(1), request(1)],
    output: [...helloAnswer(1), ...helloAnswer(1)],
  },
  {
    name: "an id used again right after END, with another role",
    input: [...opened(1), stdin(1), ...opened(1, 1, 2), stdin(1), ...opened(1, 0, 1), stdin(1)],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [request(1), ["stdin-end", 1], request(1, 2), ["stdin-end", 1], request(1), ["stdin-end", 1]],
    output: [...helloAnswer(1), ...helloAnswer(1), ...helloAnswer(1)],
    finished: true,
  },
  {
    name: "streams ended twice, and ended before PARAMS",
    input: [
      ...[begin(1, 3, 1), stdin(1), data(1), params(1, method), params(1), params(1)],
      ...[stdin(1, "x"), stdin(1), stdin(1), data(1), data(1), stdin(1)],
    ],
    events: [request(1, 3), ["stdin", 1, "x"], ["stdin-end", 1], ["data-end", 1]],
    output: [],
    active: 1,
  },
  {
    name: "reserved bytes and unknown flags",
    input: [
      wire.record(1, 1, "\0\x01\xff\xff\xff\xff\xff\xff"),
      { ...params(1, method), reserved: 255 },
      { ...params(1), reserved: 1, padding: 8 },
      { ...stdin(1), reserved: 170, padding: 255 },
      wire.record(1, 2, "\0\x01\xfe\x01\x02\x03\x04\x05"),
      { ...abort(2), reserved: 3 },
    ],
    answers: { "stdin-end 1": helloAnswer(1) },
    events: [request(1), ["stdin-end", 1]],
    output: [...helloAnswer(1), end(2)],
    finished: true,
  },

  // Refusals.
  {
    name: "roles that are not played",
    options: { roles: [1] },
    input: [
      ...opened(1, 1, 2),
      stdin(1),
      ...opened(1, 1, 4),
      stdin(1),
      ...opened(2),
      stdin(2),
      ...opened(3, 0, 65_535),
    ],
    answers: { "stdin-end 2": helloAnswer(2) },
    events: [request(2), ["stdin-end", 2]],
    output: [end(1, 0, 3), end(1, 0, 3), ...helloAnswer(2), end(3, 0, 3)],
    finished: true,
  },
  {
    name: "a second request where none is multiplexed",
    options: { capabilities: { maxConnections: 1, maxRequests: 1, multiplex: false } },
    input: [...opened(1), ...opened(2), stdin(2, "x"), stdin(2), stdin(1), ...opened(2), stdin(2)],
    answers: { "stdin-end 1": helloAnswer(1), "stdin-end 2": helloAnswer(2) },
    events: [request(1), ["stdin-end", 1], request(2), ["stdin-end", 2]],
    output: [end(2, 0, 1), ...helloAnswer(1), ...helloAnswer(2)],
  },
  {
    name: "more unfinished requests than are held",
    options: { maxUnfinished: 2 },
    input: [
      ...[begin(1, 1, 1), begin(2, 1, 1), begin(3, 1, 1), params(3, method), params(3), stdin(3)],
      ...[params(2, method), params(2), begin(4, 1, 1), begin(5, 1, 1), abort(1), begin(6, 1, 1)],
    ],
    events: [request(2)],
    output: [end(3, 0, 2), end(5, 0, 2), end(1)],
    active: 3,
  },
  {
    name: "PARAMS past their limit, the rest of which is skipped",
    options: { maxParamsBytes: 40 },
    input: [
      ...[begin(1, 1, 1), params(1, wire.pairs("A", "x".repeat(29))), params(1, wire.pairs("B", "y".repeat(6)))],
      ...[params(1, wire.pairs("C", "z")), params(1), stdin(1, "body"), stdin(1)],
      ...[begin(2, 1, 1), params(2, wire.pairs("A", "x".repeat(37))), params(2), stdin(2)],
    ],
    answers: {
      "params-too-large 1": [stdout(1, "Status: 431\r\n\r\n"), stdout(1), end(1)],
      "stdin-end 2": helloAnswer(2),
    },
    events: [["params-too-large", 1, 1], ["request", 2, 1, "A", "x".repeat(37)], ["stdin-end", 2]],
    output: [stdout(1, "Status: 431\r\n\r\n"), stdout(1), end(1), ...helloAnswer(2)],
  },
  {
    name: "PARAMS past their limit, answered only later",
    options: { maxParamsBytes: 40 },
    input: [
      ...[begin(1, 1, 1), params(1, wire.pairs("A", "x".repeat(120))), params(1, wire.pairs("C", "z")), params(1)],
      ...[stdin(1, "body"), stdin(1), abort(1), ...opened(2), stdin(2)],
    ],
    answers: { "stdin-end 2": [stdout(1, "Status: 431\r\n\r\n"), stdout(1), end(1), ...helloAnswer(2)] },
    events: [
      ...[["params-too-large", 1, 1], ["stdin", 1, "body"], ["stdin-end", 1], ["abort", 1]] as const,
      ...[request(2), ["stdin-end", 2]] as const,
    ],
    output: [stdout(1, "Status: 431\r\n\r\n"), stdout(1), end(1), ...helloAnswer(2)],
  },

  // The connection's life.
  {
    name: "KEEP_CONN clear on one of several ids: the others end first, a later one is not begun",
    input: [...opened(1, 1), ...opened(2, 0), ...opened(3, 1), stdin(2), ...opened(4, 1), stdin(4), stdin(1), stdin(3)],
    answers: { "stdin-end 1": helloAnswer(1), "stdin-end 2": helloAnswer(2), "stdin-end 3": helloAnswer(3) },
    events: [request(1), request(2), request(3), ["stdin-end", 2], ["stdin-end", 1], ["stdin-end", 3]],
    output: [...helloAnswer(2), ...helloAnswer(1), ...helloAnswer(3)],
    finished: true,
  },
  {
    name: "KEEP_CONN clear on an id that is still active when the others have ended",
    input: [...opened(1, 0), ...opened(2, 1), stdin(2)],
    answers: { "stdin-end 2": helloAnswer(2) },
    events: [request(1), request(2), ["stdin-end", 2]],
    output: helloAnswer(2),
    active: 1,
  },
  {
    name: "KEEP_CONN clear and ABORT",
    input: [...opened(1, 0), abort(1)],
    answers: { "abort 1": [end(1)] },
    events: [request(1), ["abort", 1]],
    output: [stdout(1), end(1)],
    finished: true,
  },

  // Sizes.
  {
    name: "the greatest record: 65,535 bytes and 255 of padding",
    input: [
      ...[begin(65_535, 1, 1), params(65_535, wire.pairs("LONG", longValue), 255), params(65_535, "", 255)],
      ...[stdin(65_535, "s".repeat(65_535), 255), stdin(65_535, "", 255)],
    ],
    answers: {
      "stdin-end 65535": [stdout(65_535, "o".repeat(65_528)), stdout(65_535, "o"), stdout(65_535), end(65_535)],
    },
    events: [["request", 65_535, 1, "LONG", longValue], ["stdin", 65_535, "s".repeat(65_535)], ["stdin-end", 65_535]],
    output: [stdout(65_535, "o".repeat(65_528)), stdout(65_535, "o"), stdout(65_535), end(65_535)],
  },
  {
    name: "no PARAMS at all, empty names and values, long forms of short lengths",
    input: [
      ...[begin(1, 1, 1), params(1), stdin(1)],
      ...[
        begin(2, 1, 1),
        params(2, "\0\0" + "\x80\0\0\x01\0A" + "\0\x80\0\0\x01B" + "\x80\0\0\0\x80\0\0\0"),
        params(2),
      ],
    ],
    events: [["request", 1, 1], ["stdin-end", 1], ["request", 2, 1, "", "", "A", "", "", "B", "", ""]],
    output: [],
    active: 2,
  },
  {
    name: "a pair cut short is the request's own trouble",
    input: [begin(1, 1, 1), params(1, "\x05\x05HELLO"), params(1), ...opened(3), stdin(3)],
    answers: { "request 1": [stdout(1, "Status: 400\r\n\r\n"), stdout(1), end(1)], "stdin-end 3": helloAnswer(3) },
    events: [["request", 1, 1, { code: "BAD_PAIRS" }], request(3), ["stdin-end", 3]],
    output: [stdout(1, "Status: 400\r\n\r\n"), stdout(1), end(1), ...helloAnswer(3)],
  },
  {
    name: "a pair that claims 2 GiB",
    input: [begin(1, 1, 1), params(1, "\xff\xff\xff\xff\xff\xff\xff\xffAB"), params(1)],
    answers: { "request 1": [end(1)] },
    events: [["request", 1, 1, { code: "BAD_PAIRS" }]],
    output: [stdout(1), end(1)],
  },

  // Errors, after which the connection is of no use.
  {
    name: "a wrong version",
    input: [...opened(1), { ...stdin(1), version: 9 }, stdin(1)],
    events: [request(1)],
    output: [],
    active: 1,
    error: { code: "BAD_VERSION", message: "Cannot read record: version is 9, not 1" },
  },
  {
    name: "HTTP instead of FastCGI",
    input: [{ version: 0x47, type: 0x45, requestId: 0x5420, content: "HTTP/1.1\r\n", padding: 0, reserved: 0x2f }],
    events: [],
    output: [],
    error: { code: "BAD_VERSION", message: "Cannot read record: version is 71, not 1" },
  },
  ...[0, 7, 9, 65_535].map((length): Flow => ({
    name: `BEGIN of ${length} bytes`,
    input: [wire.record(1, 1, "\0\x01\0\0\0\0\0\0".padEnd(length, "\0").slice(0, length))],
    events: [],
    output: [],
    error: { code: "BAD_LENGTH", message: `Cannot read FCGI_BEGIN_REQUEST: its content is ${length} bytes, not 8` },
  })),
  {
    name: "BEGIN for an id whose PARAMS have not ended",
    input: [begin(5, 1, 1), begin(5, 1, 1)],
    events: [],
    output: [],
    active: 1,
    error: { code: "BAD_ORDER", message: "Cannot accept FCGI_BEGIN_REQUEST for an active id: request 5" },
  },
  {
    name: "BEGIN for an id that is being served",
    input: [...opened(5), stdin(5), begin(5, 1, 1), stdin(5)],
    events: [request(5), ["stdin-end", 5]],
    output: [],
    active: 1,
    error: { code: "BAD_ORDER", message: "Cannot accept FCGI_BEGIN_REQUEST for an active id: request 5" },
  },
  {
    name: "PARAMS after their end",
    input: [...opened(1), params(1, method)],
    events: [request(1)],
    output: [],
    active: 1,
    error: { code: "BAD_ORDER", message: "Cannot accept FCGI_PARAMS after their end: request 1" },
  },
  {
    name: "STDIN before the end of PARAMS",
    input: [begin(1, 1, 1), params(1, method), stdin(1, "x"), params(1)],
    events: [],
    output: [],
    active: 1,
    error: { code: "BAD_ORDER", message: "Cannot accept FCGI_STDIN before the end of FCGI_PARAMS: request 1" },
  },
  {
    name: "STDIN after its end",
    input: [...opened(1), stdin(1, "x"), stdin(1), stdin(1, "y")],
    events: [request(1), ["stdin", 1, "x"], ["stdin-end", 1]],
    output: [],
    active: 1,
    error: { code: "BAD_ORDER", message: "Cannot accept FCGI_STDIN after its end: request 1" },
  },
  {
    name: "DATA before the end of PARAMS",
    input: [begin(1, 3, 1), data(1, "x"), params(1)],
    events: [],
    output: [],
    active: 1,
    error: { code: "BAD_ORDER", message: "Cannot accept FCGI_DATA before the end of FCGI_PARAMS: request 1" },
  },
  {
    name: "DATA after its end",
    input: [...opened(1, 1, 3), stdin(1), data(1), data(1, "x")],
    events: [request(1, 3), ["stdin-end", 1], ["data-end", 1]],
    output: [],
    active: 1,
    error: { code: "BAD_ORDER", message: "Cannot accept FCGI_DATA after its end: request 1" },
  },
];
