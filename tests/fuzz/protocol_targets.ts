/** The protocol core as the fuzzer tries it: any bytes, however cut, give the same events or the same ProtocolError. */

import { ProtocolError } from "../../src/errors.ts";
import { ApplicationConnection } from "../../src/protocol/application_connection.ts";
import type { ApplicationEvents, ApplicationOptions } from "../../src/protocol/application_events.ts";
import type { EndRequestBody } from "../../src/protocol/record_bodies.ts";
import { decodePairs, encodePairs } from "../../src/protocol/name_value.ts";
import { RecordParser, type RecordSink } from "../../src/protocol/record_parser.ts";
import { WebServerConnection } from "../../src/protocol/web_server_connection.ts";
import type { WebServerEvents } from "../../src/protocol/web_server_events.ts";
import { Random } from "../protocol/random.ts";
import captures from "../vectors/captures.json" with { type: "json" };
import { flowInput, flowOptions, flowOutput, flows } from "../vectors/flows.ts";
import { begin, bytesOf, longLength, pairs, params, record, stdin } from "../vectors/wire.ts";
import { mutateBytes, mutateRecords } from "./mutate.ts";
import { must, ofBytes, type Target } from "./target.ts";
import { Trace } from "./trace.ts";
import { concat } from "../helpers/bytes.ts";

const codes = ["BAD_VERSION", "BAD_LENGTH", "BAD_PAIRS", "BAD_ORDER"];

/** Notes a ProtocolError; anything else goes through. */
function note(error: unknown, trace: Trace): void {
  if (!(error instanceof ProtocolError)) throw error;
  must(codes.includes(error.code), `a ProtocolError has the code ${error.code}`);
  trace.event(4000 + codes.indexOf(error.code));
  trace.text(error.message);
}

/**
 * Hands `input` to `receive` in pieces; each is overwritten as soon as the loan ends.
 *
 * `cutSeed` 0 is whole and 1 byte by byte; most others cut in two or three, which finds what a cut can do at the least
 * cost.
 */
function feed(receive: (chunk: Uint8Array) => void, input: Uint8Array, cutSeed: number): void {
  const lent = input.slice();
  const random = new Random(cutSeed);
  const { length } = lent;
  let most = length;
  if (cutSeed === 1 || cutSeed > 1 && random.once(64)) most = 1;
  else if (cutSeed > 1) most = random.once(8) ? 40 + length >> 2 : length - 1;
  for (let at = 0; at < length;) {
    const size = cutSeed === 0 || most <= 1 ? Math.max(1, most) : random.below(most + 1);
    const chunk = lent.subarray(at, at + size);
    receive(chunk);
    chunk.fill(0xaa);
    at += size;
  }
}

/** Runs `play` on the input whole and cut; both must come to the same. */
function compare(
  play: (input: Uint8Array, cutSeed: number, trace: Trace) => void,
): (input: Uint8Array, cutSeed: number, trace: Trace) => void {
  return (input, cutSeed, trace) => {
    play(input, 0, trace);
    const cut = new Trace();
    play(input, cutSeed, cut);
    must(cut.hash === trace.hash, "the events depend on how the input is cut");
  };
}

/** Takes bytes apart as the library must have written them, and gives back how many records there are. */
function checkRecords(bytes: Uint8Array, types: readonly number[]): number {
  let count = 0;
  let at = 0;
  for (; at + 8 <= bytes.length; count++) {
    must(bytes[at] === 1, "a record that was written has not version 1");
    must(types.includes(bytes[at + 1]!), `a record of type ${bytes[at + 1]} was written`);
    must(bytes[at + 7] === 0, "a reserved byte that was written is not zero");
    const content = bytes[at + 4]! << 8 | bytes[at + 5]!;
    const end = at + 8 + content + bytes[at + 6]!;
    must((end - at) % 8 === 0, "a record that was written is not padded to a multiple of 8");
    for (let padding = at + 8 + content; padding < end; padding++) {
      must(bytes[padding] === 0, "a byte of padding that was written is not zero");
    }
    // The reserved bytes within the bodies of END_REQUEST and UNKNOWN_TYPE.
    if (bytes[at + 1] === 3) must(bytes[at + 13]! + bytes[at + 14]! + bytes[at + 15]! === 0, "END_REQUEST has junk");
    if (bytes[at + 1] === 11) must(bytes.subarray(at + 9, at + 16).every((it) => it === 0), "UNKNOWN_TYPE has junk");
    at = end;
  }
  must(at === bytes.length, "what was written ends amid a record");
  return count;
}

const big = new Uint8Array(20_000).fill(7);

/** An application that does a bit of everything, by what it is asked. */
class Application implements ApplicationEvents<number> {
  readonly connection: ApplicationConnection<number>;
  readonly #trace: Trace;
  readonly #maxParamsBytes: number;
  /** Bytes that it wrote of its own accord, at most. */
  written = 0;

  constructor(options: ApplicationOptions, trace: Trace) {
    this.#trace = trace;
    this.#maxParamsBytes = options.maxParamsBytes;
    this.connection = new ApplicationConnection(this, options);
  }

  onRequest(id: number, role: number, params: Uint8Array): number {
    must(params.length <= this.#maxParamsBytes, "PARAMS go past maxParamsBytes");
    const trace = this.#trace;
    trace.event(16 * Math.min(role, 4) + Math.min(id, 3), id);
    trace.bytes(params);
    try {
      trace.event(100 + Math.min(31, decodePairs(params).length / 2));
    } catch (error) {
      note(error, trace);
    }
    const { connection } = this;
    switch (params.length % 6) {
      case 0:
        connection.stdout(id, params.length === 42 ? big : params);
        this.written += params.length === 42 ? 20_100 : params.length + 32;
        if (id % 2 === 0) connection.end(id, params.length);
        else connection.endAfterInput(id, 0, params.length);
        break;
      case 1:
        if (!connection.stdoutText(id, "caf\xe9 ", "\xff")) connection.stdoutHead(id, "caf\xe9 \xff");
        connection.stdoutText(id, "ASCII ", "only");
        connection.stderr(id, big.subarray(0, 9000));
        this.written += 9140;
        break;
      case 2:
        connection.end(id, 0xffff_ffff, 2);
        connection.end(id);
    }
    return id;
  }

  onParamsTooLarge(id: number, role: number): number {
    this.#trace.event(200 + Math.min(role, 4), id);
    if (id % 2 === 0) this.connection.end(id);
    return id;
  }

  onStdin(id: number, content: Uint8Array): void {
    this.#content(300, id, content);
  }

  onStdinEnd(id: number): void {
    this.#trace.event(400 + Math.min(id, 3), id);
    if (id % 2 === 0) this.connection.end(id, id);
  }

  onData(id: number, content: Uint8Array): void {
    this.#content(304, id, content);
  }

  onDataEnd(id: number): void {
    this.#trace.event(404 + Math.min(id, 3), id);
    if (id % 2 === 1) this.connection.end(id, id);
  }

  onAbort(id: number): void {
    this.#trace.event(408 + Math.min(id, 3), id);
    if (id % 3 !== 0) this.connection.end(id);
  }

  #content(kind: number, id: number, content: Uint8Array): void {
    must(content.length > 0, "a part of a stream is empty");
    this.#trace.content(kind + 10 * Math.min(id, 3), content);
  }
}

function playApplication(options: ApplicationOptions): (input: Uint8Array, cutSeed: number, trace: Trace) => void {
  return (input, cutSeed, trace) => {
    const application = new Application(options, trace);
    const { connection } = application;
    const output: Uint8Array[] = [];
    let failed = false;
    try {
      feed(
        (chunk) => {
          connection.receive(chunk);
          must(
            connection.requests.unfinished <= options.maxUnfinished,
            "more requests are unfinished than maxUnfinished",
          );
          must(connection.requests.unfinished <= connection.active, "more requests are unfinished than active");
          output.push(...connection.writer.take());
        },
        input,
        cutSeed,
      );
    } catch (error) {
      note(error, trace);
      failed = true;
    }
    output.push(...connection.writer.take());
    const bytes = output.length === 1 ? output[0]! : concat(output);
    must(bytes.length <= 2 * input.length + application.written, `${bytes.length} bytes answer ${input.length}`);
    trace.event(600 + Math.min(31, checkRecords(bytes, [3, 6, 7, 10, 11])));
    trace.bytes(bytes);
    if (failed) return;
    trace.event(700 + Math.min(connection.active, 7) * 4 + (connection.finished ? 2 : 0) + (connection.idle ? 1 : 0));
    if (cutSeed === 0 && bytes.length > 0 && input.length % 8 === 0) playWebServer(bytes, 0, new Trace(), true);
  };
}

/** A web server with requests 1 to 3 under way, the second given up. */
class WebServer implements WebServerEvents {
  readonly connection: WebServerConnection = new WebServerConnection(this);
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
    for (const id of [1, 2, 3]) this.connection.begin(id, 1, true);
    this.connection.abort(2);
    this.connection.writer.take();
  }

  onStdout(id: number, content: Uint8Array): void {
    must(content.length > 0, "a part of a stream is empty");
    this.#trace.content(1 + id, content);
  }

  onStderr(id: number, content: Uint8Array): void {
    must(content.length > 0, "a part of a stream is empty");
    this.#trace.content(11 + id, content);
  }

  onEnd(id: number, { appStatus, protocolStatus }: EndRequestBody): void {
    must(appStatus >>> 0 === appStatus && protocolStatus >= 0 && protocolStatus < 256, "END_REQUEST is out of range");
    this.#trace.event(20 + 4 * id + Math.min(protocolStatus, 3), appStatus * 256 + protocolStatus);
    // The id is free: it may be used at once.
    if (appStatus % 2 === 1) this.connection.begin(id, 1, true);
  }

  onValues(pairs: string[]): void {
    this.#trace.event(40 + Math.min(pairs.length / 2, 7));
    for (const text of pairs) this.#trace.text(text);
  }

  onUnknownType(type: number): void {
    this.#trace.event(50, type);
  }
}

function playWebServer(input: Uint8Array, cutSeed: number, trace: Trace, answers = false): void {
  const webServer = new WebServer(trace);
  const { connection } = webServer;
  try {
    feed((chunk) => connection.receive(chunk), input, cutSeed);
  } catch (error) {
    must(!answers, `the web server's end refuses what the application's end wrote: ${error}`);
    note(error, trace);
    return;
  }
  must(connection.active <= 3, "more requests are active than were begun");
  trace.event(60 + connection.active * 2 + (connection.idle ? 1 : 0));
}

/** Checks the parser's own promises while it reads. */
class Sink implements RecordSink {
  readonly #trace: Trace;
  left = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  recordStart(type: number, id: number, contentLength: number): void {
    must(this.left === 0, "a record begins within another");
    this.left = contentLength;
    this.#trace.event(1 + Math.min(type, 15) * 8 + Math.min(7, 32 - Math.clz32(contentLength) >> 1), id);
  }

  recordContent(content: Uint8Array): void {
    must(content.length > 0, "a part of a record is empty");
    this.left -= content.length;
    must(this.left >= 0, "a record's content goes past its length");
    this.#trace.bytes(content);
  }

  recordEnd(): void {
    must(this.left === 0, "a record ends before its content");
    this.#trace.event(0);
  }
}

function playParser(input: Uint8Array, cutSeed: number, trace: Trace): void {
  const parser = new RecordParser(new Sink(trace));
  try {
    feed(
      (chunk) => parser.push(chunk),
      input,
      cutSeed,
    );
  } catch (error) {
    return note(error, trace);
  }
  trace.event(2000 + (parser.atBoundary ? 1 : 0));
}

/** What the parser must find, in the plainest way to say it. */
function expectRecords(input: Uint8Array, trace: Trace): void {
  const sink = new Sink(trace);
  let at = 0;
  while (at + 8 <= input.length) {
    if (input[at] !== 1) {
      return note(new ProtocolError("BAD_VERSION", `Cannot read record: version is ${input[at]}, not 1`), trace);
    }
    const length = input[at + 4]! * 256 + input[at + 5]!;
    sink.recordStart(input[at + 1]!, input[at + 2]! * 256 + input[at + 3]!, length);
    const content = input.subarray(at + 8, at + 8 + length);
    if (content.length > 0) sink.recordContent(content);
    if (content.length === length) sink.recordEnd();
    at += 8 + length + input[at + 6]!;
  }
  trace.event(2000 + (at === input.length ? 1 : 0));
}

function checkPairs(input: Uint8Array, _cutSeed: number, trace: Trace): void {
  let found: string[];
  try {
    found = decodePairs(input);
  } catch (error) {
    note(error, trace);
    must(!wholePairs(input), "pairs that are whole are refused");
    return;
  }
  must(wholePairs(input), "pairs that are cut short are accepted");
  must(found.length % 2 === 0, "a name has no value");
  trace.event(Math.min(found.length / 2, 63));
  for (const text of found.slice(0, 16)) {
    trace.event(100 + (text.length === 0 ? 0 : 32 - Math.clz32(text.length)));
    for (let at = 0; at < text.length; at++) must(text.charCodeAt(at) < 256, "a character is no byte");
  }
  const encoded = encodePairs(found);
  // Lengths in four bytes that one would do for are legal, and not written.
  must(encoded.length <= input.length, "pairs grow when they are written again");
  if (encoded.length === input.length) {
    must(encoded.every((byte, at) => byte === input[at]), "pairs change when they are read and written again");
  } else {
    const again = decodePairs(encoded);
    must(
      again.length === found.length && again.every((text, at) => text === found[at]),
      "written pairs read otherwise",
    );
  }
}

/** Whether the lengths of pairs come out even. */
function wholePairs(input: Uint8Array): boolean {
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  let at = 0;
  while (at < input.length) {
    let size = 0;
    for (let part = 0; part < 2; part++) {
      if (at >= input.length) return false;
      const isLong = view.getUint8(at) >= 128;
      if (isLong && at + 4 > input.length) return false;
      size += isLong ? view.getUint32(at) % 2 ** 31 : view.getUint8(at);
      at += isLong ? 4 : 1;
    }
    at += size;
  }
  return at === input.length;
}

const chunkMemory = 65_536;

/** Feeds a connection from chunks that each have far more memory than they need: who keeps a lent one keeps all of it. */
function feedWasteful(receive: (chunk: Uint8Array) => unknown, input: Uint8Array): void {
  try {
    for (let at = 0; at < input.length; at += 90) {
      const chunk = new Uint8Array(chunkMemory).subarray(100, 100 + Math.min(90, input.length - at));
      chunk.set(input.subarray(at, at + chunk.length));
      receive(chunk);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

const applicationTypes = [1, 1, 2, 4, 4, 5, 8, 9];
const usual: ApplicationOptions = { ...flowOptions, maxParamsBytes: 150, maxUnfinished: 3 };
const single: ApplicationOptions = {
  roles: [1],
  capabilities: { maxConnections: 1, maxRequests: 1, multiplex: false },
  maxParamsBytes: 70_000,
  maxUnfinished: 1,
};

const captured = captures.flatMap(({ common, requests }) =>
  requests.filter((_, at) => at % 9 === 0).map((it) => pairs(...common, ...it.params))
);

const conversations = [
  ...flows.map(flowInput),
  ...captured.slice(0, 20).map((block) => bytesOf([begin(1, 1, 1), params(1, block), params(1), stdin(1)])),
];

function applicationTarget(name: string, weight: number, options: ApplicationOptions): Target<Uint8Array> {
  const play = playApplication(options);
  return {
    ...ofBytes,
    name,
    weight,
    seeds: conversations,
    mutate: mutateRecords(applicationTypes),
    check: compare(play),
    hold(input): unknown {
      const application = new Application(options, new Trace());
      feedWasteful((chunk) => (application.connection.receive(chunk), application.connection.writer.take()), input);
      return application;
    },
    // A collector holds at most twice what has come; FCGI_GET_VALUES takes 4096 bytes; the rest is the objects' own.
    maxHeldBytes: 2 * Math.min(options.maxParamsBytes, 1200) * options.maxUnfinished + 2 * 4096 + 6000,
  };
}

/** The targets whose inputs are bytes. */
export const protocolTargets: readonly Target<Uint8Array>[] = [
  applicationTarget("application", 4, usual),
  applicationTarget("application-single", 2, single),
  {
    ...ofBytes,
    name: "web-server",
    weight: 2,
    seeds: flows.map(flowOutput).filter((bytes) => bytes.length > 0),
    mutate: mutateRecords([3, 6, 6, 7, 10, 11]),
    check: compare(playWebServer),
    hold(input): unknown {
      const webServer = new WebServer(new Trace());
      feedWasteful((chunk) => webServer.connection.receive(chunk), input);
      return webServer;
    },
    maxHeldBytes: 2 * 4096 + 6000,
  },
  {
    ...ofBytes,
    name: "parser",
    weight: 1,
    seeds: [...conversations, bytesOf([record(1, 1, "x".repeat(300), 255), { ...stdin(1, "y"), reserved: 9 }])],
    mutate: mutateRecords([0, 1, 4, 5, 11, 255]),
    check(input, cutSeed, trace): void {
      compare(playParser)(input, cutSeed, trace);
      const expected = new Trace();
      expectRecords(input, expected);
      must(expected.hash === trace.hash, "the parser finds other records than the bytes have");
    },
  },
  {
    ...ofBytes,
    name: "pairs",
    weight: 1,
    seeds: [...captured, "", pairs("A", "", "", "B"), longLength(1) + longLength(0) + "A", longLength(2 ** 31 - 1)]
      .map((text) => Uint8Array.from(text, (char) => char.charCodeAt(0))),
    mutate: mutateBytes,
    check: checkPairs,
  },
];
