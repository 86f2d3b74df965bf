import { assertEquals, assertInstanceOf, assertStrictEquals } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import { type FastCgiRecord, RecordDecoderStream } from "../../src/streams/record_decoder_stream.ts";
import { cuts } from "../protocol/cuts.ts";
import { bytesOf, hex, record, stdin } from "../vectors/wire.ts";
import { piped } from "./piped.ts";
import { latin1Bytes, latin1Text } from "../helpers/bytes.ts";

Deno.test("RecordDecoderStream gives whole records without what only the wire needs", async () => {
  const { out, error } = await piped(new RecordDecoderStream(), [
    hex("01 05 0102 0003 02 ff 616263 eeee 01 05 0102 0000 00 00"),
  ]);
  assertEquals(error, undefined);
  assertEquals(out, [
    { type: 5, requestId: 0x0102, content: Uint8Array.of(0x61, 0x62, 0x63) },
    { type: 5, requestId: 0x0102, content: new Uint8Array(0) },
  ]);
});

Deno.test("RecordDecoderStream gives nothing when nothing comes", async () => {
  assertEquals(await piped(new RecordDecoderStream(), []), { out: [], error: undefined });
  assertEquals(await piped(new RecordDecoderStream(), [new Uint8Array(0)]), { out: [], error: undefined });
});

Deno.test("RecordDecoderStream gives a view of the chunk when a record came whole", async () => {
  const chunk = bytesOf([stdin(1, "abc", 5), stdin(2, "def")]);
  const { out } = await piped(new RecordDecoderStream(), [chunk]);
  assertEquals(out.map(({ content }) => latin1Text(content)), ["abc", "def"]);
  for (const { content } of out) assertStrictEquals(content.buffer, chunk.buffer);
});

Deno.test("RecordDecoderStream keeps nothing of a chunk when the record is not whole", async () => {
  const bytes = bytesOf([stdin(1, "abcdefgh")]);
  const stream = new RecordDecoderStream();
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const read = reader.read();
  for (const chunk of [bytes.slice(0, 11), bytes.slice(11, 13), bytes.slice(13)]) {
    await writer.write(chunk);
    chunk.fill(0xaa);
  }
  assertEquals(latin1Text((await read).value!.content), "abcdefgh");
  await Promise.all([writer.close(), reader.read()]);
});

Deno.test("RecordDecoderStream holds one record's content apart from the next", async () => {
  const records = ["a", "bc", "", "d".repeat(300), "e"].map((content) => stdin(7, content, 3));
  for (const cut of cuts) {
    const { out } = await piped(new RecordDecoderStream(), cut.chunks(bytesOf(records)));
    assertEquals(out.map(({ content }) => latin1Text(content)), records.map(({ content }) => content), cut.name);
  }
});

Deno.test("RecordDecoderStream errors with BAD_VERSION after the records before it", async () => {
  for (const cut of cuts) {
    const bytes = bytesOf([stdin(1, "a"), { ...stdin(1), version: 9 }]);
    const { out, error } = await piped(new RecordDecoderStream(), cut.chunks(bytes));
    assertInstanceOf(error, ProtocolError);
    assertEquals([error.code, error.message], ["BAD_VERSION", "Cannot read record: version is 9, not 1"]);
    // An error of a TransformStream drops what waits to be read: in one chunk, the record goes with it.
    const whole: FastCgiRecord[] = [{ type: 5, requestId: 1, content: latin1Bytes("a") }];
    assertEquals(out, cut.name === "byte by byte" ? whole : whole.slice(0, out.length), cut.name);
  }
});

Deno.test("RecordDecoderStream errors with UNEXPECTED_END when the bytes end amid a record", async () => {
  const bytes = bytesOf([stdin(1, "abc", 2), record(6, 2)]);
  for (let length = 0; length <= bytes.length; length++) {
    const { out, error } = await piped(new RecordDecoderStream(), [bytes.slice(0, length)]);
    if ([0, 13, 21].includes(length)) {
      assertEquals(error, undefined);
      assertEquals(out.length, [0, 13, 21].indexOf(length));
      continue;
    }
    assertInstanceOf(error, ProtocolError);
    assertEquals([error.code, error.message], [
      "UNEXPECTED_END",
      "Cannot read record: the bytes end in the middle of it",
    ]);
  }
});
