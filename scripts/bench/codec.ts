// How fast bytes become records, parameters and requests, without sockets; on any runtime: codec.ts SECONDS. Prints JSON.

import { BodyMemory } from "../../src/fetch/body_memory.ts";
import process from "node:process";
import { encodePairs, FCGI_STDIN, RecordParser, RecordWriter } from "../../src/codec.ts";
import { findPairs } from "../../src/protocol/name_value.ts";
import { Params } from "../../src/cgi/params.ts";
import { requestUrl } from "../../src/cgi/request_url.ts";
import type { Transport, TransportSink } from "../../src/runtime/transport.ts";
import { FastResponse } from "../../src/fetch/fast_response.ts";
import { LazyRequest } from "../../src/fetch/lazy_request.ts";
import { handlersByRole } from "../../src/server/roles.ts";
import { RequestAbortedError } from "../../src/errors.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { ConnectionSet } from "../../src/server/connection_set.ts";
import { resolveSettings } from "../../src/server/server_options.ts";
import { makeHandler } from "./handler.ts";
import { browserParams, encodeFastCgi, gather } from "./requests.ts";

const RECORD_BYTES = 32_768;
const READ_BYTES = 65_536;
const MIN_RUNS = 50;
const seconds = Number(process.argv[2] ?? 1);
/** What every measured function adds to, so that none can be left out. */
let sum = 0;

/** Seconds that a call takes, in the fastest of many runs of a millisecond: what disturbs it only makes it slower. */
async function time(run: () => void | Promise<void>): Promise<number> {
  let calls = 1;
  let best = Infinity;
  // A process may get no processor until its time is up.
  for (let runs = 0, end = performance.now() + seconds * 1000; runs < MIN_RUNS || performance.now() < end; runs++) {
    const started = performance.now();
    for (let call = 0; call < calls; call++) {
      const result = run();
      if (result !== undefined) await result;
    }
    const taken = performance.now() - started;
    if (taken < 1) calls *= 2;
    else best = Math.min(best, taken / 1000 / calls);
  }
  return best;
}

const content = new Uint8Array(RECORD_BYTES).fill(0x78);
const writer = new RecordWriter();

/** Writes a mebibyte in records. */
function encode(): Uint8Array[] {
  for (let at = 0; at < 1 << 20; at += RECORD_BYTES) writer.stream(FCGI_STDIN, 1, content);
  return writer.take();
}

const wire = gather(encode());
const copy = new Uint8Array(wire.length);
const parser = new RecordParser({
  recordStart: (_type, requestId) => sum += requestId,
  recordContent: (part) => sum += part.length,
  recordEnd: () => sum++,
});
const block = encodePairs(browserParams({ path: "/hello", expected: new Uint8Array() }));

function lazyRequest(): LazyRequest {
  const params = Params.fromOffsets(findPairs(block));
  return new LazyRequest({
    method: params.get("REQUEST_METHOD")!,
    url: requestUrl(params)!,
    params,
    body: null,
    bodyMemory: new BodyMemory(),
    get signal() {
      return new AbortController().signal;
    },
  });
}

let responded: () => void;
let sink: TransportSink;
/** A socket without a system: what is written to it is there. */
const transport: Transport = {
  remoteAddr: { transport: "unix", path: "" },
  write: (pieces) => {
    for (const piece of pieces) sum += piece.length;
    responded();
    return true;
  },
  pause: () => {},
  resume: () => {},
  shutdown: () => true,
  close: () => queueMicrotask(() => sink.closed()),
  reset: () => {},
  ref: () => {},
  unref: () => {},
};

/** Microseconds for a request, all that the server does for it but reading and writing its socket. */
async function timeServer(path: string, responseClass: typeof Response): Promise<number> {
  const { head: request } = encodeFastCgi({ path, expected: new Uint8Array() }, true);
  const handlers = handlersByRole({ fetch: makeHandler(responseClass) });
  const connections = new ConnectionSet(resolveSettings({}), handlers, systemClock, () => {});
  sink = connections.accept(transport);
  const microseconds = 1e6 * await time(() => {
    sink.received(request, true);
    return new Promise((resolve) => responded = resolve);
  });
  connections.close(new RequestAbortedError("The measurement is over"));
  return microseconds;
}

const gigabytes = wire.length / 1e9;
console.log(JSON.stringify({
  "copy of the same bytes (`TypedArray.set`), GB/s": gigabytes / await time(() => copy.set(wire)),
  "decode 32 KiB records, GB/s": gigabytes / await time(() => {
    for (let at = 0; at < wire.length; at += READ_BYTES) parser.push(wire.subarray(at, at + READ_BYTES));
  }),
  "encode 32 KiB records, GB/s": gigabytes / await time(() => void (sum += encode().length)),
  "find the 30 parameters of a request, µs": 1e6 * await time(() => void (sum += findPairs(block).offsets.length)),
  "the same, and a Request of which method and URL are read, µs": 1e6 * await time(() => {
    const request = lazyRequest();
    sum += request.method.length + request.url.length;
  }),
  "the same, and a header is read, µs": 1e6 * await time(() => {
    const request = lazyRequest();
    sum += request.method.length + request.url.length + request.headers.get("accept")!.length;
  }),
  "the same, with the runtime's own Request (`request` is native), µs": 1e6 * await time(() => {
    const request = LazyRequest.toNative(lazyRequest());
    sum += request.method.length + request.url.length + request.headers.get("accept")!.length;
  }),
  "hello without a socket, µs": await timeServer("/hello", FastResponse),
  "hello without a socket, runtime's own Response, µs": await timeServer("/hello", Response),
  "three headers without a socket, µs": await timeServer("/headers", FastResponse),
}));
if (!(sum > 0)) throw new Error("nothing was measured");
