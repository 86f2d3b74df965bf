import { assertEquals, assertStrictEquals, assertThrows } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import { WebServerConnection } from "../../src/protocol/web_server_connection.ts";
import type { WebServerEvents } from "../../src/protocol/web_server_events.ts";
import { flowOutput, flows } from "../vectors/flows.ts";
import {
  abort,
  begin,
  bytesOf,
  concat,
  data,
  end,
  getValues,
  getValuesResult,
  paddedBytesOf,
  pairs,
  params,
  record,
  stderr,
  stdin,
  stdout,
  text,
  unknownType,
  type WireRecord,
} from "../vectors/wire.ts";
import { cuts } from "./cuts.ts";

type Heard = [event: string, ...unknown[]];

/** A connection whose events are written down; parts of a stream that follow each other are one. */
function connect(): { connection: WebServerConnection; heard: Heard[] } {
  const heard: Heard[] = [];
  const stream = (event: string) => (requestId: number, content: Uint8Array): void => {
    const last = heard.at(-1);
    if (last?.[0] === event && last[1] === requestId) last[2] += text(content);
    else heard.push([event, requestId, text(content)]);
  };
  const events: WebServerEvents = {
    onStdout: stream("stdout"),
    onStderr: stream("stderr"),
    onEnd: (requestId, { appStatus, protocolStatus }) => heard.push(["end", requestId, appStatus, protocolStatus]),
    onValues: (values) => heard.push(["values", ...values]),
    onUnknownType: (type) => heard.push(["unknown-type", type]),
  };
  return { connection: new WebServerConnection(events), heard };
}

const written = (connection: WebServerConnection): string => text(concat(connection.writer.take()));
const expected = (...records: WireRecord[]): string => text(paddedBytesOf(records));

Deno.test("WebServerConnection writes what a web server sends", () => {
  const { connection } = connect();
  connection.getValues(["FCGI_MAX_REQS", "FCGI_MPXS_CONNS"]);
  connection.begin(1, 1, false);
  connection.params(1, ["SERVER_PORT", "80", "EMPTY", ""]);
  connection.stdin(1, Uint8Array.of(0x61, 0x62));
  connection.stdin(1, new Uint8Array(0));
  connection.stdinEnd(1);
  connection.begin(65_535, 3, true);
  connection.params(65_535, []);
  connection.data(65_535, Uint8Array.of(0x63));
  connection.dataEnd(65_535);
  connection.abort(65_535);
  connection.abort(2);
  assertEquals(
    written(connection),
    expected(
      getValues("FCGI_MAX_REQS", "FCGI_MPXS_CONNS"),
      ...[begin(1, 1, 0), params(1, pairs("SERVER_PORT", "80", "EMPTY", "")), params(1), stdin(1, "ab"), stdin(1)],
      ...[begin(65_535, 3, 1), params(65_535), data(65_535, "c"), data(65_535), abort(65_535)],
    ),
  );
});

Deno.test("WebServerConnection.begin refuses an id when it is no id, or in use", () => {
  const { connection } = connect();
  for (const id of [0, -1, 65_536, 1.5, 65_535.5, NaN]) {
    const error = assertThrows(() => connection.begin(id, 1, true), RangeError);
    assertEquals(error.message, `Cannot begin request: id is ${id}`);
  }
  connection.begin(7, 1, true);
  const error = assertThrows(() => connection.begin(7, 1, true), RangeError);
  assertEquals(error.message, "Cannot begin request: id 7 is in use");
  assertEquals(connection.active, 1);
  assertEquals(written(connection), expected(begin(7, 1, 1)));
});

Deno.test("WebServerConnection.params cuts no pair when it fits in a record", () => {
  const { connection } = connect();
  const half = "x".repeat(30_000);
  const texts = ["A", half, "B", half, "C", half, "D", "y".repeat(100_000), "E", "z", "F", half, "G", half];
  connection.params(1, texts);
  const long = pairs("D", "y".repeat(100_000), "E", "z");
  assertEquals(
    written(connection),
    expected(
      params(1, pairs("A", half, "B", half)),
      params(1, pairs("C", half)),
      params(1, pairs("D", "y".repeat(100_000)).slice(0, 65_528)),
      params(1, long.slice(65_528, pairs("D", "y".repeat(100_000)).length)),
      params(1, pairs("E", "z", "F", half, "G", half)),
      params(1),
    ),
  );
});

Deno.test("WebServerConnection tells what an application answers however cut", () => {
  const input = bytesOf([
    getValuesResult("FCGI_MAX_REQS", "500"),
    stdout(1, "Status: 200\r\n"),
    stderr(1, "oh"),
    stdout(3, "other"),
    stdout(1, "\r\n"),
    stdout(1),
    unknownType(99),
    stderr(1),
    { ...end(1, 938), padding: 8 },
    stdout(1, "after the end"),
    end(1),
    end(3, 2 ** 32 - 1, 2),
    getValuesResult(),
  ]);
  for (const cut of cuts) {
    const { connection, heard } = connect();
    connection.begin(1, 1, true);
    connection.begin(3, 1, true);
    for (const chunk of cut.chunks(input)) {
      connection.receive(chunk);
      chunk.fill(0xaa);
    }
    assertEquals(heard, [
      ["values", "FCGI_MAX_REQS", "500"],
      ["stdout", 1, "Status: 200\r\n"],
      ["stderr", 1, "oh"],
      ["stdout", 3, "other"],
      ["stdout", 1, "\r\n"],
      ["unknown-type", 99],
      ["end", 1, 938, 0],
      ["end", 3, 2 ** 32 - 1, 2],
      ["values"],
    ], cut.name);
    assertEquals(connection.idle, true);
  }
});

Deno.test("WebServerConnection ignores records when they are none of an application's", () => {
  const { connection, heard } = connect();
  connection.begin(1, 1, true);
  connection.receive(bytesOf([
    ...[stdin(1, "x"), params(1, "x"), record(12, 1, "x"), record(200, 0, "x".repeat(5000)), record(6, 0, "x")],
    ...[
      getValues("FCGI_MAX_REQS"),
      stdout(2, "not begun"),
      stderr(2, "not begun"),
      record(10, 1, "x"),
      record(11, 1, "x"),
    ],
  ]));
  assertEquals(heard, []);
  assertEquals(connection.active, 1);
});

Deno.test("WebServerConnection frees the id before onEnd", () => {
  const seen: number[] = [];
  const connection: WebServerConnection = new WebServerConnection({
    onStdout() {},
    onStderr() {},
    onEnd(requestId) {
      seen.push(connection.active);
      connection.begin(requestId, 1, true);
    },
    onValues() {},
    onUnknownType() {},
  });
  connection.begin(1, 1, true);
  connection.receive(bytesOf([end(1), end(1)]));
  assertEquals(seen, [0, 0]);
  assertEquals(connection.active, 1);
});

Deno.test("WebServerConnection.idle is true when neither a request nor a record is under way", () => {
  const { connection } = connect();
  assertEquals(connection.idle, true);
  connection.begin(1, 1, true);
  assertEquals(connection.idle, false);
  const last = bytesOf([{ ...end(1), padding: 2 }]);
  connection.receive(last.subarray(0, 17));
  assertEquals([connection.active, connection.idle], [0, false]);
  connection.receive(last.subarray(17));
  assertEquals(connection.idle, true);
});

Deno.test("WebServerConnection hands STDOUT over in the chunk's own memory", () => {
  const parts: Uint8Array[] = [];
  const events: WebServerEvents = {
    onStdout: (_, content) => parts.push(content),
    onStderr() {},
    onEnd() {},
    onValues() {},
    onUnknownType() {},
  };
  const connection = new WebServerConnection(events);
  connection.begin(1, 1, true);
  const chunk = bytesOf([stdout(1, "abc"), stdout(1, "def")]);
  connection.receive(chunk);
  assertEquals(parts.map(text), ["abc", "def"]);
  for (const part of parts) assertStrictEquals(part.buffer, chunk.buffer);
});

Deno.test("WebServerConnection refuses records when they break the protocol", () => {
  const cases: [WireRecord, string, string][] = [
    [record(3, 1, "1234567"), "BAD_LENGTH", "Cannot read record of type 3: its content is 7 bytes"],
    [record(3, 1), "BAD_LENGTH", "Cannot read record of type 3: its content is 0 bytes"],
    [record(3, 9, "123456789"), "BAD_LENGTH", "Cannot read record of type 3: its content is 9 bytes"],
    [record(10, 0, "x".repeat(4097)), "BAD_LENGTH", "Cannot read record of type 10: its content is 4097 bytes"],
    [record(11, 0, "x".repeat(4097)), "BAD_LENGTH", "Cannot read record of type 11: its content is 4097 bytes"],
    [record(11, 0, "1"), "BAD_LENGTH", "Cannot read FCGI_UNKNOWN_TYPE: its content is 1 bytes, not 8"],
    [record(11, 0), "BAD_LENGTH", "Cannot read FCGI_UNKNOWN_TYPE: its content is 0 bytes, not 8"],
    [
      record(10, 0, "\x05\x05x"),
      "BAD_PAIRS",
      "Cannot read name-value pairs: the last one goes past the end of the 3 bytes",
    ],
    [{ ...stdout(1), version: 0 }, "BAD_VERSION", "Cannot read record: version is 0, not 1"],
  ];
  for (const [bad, code, message] of cases) {
    for (const cut of cuts) {
      const { connection, heard } = connect();
      connection.begin(1, 1, true);
      const error = assertThrows(() => {
        for (const chunk of cut.chunks(bytesOf([stdout(1, "a"), bad]))) connection.receive(chunk);
      }, ProtocolError);
      assertEquals([error.code, error.message], [code, message]);
      assertEquals(heard, [["stdout", 1, "a"]]);
    }
  }
});

Deno.test("WebServerConnection reads every flow's output the same however cut", () => {
  for (const flow of flows) {
    const answers = cuts.map((cut) => {
      const { connection, heard } = connect();
      const output = flowOutput(flow);
      for (const { requestId } of flow.output) {
        try {
          if (requestId !== 0) connection.begin(requestId, 1, true);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      }
      for (const chunk of cut.chunks(output)) connection.receive(chunk);
      return heard;
    });
    assertEquals(answers[0]!.length === 0, flow.output.length === 0, flow.name);
    for (const heard of answers) assertEquals(heard, answers[0], flow.name);
  }
});
