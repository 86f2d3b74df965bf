import { assert, assertEquals, assertStrictEquals, assertThrows } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import { ApplicationConnection } from "../../src/protocol/application_connection.ts";
import type { ApplicationEvents } from "../../src/protocol/application_events.ts";
import { flowOptions } from "../vectors/flows.ts";
import {
  begin,
  bytesOf,
  data,
  end,
  getValues,
  getValuesResult,
  paddedBytesOf,
  pairs,
  params,
  stderr,
  stdin,
  stdout,
  type WireRecord,
} from "../vectors/wire.ts";
import { concat, latin1Bytes, latin1Text } from "../helpers/bytes.ts";

/** A connection that tells `events` only of what they take; the request's own object is its id. */
function connect(
  events: Partial<ApplicationEvents<number>> = {},
  options: Partial<typeof flowOptions> = {},
): ApplicationConnection<number> {
  const quiet: ApplicationEvents<number> = {
    onRequest: (requestId) => requestId,
    onParamsTooLarge: (requestId) => requestId,
    onStdin() {},
    onStdinEnd() {},
    onData() {},
    onDataEnd() {},
    onAbort() {},
  };
  return new ApplicationConnection({ ...quiet, ...events }, { ...flowOptions, ...options });
}

const opened = (
  id: number,
  flags = 1,
  role = 1,
): WireRecord[] => [begin(id, role, flags), params(id, "\0\0"), params(id)];
const written = (connection: ApplicationConnection<number>): string => latin1Text(concat(connection.writer.take()));
const expected = (...records: WireRecord[]): string => latin1Text(paddedBytesOf(records));

Deno.test("ApplicationConnection hands an event what onRequest gave", () => {
  const request = { of: "the taker" };
  const seen: unknown[] = [];
  const connection = new ApplicationConnection<object>({
    onRequest: () => request,
    onParamsTooLarge: () => request,
    onStdin: (given) => seen.push(given),
    onStdinEnd: (given) => seen.push(given),
    onData: (given) => seen.push(given),
    onDataEnd: (given) => seen.push(given),
    onAbort: (given) => seen.push(given),
  }, flowOptions);
  connection.receive(
    bytesOf([...opened(1, 1, 3), stdin(1, "x"), stdin(1), data(1, "x"), data(1), { ...stdin(1), type: 2 }]),
  );
  assertEquals(seen.length, 5);
  for (const given of seen) assertStrictEquals(given, request);
});

Deno.test("ApplicationConnection counts active and unfinished requests", () => {
  const connection = connect();
  const counts = (): number[] => [connection.active, connection.requests.unfinished];
  assertEquals(counts(), [0, 0]);
  assertEquals(connection.idle, true);
  connection.receive(bytesOf([begin(1, 1, 1), begin(2, 1, 1)]));
  assertEquals(counts(), [2, 2]);
  assertEquals(connection.idle, false);
  connection.receive(bytesOf([params(2)]));
  assertEquals(counts(), [2, 1]);
  connection.end(1);
  assertEquals(counts(), [1, 0]);
  connection.end(2);
  assertEquals(counts(), [0, 0]);
  assertEquals(connection.idle, true);
  connection.receive(bytesOf([stdin(7, "x", 3)]).subarray(0, 10));
  assertEquals(connection.idle, false);
});

Deno.test("ApplicationConnection tells since when the oldest request's parameters are under way", () => {
  const connection = connect();
  assertEquals(connection.requests.unfinishedSinceMs, undefined);
  connection.receive(bytesOf([...opened(1), begin(2, 1, 1)]).subarray(0, -1), 10);
  assertEquals(connection.requests.unfinishedSinceMs, undefined);
  connection.receive(bytesOf([begin(2, 1, 1)]).subarray(-1), 20);
  assertEquals(connection.requests.unfinishedSinceMs, 20);
  connection.receive(bytesOf([params(2, "\0\0"), begin(3, 1, 1)]), 30);
  assertEquals(connection.requests.unfinishedSinceMs, 20);
  connection.receive(bytesOf([params(2)]), 40);
  assertEquals(connection.requests.unfinishedSinceMs, 30);
  connection.end(3);
  assertEquals(connection.requests.unfinishedSinceMs, undefined);
  connection.receive(bytesOf([begin(4, 1, 1)]));
  assertEquals(connection.requests.unfinishedSinceMs, 0);
});

Deno.test("ApplicationConnection knows its requests in the order in which they began, whichever have ended", () => {
  const connection = connect();
  connection.receive(bytesOf([begin(1, 1, 1)]), 10);
  connection.receive(bytesOf([begin(2, 1, 1)]), 20);
  connection.end(1);
  connection.receive(bytesOf([begin(3, 1, 1)]), 30);
  connection.receive(bytesOf([begin(1, 1, 1)]), 40);
  assertEquals(connection.requests.unfinishedSinceMs, 20);
  connection.receive(bytesOf([params(1), params(3), params(2)]));
  assertEquals([...connection.requests.contexts()], [2, 3, 1]);
  for (const id of [2, 1, 3]) connection.end(id);
  assertEquals([connection.active, connection.requests.underWay], [0, 0]);
  connection.receive(bytesOf(opened(5)));
  assertEquals([...connection.requests.contexts()], [5]);
});

Deno.test("ApplicationConnection tells of an abort once, however often it comes", () => {
  const aborted: number[] = [];
  const connection = connect({ onAbort: (requestId) => aborted.push(requestId) });
  const abort = { ...stdin(1), type: 2 };
  connection.receive(bytesOf([...opened(1), abort, abort, stdin(1, "x"), abort]));
  assertEquals([aborted, connection.active], [[1], 1]);
  connection.end(1);
  connection.receive(bytesOf([abort, ...opened(1), abort]));
  assertEquals(aborted, [1, 1]);
});

Deno.test("ApplicationConnection.end writes END_REQUEST once, and nothing for an id not active", () => {
  const connection = connect();
  connection.receive(bytesOf(opened(1)));
  connection.end(2);
  connection.end(1, 938);
  connection.end(1, 5);
  assertEquals(written(connection), expected(stdout(1), end(1, 938)));
  connection.receive(bytesOf(opened(1)));
  connection.end(1, 2 ** 32 - 1, 2);
  assertEquals(written(connection), expected(end(1, 2 ** 32 - 1, 2)));
});

Deno.test("ApplicationConnection frees the id before END_REQUEST is written", () => {
  const connection = connect({
    onStdinEnd(requestId) {
      connection.end(requestId);
      assertEquals(connection.active, 0);
    },
  });
  connection.receive(bytesOf([...opened(1), stdin(1), ...opened(1), stdin(1)]));
  assertEquals(written(connection), expected(stdout(1), end(1), stdout(1), end(1)));
});

Deno.test("ApplicationConnection is finished when a request without KEEP_CONN has ended and no other is active", () => {
  const connection = connect();
  connection.receive(bytesOf([...opened(1, 0), ...opened(2, 1)]));
  assertEquals(connection.finished, false);
  connection.end(1);
  assertEquals(connection.finished, false);
  connection.end(2);
  assertEquals(connection.finished, true);
});

Deno.test("ApplicationConnection skips the rest of a record when its request ends amid it", () => {
  const heard: string[] = [];
  const note = (event: string): (_: number, content?: Uint8Array) => void => (_, content) => {
    heard.push(content ? `${event} ${latin1Text(content)}` : event);
  };
  const connection = connect({
    onStdin: note("stdin"),
    onData: note("data"),
    onStdinEnd: note("stdin-end"),
    onParamsTooLarge(requestId) {
      note("too large")(requestId);
      return requestId;
    },
  }, { maxParamsBytes: 10 });
  const stream = bytesOf([...opened(1), stdin(1, "first second")]);
  connection.receive(stream.slice(0, -6));
  connection.end(1);
  connection.receive(stream.slice(-6));
  const file = bytesOf([...opened(1, 1, 3), stdin(1), data(1, "first second", 2)]);
  connection.receive(file.slice(0, -8));
  connection.end(1);
  connection.receive(file.slice(-8));
  const long = bytesOf([begin(1, 1, 1), params(1, "x".repeat(100))]);
  connection.receive(long.slice(0, -95));
  connection.end(1);
  connection.receive(long.slice(-95));
  assertEquals(heard, ["stdin first ", "stdin-end", "data first "]);
  assertEquals(connection.requests.unfinished, 0);
  assertEquals(connection.idle, true);
});

Deno.test("ApplicationConnection skips the rest of a record when its own event ends the request", () => {
  const heard: string[] = [];
  const connection = connect({
    onStdin(requestId, content) {
      heard.push(latin1Text(content));
      connection.end(requestId);
    },
  });
  const stream = bytesOf([...opened(1), stdin(1, "first second"), ...opened(1), stdin(1, "x")]);
  connection.receive(stream.slice(0, 50));
  connection.receive(stream.slice(50));
  assertEquals(heard, [latin1Text(stream.slice(42, 50)), "x"]);
});

Deno.test("ApplicationConnection lets an ended request's rest not end another's streams", () => {
  const ends: number[] = [];
  const connection = connect({ onStdinEnd: (requestId) => ends.push(requestId) });
  const first = bytesOf([...opened(1), stdin(1, "body")]);
  connection.receive(first.slice(0, -2));
  connection.end(1);
  connection.receive(concat([first.slice(-2), bytesOf([stdin(1), ...opened(1), stdin(1)])]));
  assertEquals(ends, [1]);
  assertEquals(connection.active, 1);
});

Deno.test("ApplicationConnection keeps nothing of a chunk when receive has returned", () => {
  const texts = ["NAME", "value".repeat(40), "OTHER", "x"];
  const stream = bytesOf([
    begin(1, 1, 1),
    params(1, pairs(...texts)),
    begin(2, 1, 1),
    params(2, pairs(...texts)),
    params(1),
    getValues("FCGI_MAX_REQS"),
    params(2),
  ]);
  for (let first = 1; first < stream.length; first += 3) {
    for (const second of [first + 1, first + 50, stream.length]) {
      const blocks: string[] = [];
      const connection = connect({ onRequest: (id, _role, block) => (blocks.push(latin1Text(block)), id) });
      for (const chunk of [stream.slice(0, first), stream.slice(first, second), stream.slice(second)]) {
        connection.receive(chunk);
        chunk.fill(0xaa);
      }
      assertEquals(blocks, [pairs(...texts), pairs(...texts)]);
      assertEquals(written(connection), expected(getValuesResult("FCGI_MAX_REQS", "500")));
    }
  }
});

Deno.test("ApplicationConnection lends PARAMS without copying when they came in one record", () => {
  const chunk = bytesOf([begin(1, 1, 1), params(1, pairs("A", "b")), params(1)]);
  let lent: Uint8Array | undefined;
  connect({ onRequest: (id, _role, block) => (lent = block, id) }).receive(chunk);
  assertStrictEquals(lent?.buffer, chunk.buffer);
});

Deno.test("ApplicationConnection hands STDIN over in the chunk's own memory", () => {
  const parts: Uint8Array[] = [];
  const connection = connect({ onStdin: (_, content) => parts.push(content) });
  connection.receive(bytesOf(opened(1)));
  const chunk = bytesOf([stdin(1, "abc"), stdin(1, "def")]);
  connection.receive(chunk);
  assertEquals(parts.map(latin1Text), ["abc", "def"]);
  for (const part of parts) assertStrictEquals(part.buffer, chunk.buffer);
});

Deno.test("ApplicationConnection never collects more PARAMS than maxParamsBytes a request", () => {
  const lengths: number[] = [];
  let tooLarge = 0;
  const connection = connect({
    onRequest: (id, _role, block) => (lengths.push(block.length), id),
    onParamsTooLarge(requestId) {
      tooLarge++;
      return requestId;
    },
  }, { maxParamsBytes: 1000 });
  for (const length of [999, 1000, 1001, 5000]) {
    connection.receive(bytesOf([begin(length, 1, 1)]));
    for (let at = 0; at < length; at += 100) {
      connection.receive(bytesOf([params(length, "x".repeat(Math.min(100, length - at)))]));
    }
    connection.receive(bytesOf([params(length), stdin(length)]));
  }
  assertEquals(lengths, [999, 1000]);
  assertEquals(tooLarge, 2);
  assertEquals([connection.active, connection.requests.unfinished], [4, 0]);
  connection.end(1001);
  connection.end(5000);
  assertEquals(connection.active, 2);
});

Deno.test("ApplicationConnection lets through what its events throw", () => {
  const problem = new Error("the taker's");
  const connection = connect({
    onRequest() {
      throw problem;
    },
  });
  assertStrictEquals(assertThrows(() => connection.receive(bytesOf(opened(1)))), problem);
});

Deno.test("ApplicationConnection refuses BEGIN when its header shows a wrong length", () => {
  const connection = connect();
  const error = assertThrows(() => connection.receive(bytesOf([begin(1, 1, 1)]).fill(7, 5, 6).subarray(0, 8)));
  assert(error instanceof ProtocolError);
  assertEquals(error.code, "BAD_LENGTH");
});

Deno.test("ApplicationConnection.end ends STDOUT always, and STDERR if it was used", () => {
  const connection = connect();
  connection.receive(bytesOf([...opened(1), ...opened(2)]));
  connection.stdout(1, latin1Bytes("out"));
  connection.stderr(2, latin1Bytes("err"));
  connection.stderr(1, new Uint8Array(0));
  connection.end(1);
  connection.end(2, 5);
  const ends = [stdout(1), end(1), stdout(2), stderr(2), end(2, 5)];
  assertEquals(written(connection), expected(stdout(1, "out"), stderr(2, "err"), ...ends));
});

Deno.test("ApplicationConnection writes nothing for a request that is not active", () => {
  const connection = connect();
  connection.receive(bytesOf(opened(1)));
  connection.end(1);
  connection.writer.take();
  connection.stdoutHead(1, "Status: 200 OK\r\n\r\n");
  assertEquals(connection.stdoutText(1, "Status: 200 OK\r\n\r\n", "late"), true);
  connection.stdout(1, latin1Bytes("late"));
  connection.stderr(1, latin1Bytes("late"));
  connection.endAfterInput(1, 0);
  connection.endTruncated(1);
  assertEquals(connection.writer.empty, true);
});

Deno.test("ApplicationConnection.stdoutHead writes the head in one record, and a small body with it", () => {
  const connection = connect();
  connection.receive(bytesOf(opened(1)));
  connection.stdoutHead(1, "caf\xe9\n\n", latin1Bytes("body"));
  assertEquals(written(connection), expected(stdout(1, "caf\xe9\n\nbody")));
  connection.stdoutHead(1, "head\n\n", latin1Bytes("x".repeat(16_385)));
  assertEquals(written(connection), expected(stdout(1, "head\n\n"), stdout(1, "x".repeat(16_385))));
  assertThrows(() => connection.stdoutHead(1, "x".repeat(65_536)), RangeError, "65535");
});

Deno.test("ApplicationConnection.stdoutText writes head and body in one record if they are ASCII, or nothing", () => {
  const connection = connect();
  connection.receive(bytesOf(opened(1)));
  assertEquals(connection.stdoutText(1, "head\n\n", "body"), true);
  assertEquals(written(connection), expected(stdout(1, "head\n\nbody")));
  for (const [head, body] of [["caf\xe9\n\n", "body"], ["head\n\n", "\u20ac"], ["head\n\n", "x".repeat(65_530)]]) {
    assertEquals(connection.stdoutText(1, head!, body!), false);
    assertEquals(connection.writer.empty, true);
  }
});

Deno.test("ApplicationConnection.stderr writes no record of more than 8 KiB", () => {
  const connection = connect();
  connection.receive(bytesOf(opened(1)));
  connection.stderr(1, latin1Bytes("y".repeat(20_000)));
  const parts = [8192, 8192, 20_000 - 2 * 8192].map((length) => stderr(1, "y".repeat(length)));
  assertEquals(written(connection), expected(...parts));
});

/** A connection with request 1 answered while its input goes on. */
function answeredEarly(flags = 1, role = 1, more: readonly WireRecord[] = []): ApplicationConnection<number> {
  const connection = connect({ onStdin: () => assert(false), onStdinEnd: () => assert(false) });
  connection.receive(bytesOf([...opened(1, flags, role), ...more]));
  connection.stdout(1, latin1Bytes("answer"));
  connection.endAfterInput(1, 100, 7);
  return connection;
}

Deno.test("ApplicationConnection.endAfterInput writes END_REQUEST when STDIN has ended", () => {
  const connection = answeredEarly();
  assertEquals(written(connection), expected(stdout(1, "answer"), stdout(1)));
  assertEquals([connection.active, connection.requests.underWay, [...connection.requests.contexts()]], [1, 0, []]);
  connection.receive(bytesOf([stdin(1, "late"), stdin(1, "later")]));
  assertEquals(connection.writer.empty, true);
  const { ending } = connection.requests;
  assertEquals([ending?.sinceMs, ending?.droppedBytes], [100, 9]);
  connection.receive(bytesOf([stdin(1)]));
  assertEquals(written(connection), expected(end(1, 7)));
  assertEquals([connection.active, connection.requests.ending, connection.idle], [0, undefined, true]);
});

Deno.test("ApplicationConnection.endAfterInput waits for DATA too, and for nothing where nothing comes", () => {
  const filter = answeredEarly(1, 3, []);
  filter.receive(bytesOf([stdin(1), data(1, "file")]));
  assertEquals(written(filter), expected(stdout(1, "answer"), stdout(1)));
  filter.receive(bytesOf([data(1)]));
  assertEquals(written(filter), expected(end(1, 7)));
  for (const at of [answeredEarly(0), answeredEarly(1, 2)]) {
    assertEquals(written(at), expected(stdout(1, "answer"), stdout(1), end(1, 7)));
  }
  const other = connect();
  other.receive(bytesOf([...opened(1), stdin(1)]));
  other.endAfterInput(1, 0);
  assertEquals(written(other), expected(stdout(1), end(1)));
});

Deno.test("ApplicationConnection.endAfterInput waits no longer when the web server aborts or begins another request", () => {
  const aborted = answeredEarly();
  written(aborted);
  aborted.receive(bytesOf([{ ...stdin(1), type: 2 }]));
  assertEquals(written(aborted), expected(end(1, 7)));
  const multiplexed = answeredEarly();
  written(multiplexed);
  multiplexed.receive(bytesOf([begin(2, 1, 1)]));
  assertEquals(written(multiplexed), expected(end(1, 7)));
  assertEquals(multiplexed.active, 1);
  const both = connect();
  both.receive(bytesOf([...opened(1), ...opened(2)]));
  both.endAfterInput(1, 0);
  assertEquals(written(both), expected(stdout(1), end(1)));
});

Deno.test("ApplicationConnection lets END_REQUEST wait for PARAMS that are too large, and for a role not played", () => {
  const connection: ApplicationConnection<number> = connect({
    onParamsTooLarge(requestId) {
      connection.endAfterInput(requestId, 0);
      return requestId;
    },
  }, { maxParamsBytes: 10, roles: [1] });
  connection.receive(bytesOf([begin(1, 1, 1), params(1, "x".repeat(11)), params(1, "y"), params(1), stdin(1, "z")]));
  assertEquals(written(connection), expected(stdout(1)));
  connection.receive(bytesOf([stdin(1)]));
  assertEquals(written(connection), expected(end(1)));
  connection.receive(bytesOf([...opened(1, 1, 3), stdin(1, "z"), stdin(1)]));
  assertEquals(connection.writer.empty, true);
  connection.receive(bytesOf([data(1)]));
  assertEquals(written(connection), expected(end(1, 0, 3)));
  connection.receive(bytesOf([begin(1, 3, 0)]));
  assertEquals(written(connection), expected(end(1, 0, 3)));
});

Deno.test("ApplicationConnection reckons what its unfinished requests hold", () => {
  const connection = connect({}, { maxParamsBytes: 100_000 });
  assertEquals(connection.requests.unfinishedBytes, 0);
  connection.receive(bytesOf([begin(1, 1, 1), params(1, "x".repeat(10_000)), begin(2, 1, 1)]));
  const held = connection.requests.unfinishedBytes;
  assert(held >= 10_000 && held < 25_000, String(held));
  connection.receive(bytesOf([params(1, "x".repeat(10_000))]));
  assert(connection.requests.unfinishedBytes >= 20_000);
  connection.receive(bytesOf([params(1)]));
  assert(connection.requests.unfinishedBytes < 1000);
  connection.clear();
  assertEquals([connection.requests.unfinishedBytes, connection.active], [0, 0]);
});
