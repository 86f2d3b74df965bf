import { assert, assertEquals, assertStrictEquals, assertThrows } from "../std/assert.ts";
import { MAX_STREAM_CONTENT, RecordMemory, RecordWriter } from "../../src/protocol/record_writer.ts";
import { hex, paddedBytesOf, record, stdout, type WireRecord } from "../vectors/wire.ts";
import { Random } from "./random.ts";
import { concat, latin1Bytes, latin1Text } from "../helpers/bytes.ts";

const written = (writer: RecordWriter): string => latin1Text(concat(writer.take()));
const expected = (...records: WireRecord[]): string => latin1Text(paddedBytesOf(records));

Deno.test("RecordWriter writes the header of §3.3 and pads with zeros", () => {
  const writer = new RecordWriter();
  writer.record(6, 0x0102, Uint8Array.of(0x61, 0x62, 0x63));
  assertEquals(writer.take(), [hex("01 06 0102 0003 05 00 616263 0000000000")]);
});

Deno.test("RecordWriter pads every length to a multiple of 8", () => {
  for (let length = 0; length <= 17; length++) {
    const writer = new RecordWriter();
    writer.record(6, 1, latin1Bytes("x".repeat(length)));
    assertEquals(written(writer), expected(stdout(1, "x".repeat(length))));
  }
});

Deno.test("RecordWriter.empty says whether something waits to be taken", () => {
  const writer = new RecordWriter();
  assertEquals(writer.empty, true);
  assertEquals(writer.take(), []);
  writer.streamEnd(6, 1);
  assertEquals(writer.empty, false);
  writer.take();
  assertEquals(writer.empty, true);
  writer.stream(6, 1, new Uint8Array(16_384));
  assertEquals(writer.empty, false);
  assertEquals(writer.take().length, 2);
  assertEquals(writer.empty, true);
});

Deno.test("RecordWriter.take gives bytes away for good", () => {
  const writer = new RecordWriter();
  const taken: Uint8Array[] = [];
  for (let count = 0; count < 200; count++) {
    writer.record(6, count, latin1Bytes("x".repeat(count)));
    taken.push(...writer.take());
  }
  const records = Array.from({ length: 200 }, (_, count) => stdout(count, "x".repeat(count)));
  assertEquals(taken.map(latin1Text).join(""), expected(...records));
});

Deno.test("RecordWriter never writes to what it shares with another that has not been taken from", () => {
  const memory = new RecordMemory();
  const writers = Array.from({ length: 3 }, () => new RecordWriter(memory));
  const random = new Random(1);
  const written = writers.map(() => "");
  const taken: Uint8Array[][] = writers.map(() => []);
  const take = (at: number): void => void taken[at]!.push(...writers[at]!.take());
  for (let count = 0; count < 3000; count++) {
    const at = random.below(3);
    const content = String.fromCharCode(97 + at).repeat(random.below(random.once(50) ? 20_000 : 300) + 1);
    writers[at]!.record(6, at + 1, latin1Bytes(content));
    written[at] += expected(stdout(at + 1, content));
    if (random.once(3)) take(random.below(3));
  }
  writers.forEach((_, at) => take(at));
  for (const [at, pieces] of taken.entries()) assertEquals(pieces.map(latin1Text).join("") === written[at], true);
});

Deno.test("RecordWriter.stream writes nothing when there is no content", () => {
  const writer = new RecordWriter();
  writer.stream(6, 1, new Uint8Array(0));
  assertEquals(writer.empty, true);
});

Deno.test("RecordWriter gathers small records in one piece", () => {
  const writer = new RecordWriter();
  for (let count = 0; count < 200; count++) writer.stream(6, count, latin1Bytes("x".repeat(count)));
  writer.streamEnd(6, 1);
  const pieces = writer.take();
  assertEquals(pieces.length, 1);
  const records = Array.from({ length: 199 }, (_, at) => stdout(at + 1, "x".repeat(at + 1)));
  assertEquals(latin1Text(pieces[0]!), expected(...records, stdout(1)));
});

Deno.test("RecordWriter.stream takes content from 16 KiB on by reference, and copies less", () => {
  const writer = new RecordWriter();
  const small = new Uint8Array(16_383).fill(1);
  writer.stream(6, 1, small);
  small.fill(2);
  assertEquals(writer.take(), [paddedBytesOf([stdout(1, "\x01".repeat(16_383))])]);
  const large = new Uint8Array(16_385).fill(3);
  writer.stream(6, 1, large);
  writer.streamEnd(6, 1);
  const [head, content, rest, ...more] = writer.take();
  assertEquals(head, hex("01 06 0001 4001 07 00"));
  assertStrictEquals(content, large);
  assertEquals(rest, hex("00000000000000 01 06 0001 0000 00 00"));
  assertEquals(more, []);
});

Deno.test("RecordWriter.stream cuts content into records of 65,528 bytes of the same memory", () => {
  const random = new Random(2);
  const content = random.bytes(2 * MAX_STREAM_CONTENT + 20_001);
  const writer = new RecordWriter();
  writer.stream(6, 1, content);
  const pieces = writer.take();
  const byReference = pieces.filter((piece) => piece.buffer === content.buffer);
  assertEquals(byReference.map((piece) => [piece.byteOffset, piece.length]), [
    [0, MAX_STREAM_CONTENT],
    [MAX_STREAM_CONTENT, MAX_STREAM_CONTENT],
    [2 * MAX_STREAM_CONTENT, 20_001],
  ]);
  const whole = latin1Text(content);
  assertEquals(
    latin1Text(concat(pieces)),
    expected(
      stdout(1, whole.slice(0, MAX_STREAM_CONTENT)),
      stdout(1, whole.slice(MAX_STREAM_CONTENT, 2 * MAX_STREAM_CONTENT)),
      stdout(1, whole.slice(2 * MAX_STREAM_CONTENT)),
    ),
  );
});

Deno.test("RecordWriter.stream copies a short rest of large content", () => {
  const content = new Uint8Array(MAX_STREAM_CONTENT + 3).fill(7);
  const writer = new RecordWriter();
  writer.stream(6, 1, content);
  const pieces = writer.take();
  assertEquals(pieces.map((piece) => piece.buffer === content.buffer), [false, true, false]);
  assertEquals(
    latin1Text(concat(pieces)),
    expected(stdout(1, "\x07".repeat(MAX_STREAM_CONTENT)), stdout(1, "\x07\x07\x07")),
  );
});

Deno.test("RecordWriter.open gathers bytes, latin1 and UTF-8 in one record", () => {
  const writer = new RecordWriter();
  writer.open(7, 3);
  writer.bytes(Uint8Array.of(1, 2));
  writer.latin1("\xe9\xff");
  writer.utf8("\u20ac\u{1f600}\ud800");
  writer.bytes(new Uint8Array(0));
  writer.latin1("");
  writer.utf8("");
  writer.close();
  assertEquals(writer.take(), [
    concat([hex("01 07 0003 000e 02 00"), hex("0102 e9ff e282ac f09f9880 efbfbd 0000")]),
  ]);
});

Deno.test("RecordWriter.asciiRecord writes as `record` does, or nothing if a char is not ASCII", () => {
  const writer = new RecordWriter();
  let records = "";
  for (const length of [0, 1, 7, 8, 9, 100, 2031, 2032, 2040, 2048, 16_384, 65_535]) {
    const text = "x".repeat(length);
    for (const at of [0, length >> 1, length - 1].filter((at) => at >= 0 && at < length)) {
      for (const char of ["\x80", "\xff", "\u0100", "\u20ac", "\ud83d\ude00", "\ud83d"]) {
        const other = text.slice(0, at) + char + text.slice(at + 1);
        assertEquals(writer.asciiRecord(6, 1, other), false, `${length}, at ${at} ${JSON.stringify(char)}`);
      }
    }
    assertEquals(writer.asciiRecord(6, 1, text), true);
    records += expected(stdout(1, text));
  }
  assertEquals(writer.asciiRecord(6, 1, "x".repeat(65_536)), false);
  assertEquals(written(writer), records);
  assertEquals(writer.asciiRecord(6, 1, "\x80"), false);
  assertEquals(writer.empty, true);
});

Deno.test("RecordWriter.utf8 makes room for the longest form of every character", () => {
  for (const length of [160, 168, 169, 500, 21_845]) {
    const writer = new RecordWriter();
    writer.open(6, 1);
    writer.utf8("\u20ac".repeat(length));
    writer.close();
    assertEquals(written(writer), expected(stdout(1, "\xe2\x82\xac".repeat(length))));
  }
});

Deno.test("RecordWriter.open keeps a record in one piece when its memory grows", () => {
  const writer = new RecordWriter();
  writer.record(6, 1, new Uint8Array(300).fill(1));
  writer.open(6, 2);
  for (let count = 0; count < 1000; count++) {
    writer.bytes(Uint8Array.of(1, 2));
    writer.latin1("3");
    writer.utf8("4");
  }
  writer.close();
  writer.open(6, 3);
  writer.close();
  const pieces = writer.take();
  assertEquals(pieces.length, 1);
  assertEquals(
    latin1Text(pieces[0]!),
    expected(stdout(1, "\x01".repeat(300)), stdout(2, "\x01\x0234".repeat(1000)), stdout(3)),
  );
});

Deno.test("RecordWriter.open keeps a record in one piece when large content came before it", () => {
  const writer = new RecordWriter();
  const large = new Uint8Array(20_000).fill(9);
  writer.stream(6, 1, large);
  writer.open(6, 2);
  writer.latin1("a".repeat(1000));
  writer.close();
  const pieces = writer.take();
  assertEquals(pieces.length, 3);
  assertEquals(latin1Text(concat(pieces)), expected(stdout(1, "\x09".repeat(20_000)), stdout(2, "a".repeat(1000))));
});

Deno.test("RecordWriter writes a record of 65,535 bytes and refuses a longer one", () => {
  const writer = new RecordWriter();
  writer.record(6, 1, new Uint8Array(65_535).fill(0x61));
  for (const length of [65_536, 200_000]) {
    const error = assertThrows(() => writer.record(6, 1, new Uint8Array(length).fill(0x62)), RangeError);
    assertEquals(error.message, `Cannot write record: its content is ${length} bytes, more than 65535`);
  }
  writer.open(6, 1);
  writer.latin1("c".repeat(65_530));
  writer.utf8("\u20ac\u20ac");
  assertThrows(() => writer.close(), RangeError, "65536 bytes");
  writer.record(6, 2, latin1Bytes("abc"));
  assertEquals(written(writer), expected(stdout(1, "a".repeat(65_535)), stdout(2, "abc")));
});

Deno.test("RecordWriter parses back whatever the sequence, and leaves taken memory alone", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const writer = new RecordWriter();
    const records: WireRecord[] = [];
    const taken: { piece: Uint8Array; copy: Uint8Array }[] = [];
    for (let count = random.below(60); count > 0; count--) {
      const type = random.below(256);
      const requestId = random.below(65_536);
      const content = random.latin1(random.length());
      const kind = random.below(4);
      if (kind === 0) {
        writer.streamEnd(type, requestId);
        records.push(record(type, requestId));
      } else if (kind === 1) {
        writer.stream(type, requestId, latin1Bytes(content));
        for (let at = 0; at < content.length; at += MAX_STREAM_CONTENT) {
          records.push(record(type, requestId, content.slice(at, at + MAX_STREAM_CONTENT)));
        }
      } else if (kind === 2) {
        const memory = latin1Bytes(content.slice(0, 65_535));
        writer.record(type, requestId, memory);
        memory.fill(0xaa);
        records.push(record(type, requestId, content.slice(0, 65_535)));
      } else {
        writer.open(type, requestId);
        const short = content.slice(0, 400);
        writer.latin1(short);
        writer.bytes(latin1Bytes(short));
        writer.utf8("\u20ac".repeat(5));
        if (random.once(4)) writer.latin1("x".repeat(70_000));
        try {
          writer.close();
          records.push(record(type, requestId, `${short}${short}${"\xe2\x82\xac".repeat(5)}`));
        } catch (error) {
          assert(error instanceof RangeError);
        }
      }
      if (random.once(5)) taken.push(...writer.take().map((piece) => ({ piece, copy: piece.slice() })));
    }
    taken.push(...writer.take().map((piece) => ({ piece, copy: piece.slice() })));
    assertEquals(latin1Text(concat(taken.map(({ piece }) => piece))), expected(...records), `seed ${seed}`);
    for (const { piece, copy } of taken) {
      assert(piece.length > 0);
      assertEquals(piece, copy);
    }
  }
});
