/** Listens in an application's stead, passes everything on, and keeps what passes: the records of the latest requests. */

import { Params } from "../../mod.ts";
import {
  decodeBeginRequest,
  decodeEndRequest,
  decodePairs,
  type FastCgiRecord,
  FCGI_BEGIN_REQUEST,
  FCGI_END_REQUEST,
  FCGI_PARAMS,
  FCGI_STDOUT,
  RecordDecoderStream,
} from "../../src/codec.ts";
import { concat } from "../../tests/helpers/bytes.ts";

/** Records of one type in a row, or the end of the connection. */
export interface Passed {
  /** Who has sent them. */
  readonly from: "web server" | "application";
  /** FastCGI's number of the type; 0 for the end of the connection. */
  readonly type: number;
  /** How many. */
  count: number;
  /** How many bytes of content they have in all. */
  bytes: number;
  /** Of the first and of the last, in milliseconds since the request began. */
  readonly startMs: number;
  endMs: number;
  /** Whether the last of them has no content, which ends a stream. */
  ends: boolean;
  /** What the first says, as far as it is text. */
  readonly text: string;
}

interface Kept {
  /** What the browser, or else the application, calls it. */
  name: string;
  readonly startMs: number;
  readonly params: Uint8Array[];
  readonly passed: Passed[];
}

/** How many requests are kept. */
const MOST_REQUESTS = 100;
/** How many bytes of content are kept as text. */
const MOST_TEXT = 1500;
/** The header by which a request, or its response, is named. */
export const NAME_HEADER = "x-demo-request";

/** The records that have passed. */
export class Relay {
  readonly #kept: Kept[] = [];

  /** The records of the request of a name; undefined if there is none, or it is no longer kept. */
  find(name: string): readonly Passed[] | undefined {
    return this.#kept.findLast((kept) => kept.name === name)?.passed;
  }

  /** Passes on what comes over connections to `listener`. */
  async serve(listener: Deno.Listener, connect: () => Promise<Deno.Conn>): Promise<void> {
    for await (const outer of listener) this.#pass(outer, connect);
  }

  async #pass(outer: Deno.Conn, connect: () => Promise<Deno.Conn>): Promise<void> {
    using _outer = outer;
    try {
      using inner = await connect();
      const requests = new Map<number, Kept>();
      // Whichever side ends the connection, ends it for both.
      await Promise.race([
        copy(outer, inner, this.#tap(requests, "web server")),
        copy(inner, outer, this.#tap(requests, "application")),
      ]);
      for (const kept of requests.values()) kept.passed.push(endOfConnection(kept));
    } catch {
      // Either end has gone.
    }
  }

  /** Keeps what one side sends; gives back where to write it to. */
  #tap(requests: Map<number, Kept>, from: Passed["from"]): WritableStreamDefaultWriter<Uint8Array> {
    const decoder = new RecordDecoderStream();
    (async () => {
      for await (const record of decoder.readable) this.#keep(requests, from, record);
    })().catch(() => {});
    return decoder.writable.getWriter();
  }

  #keep(requests: Map<number, Kept>, from: Passed["from"], record: FastCgiRecord): void {
    const { type, requestId, content } = record;
    if (type === FCGI_BEGIN_REQUEST) {
      const kept = { name: "", startMs: performance.now(), params: [], passed: [] };
      requests.set(requestId, kept);
      this.#kept.push(kept);
      if (this.#kept.length > MOST_REQUESTS) this.#kept.shift();
    }
    const kept = requests.get(requestId);
    if (kept === undefined) return;
    if (type === FCGI_PARAMS) kept.params.push(content);
    const now = performance.now() - kept.startMs;
    const text = textOf(record);
    const last = kept.passed.at(-1);
    if (last?.from === from && last.type === type && !last.ends) {
      Object.assign(last, {
        count: last.count + 1,
        bytes: last.bytes + content.length,
        endMs: now,
        ends: isEnd(record),
      });
    } else {
      const times = { startMs: now, endMs: now };
      kept.passed.push({ from, type, count: 1, bytes: content.length, ...times, ends: isEnd(record), text });
    }
    if (type === FCGI_PARAMS && content.length === 0) kept.name = nameInParams(kept);
    if (type === FCGI_STDOUT && kept.name === "") kept.name = nameInHead(text);
    if (type === FCGI_END_REQUEST) requests.delete(requestId);
  }
}

async function copy(
  from: Deno.Conn,
  to: Deno.Conn,
  tap: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  const bytes = new Uint8Array(65_536);
  for (let length = await from.read(bytes); length !== null; length = await from.read(bytes)) {
    await tap.write(bytes.slice(0, length));
    for (let at = 0; at < length;) at += await to.write(bytes.subarray(at, length));
  }
}

function isEnd({ type, content }: FastCgiRecord): boolean {
  return type !== FCGI_BEGIN_REQUEST && type !== FCGI_END_REQUEST && content.length === 0;
}

function endOfConnection({ startMs }: Kept): Passed {
  const now = performance.now() - startMs;
  return { from: "web server", type: 0, count: 1, bytes: 0, startMs: now, endMs: now, ends: true, text: "" };
}

/** What a record says, in words or as text. */
function textOf({ type, content }: FastCgiRecord): string {
  if (type === FCGI_BEGIN_REQUEST) {
    const { role, keepConn } = decodeBeginRequest(content);
    return `role ${role}, ${keepConn ? "keep" : "close"} the connection`;
  }
  if (type === FCGI_END_REQUEST) {
    const { appStatus, protocolStatus } = decodeEndRequest(content);
    return `application status ${appStatus}, protocol status ${protocolStatus}`;
  }
  if (type === FCGI_PARAMS) return "";
  return new TextDecoder().decode(content.subarray(0, MOST_TEXT));
}

function nameInParams({ params }: Kept): string {
  return new Params(decodePairs(concat(params))).get("HTTP_X_DEMO_REQUEST") ?? "";
}

function nameInHead(text: string): string {
  return new RegExp(`^${NAME_HEADER}: (\\S+)`, "im").exec(text)?.[1] ?? "";
}
