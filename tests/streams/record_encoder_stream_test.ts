import { assertEquals, assertInstanceOf } from "../std/assert.ts";
import { RecordDecoderStream } from "../../src/streams/record_decoder_stream.ts";
import { RecordEncoderStream } from "../../src/streams/record_encoder_stream.ts";
import { cuts } from "../protocol/cuts.ts";
import { Random } from "../protocol/random.ts";
import { flowInput, flowOutput, flows } from "../vectors/flows.ts";
import { hex, paddedBytesOf } from "../vectors/wire.ts";
import { piped } from "./piped.ts";
import { concat, latin1Text } from "../helpers/bytes.ts";

Deno.test("RecordEncoderStream gives a chunk for each record, padded with zeros", async () => {
  const { out, error } = await piped(new RecordEncoderStream(), [
    { type: 6, requestId: 0x0102, content: Uint8Array.of(0x61, 0x62, 0x63) },
    { type: 6, requestId: 0x0102, content: new Uint8Array(0) },
  ]);
  assertEquals(error, undefined);
  assertEquals(out, [hex("01 06 0102 0003 05 00 616263 0000000000"), hex("01 06 0102 0000 00 00")]);
});

Deno.test("RecordEncoderStream keeps nothing of a record's content", async () => {
  const stream = new RecordEncoderStream();
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const content = new Uint8Array(40_000).fill(0x62);
  const [{ value }] = await Promise.all([reader.read(), writer.write({ type: 5, requestId: 1, content })]);
  content.fill(0xaa);
  assertEquals(value, paddedBytesOf([{ type: 5, requestId: 1, content: "b".repeat(40_000) }]));
  await Promise.all([writer.close(), reader.read()]);
});

Deno.test("RecordEncoderStream errors with a RangeError when content is longer than 65,535 bytes", async () => {
  const whole = { type: 5, requestId: 1, content: new Uint8Array(65_535) };
  const { out, error } = await piped(new RecordEncoderStream(), [whole, { ...whole, content: new Uint8Array(65_536) }]);
  assertInstanceOf(error, RangeError);
  assertEquals(error.message, "Cannot write record: its content is 65536 bytes, more than 65535");
  assertEquals(out.map((chunk) => chunk.length), [8 + 65_536]);
});

Deno.test("RecordEncoderStream and RecordDecoderStream give every flow's records back however cut", async () => {
  for (const flow of flows) {
    for (const [records, bytes] of [[flow.input, flowInput(flow)], [flow.output, flowOutput(flow)]] as const) {
      for (const cut of cuts) {
        // A byte is a turn of the stream here, so the byte-by-byte flows are the short ones.
        if (cut.name === "byte by byte" && bytes.length > 5000) continue;
        const name = `${flow.name}, ${cut.name}`;
        const decoded = await piped(new RecordDecoderStream(), cut.chunks(bytes));
        if (flow.error?.code === "BAD_VERSION" && records === flow.input) {
          assertEquals((decoded.error as { code?: string }).code, "BAD_VERSION", name);
          continue;
        }
        assertEquals(decoded.error, undefined, name);
        assertEquals(
          decoded.out.map(({ type, requestId, content }) => [type, requestId, latin1Text(content)]),
          records.map(({ type, requestId, content }) => [type, requestId, content]),
          name,
        );
        const encoded = await piped(new RecordEncoderStream(), decoded.out);
        assertEquals(encoded.error, undefined, name);
        assertEquals(encoded.out.length, records.length);
        const plain = records.map(({ type, requestId, content }) => ({ type, requestId, content }));
        assertEquals(latin1Text(concat(encoded.out)), latin1Text(paddedBytesOf(plain)), name);
        const again = await piped(new RecordDecoderStream(), encoded.out);
        assertEquals(again.out, decoded.out, name);
      }
    }
  }
});

Deno.test("RecordEncoderStream and RecordDecoderStream give random records back however cut", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = new Random(seed);
    const records = Array.from({ length: random.below(20) }, () => ({
      type: random.below(256),
      requestId: random.below(65_536),
      content: random.bytes(Math.min(65_535, random.length())),
    }));
    const { out } = await piped(new RecordEncoderStream(), records);
    for (const cut of cuts.filter(({ name }) => name !== "byte by byte")) {
      const decoded = await piped(new RecordDecoderStream(), cut.chunks(concat(out)));
      assertEquals(decoded, { out: records, error: undefined }, `seed ${seed}, ${cut.name}`);
    }
  }
});
