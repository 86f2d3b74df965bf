import { assert, assertEquals, assertStrictEquals, assertThrows } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import { RecordParser, type RecordSink } from "../../src/protocol/record_parser.ts";
import { flowInput, flows } from "../vectors/flows.ts";
import { bytesOf, hex, record, stdin, type WireRecord } from "../vectors/wire.ts";
import { cutAtRandom, cuts } from "./cuts.ts";
import { Random } from "./random.ts";
import { concat, latin1Text } from "../helpers/bytes.ts";

/** Writes the records down that a parser finds. */
class RecordLog implements RecordSink {
  readonly records: { type: number; requestId: number; contentLength: number; content: string; ended: boolean }[] = [];

  recordStart(type: number, requestId: number, contentLength: number): void {
    assert(this.records.at(-1)?.ended ?? true, "a record starts within another");
    this.records.push({ type, requestId, contentLength, content: "", ended: false });
  }

  recordContent(content: Uint8Array): void {
    const record = this.records.at(-1)!;
    assert(content.length > 0 && !record.ended);
    record.content += latin1Text(content);
  }

  recordEnd(): void {
    const record = this.records.at(-1)!;
    assertEquals(record.content.length, record.contentLength);
    record.ended = true;
  }
}

function parse(chunks: readonly Uint8Array[]): { records: RecordLog["records"]; atBoundary: boolean } {
  const log = new RecordLog();
  const parser = new RecordParser(log);
  for (const chunk of chunks) parser.push(chunk);
  return { records: log.records, atBoundary: parser.atBoundary };
}

const expected = ({ type, requestId, content }: WireRecord): RecordLog["records"][number] => ({
  type,
  requestId,
  contentLength: content.length,
  content,
  ended: true,
});

Deno.test("RecordParser reads the header of §3.3", () => {
  assertEquals(parse([hex("01 05 0102 0003 02 ff 616263 eeee")]), {
    records: [{ type: 5, requestId: 0x0102, contentLength: 3, content: "abc", ended: true }],
    atBoundary: true,
  });
});

Deno.test("RecordParser reads lengths and ids without a sign", () => {
  const records = [record(255, 65_535, "x".repeat(65_535), 255), record(0, 32_768, "y".repeat(32_768)), record(5, 1)];
  assertEquals(bytesOf(records.slice(0, 1)).length, 8 + 65_790);
  assertEquals(parse([bytesOf(records)]).records, records.map(expected));
});

Deno.test("RecordParser skips the padding of an empty record", () => {
  const records = [stdin(1, "", 255), stdin(2, "", 1), stdin(3)];
  assertEquals(parse([bytesOf(records)]), { records: records.map(expected), atBoundary: true });
});

Deno.test("RecordParser ends a record before its padding has come", () => {
  const bytes = bytesOf([stdin(1, "ab", 3)]);
  for (const length of [10, 11, 12]) {
    assertEquals(parse([bytes.slice(0, length)]), { records: [expected(stdin(1, "ab"))], atBoundary: false });
  }
  assertEquals(parse([bytes]).atBoundary, true);
});

Deno.test("RecordParser hands content over without copying", () => {
  const parts: Uint8Array[] = [];
  const parser = new RecordParser({ recordStart() {}, recordContent: (part) => parts.push(part), recordEnd() {} });
  const first = bytesOf([stdin(1, "ab"), stdin(1, "cdefgh")]).subarray(0, 20);
  const second = Uint8Array.of(0x65, 0x66);
  parser.push(first);
  parser.push(second);
  assertEquals(parts.map(latin1Text), ["ab", "cd", "ef"]);
  assertStrictEquals(parts[0]!.buffer, first.buffer);
  assertStrictEquals(parts[1]!.buffer, first.buffer);
  assertStrictEquals(parts[2], second);
});

Deno.test("RecordParser keeps no byte of a chunk when a header is split", () => {
  const bytes = bytesOf([stdin(0x0301, "abc", 5), stdin(9)]);
  for (let at = 1; at < bytes.length; at++) {
    const log = new RecordLog();
    const parser = new RecordParser(log);
    for (const chunk of [bytes.slice(0, at), new Uint8Array(0), bytes.slice(at)]) {
      parser.push(chunk);
      chunk.fill(0xaa);
    }
    assertEquals(log.records, [expected(stdin(0x0301, "abc")), expected(stdin(9))]);
  }
});

Deno.test("RecordParser refuses every version but 1", () => {
  for (const version of [0, 2, 71, 129, 255]) {
    for (const cut of cuts) {
      const log = new RecordLog();
      const parser = new RecordParser(log);
      const bytes = bytesOf([stdin(1, "a", 7), { ...stdin(1), version }]);
      const error = assertThrows(() => {
        for (const chunk of cut.chunks(bytes)) parser.push(chunk);
      }, ProtocolError);
      assertEquals(error.code, "BAD_VERSION");
      assertEquals(error.message, `Cannot read record: version is ${version}, not 1`);
      assertEquals(log.records, [expected(stdin(1, "a"))]);
    }
  }
});

Deno.test("RecordParser lets through what its sink throws", () => {
  const problem = new Error("mine");
  const fail = (): never => {
    throw problem;
  };
  const quiet = { recordStart() {}, recordContent() {}, recordEnd() {} };
  for (const name of ["recordStart", "recordContent", "recordEnd"] as const) {
    const parser = new RecordParser({ ...quiet, [name]: fail });
    assertStrictEquals(assertThrows(() => parser.push(bytesOf([stdin(1, "a")]))), problem);
  }
});

Deno.test("RecordParser finds the same records in every flow however cut", () => {
  for (const flow of flows.filter((flow) => flow.error?.code !== "BAD_VERSION")) {
    for (const cut of cuts) {
      const { records, atBoundary } = parse(cut.chunks(flowInput(flow)));
      assertEquals(records, flow.input.map(expected), `${flow.name}, ${cut.name}`);
      assertEquals(atBoundary, true);
    }
  }
});

Deno.test("RecordParser finds the same records in random streams however cut", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const records = Array.from(
      { length: random.below(12) },
      () =>
        record(
          random.below(256),
          random.below(65_536),
          random.latin1(Math.min(65_535, random.length())),
          random.below(random.pick([1, 9, 256])),
        ),
    );
    const bytes = bytesOf(records);
    for (let round = 0; round < 3; round++) {
      const chunks = cutAtRandom(bytes, random);
      assertEquals(concat(chunks), bytes);
      assertEquals(parse(chunks), { records: records.map(expected), atBoundary: true }, `seed ${seed}`);
    }
  }
});
