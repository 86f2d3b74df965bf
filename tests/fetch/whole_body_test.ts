import { IncomingBody } from "../../src/connection/incoming_body.ts";
import { BodyMemory } from "../../src/fetch/body_memory.ts";
import { decodeText } from "../../src/fetch/decode_text.ts";
import { BytesMade, OwnBytes, TextMade } from "../../src/fetch/whole_body.ts";
import { assert, assertEquals, assertRejects } from "../std/assert.ts";

const native = new TextDecoder();
const terms = { name: "request body" };

/** The text of bytes that come in parts, which are cut before some positions; shorter ones than `gathered` are gathered. */
function inParts(bytes: Uint8Array, cuts: readonly number[], gathered: number): string {
  const collector = new TextMade((text) => text, gathered);
  const ends = [...cuts, bytes.length];
  let at = 0;
  for (const end of ends) {
    // Lent: what is kept of it has to be copied.
    const part = bytes.slice(at, end);
    collector.add(part);
    part.fill(0x2a);
    at = end;
  }
  return collector.finish();
}

Deno.test("TextMade decodes as the native decoder, wherever bytes are cut once or twice", () => {
  const texts = [
    "",
    "ASCII only",
    "ä€😀 mixed ߿ࠀ￿𐀀",
    "\ufeffwith a mark",
    "\ufeff\ufeffwith two marks",
    "a\ufeffmark within",
    "\u0000\u0000",
    "😀".repeat(4),
  ].map((text) => new TextEncoder().encode(text));
  const invalid = [
    [0xff, 0x41],
    [0xc3],
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x98],
    [0xf0, 0x9f, 0x98, 0xe2, 0x82],
    [0xf0, 0x9f, 0x41, 0xbf, 0xbf],
    [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80],
    [0xc0, 0x80, 0xe0, 0x80, 0x80, 0xf0, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80, 0xf5, 0x80, 0x80, 0x80, 0xf8, 0x88, 0x80, 0x80, 0x80],
    [0x80, 0x80, 0x80, 0x80],
    [0xef, 0xbb],
    [0xef, 0xbb, 0xbf, 0xef, 0xbb],
    [0xef, 0xbb, 0xc3, 0xa4],
  ].map((bytes) => Uint8Array.from(bytes));
  for (const bytes of [...texts, ...invalid]) {
    const whole = native.decode(bytes);
    assertEquals(new TextMade((text) => text).only(bytes), whole);
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        for (const gathered of [1, 3, 6]) {
          const what = `${bytes} cut before ${first} and ${second}, gathered below ${gathered}`;
          assertEquals(inParts(bytes, [first, second], gathered), whole, what);
        }
      }
    }
    // Byte by byte.
    const everywhere = Array.from(bytes, (_, at) => at);
    for (const gathered of [1, 2, 3, 4, 5, 4096]) {
      assertEquals(inParts(bytes, everywhere, gathered), whole, `${bytes} byte by byte, gathered below ${gathered}`);
    }
  }
});

Deno.test("TextMade decodes as the native decoder whatever four bytes come, in any parts", () => {
  const bytes = [0x41, 0x80, 0x9f, 0xa0, 0xbb, 0xbf, 0xc3, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf8];
  const four = new Uint8Array(4);
  for (const first of bytes) {
    for (const second of bytes) {
      for (const third of bytes) {
        for (const fourth of bytes) {
          four.set([first, second, third, fourth]);
          const whole = native.decode(four);
          for (const cuts of [[1], [2], [3], [1, 2, 3]]) {
            const text = inParts(four, cuts, 1);
            if (text !== whole) assertEquals(text, whole, `${four} cut before ${cuts}`);
          }
        }
      }
    }
  }
});

Deno.test("TextMade decodes small parts together, and makes no piece of a string for each", () => {
  const { decode } = TextDecoder.prototype;
  let decoded = 0;
  TextDecoder.prototype.decode = function (...args): string {
    decoded++;
    return decode.apply(this, args);
  };
  try {
    const collector = new TextMade((text) => text.length);
    for (let at = 0; at < 100_000; at++) collector.add(Uint8Array.of(0x61));
    assertEquals(collector.finish(), 100_000);
  } finally {
    TextDecoder.prototype.decode = decode;
  }
  assert(decoded > 0 && decoded <= 50, `decoded ${decoded} times`);
});

Deno.test("decodeText decodes as the native decoder, short texts and long ones, and keeps no memory", () => {
  const chars = ["a", "\x7f", "\x80", "\ufeff", "\u20ac", "\ud83d\ude00"].map((char) => new TextEncoder().encode(char));
  for (const char of [...chars, Uint8Array.of(0xff), Uint8Array.of(0xe2, 0x82)]) {
    for (const length of [100, 8191, 8192, 8193, 100_000]) {
      for (const at of [0, 1, length >> 1, length - char.length]) {
        // Amid other bytes, which are not to be seen.
        const memory = new Uint8Array(length + 10).fill(0xe9);
        const bytes = memory.subarray(5, 5 + length).fill(0x78);
        bytes.set(char, at);
        const whole = native.decode(bytes);
        const text = decodeText(bytes);
        memory.fill(0x2a);
        assert(text === whole, `${char} at ${at} of ${length}`);
      }
    }
  }
  assertEquals(decodeText(new Uint8Array(0)), "");
});

Deno.test("OwnBytes gives memory that holds nothing but the body", () => {
  const whole = Uint8Array.from({ length: 100_000 }, (_, at) => at % 251);
  for (const expected of [whole.length, undefined]) {
    const collector = new OwnBytes({ name: "request body", expected });
    for (let at = 0; at < whole.length; at += 999) collector.add(whole.subarray(at, at + 999));
    const bytes = collector.finish();
    assertEquals([bytes.length, bytes.buffer.byteLength], [whole.length, whole.length]);
    assertEquals(bytes, whole);
  }
  const part = new Uint8Array(new ArrayBuffer(16), 8, 3);
  assertEquals(new OwnBytes(terms).only(part).buffer.byteLength, 3);
});

Deno.test("BytesMade uses memory again, and what it makes does not change with it", async () => {
  const memory = new BodyMemory();
  const part = new TextEncoder().encode("hello ".repeat(3000));
  const text = new TextDecoder().decode(part);
  const make = {
    text: (bytes: Uint8Array<ArrayBuffer>) => new TextDecoder().decode(bytes),
    blob: (bytes: Uint8Array<ArrayBuffer>) => new Blob([bytes]),
    response: (bytes: Uint8Array<ArrayBuffer>) => new Response(bytes),
  };
  let made: string | Blob | Response | undefined;
  let pieces = 0;
  for (const [name, of] of Object.entries(make)) {
    const collector = new BytesMade<string | Blob | Response>({ ...terms, expected: 2 * part.length }, memory, of);
    collector.add(part);
    collector.add(part);
    made = collector.finish();
    collector.drop();
    pieces ||= memory.spareBytes;
    assertEquals(memory.spareBytes, pieces, name);
    const piece = memory.take(1, 1);
    piece.fill(0x2a);
    memory.giveBack(piece);
    assertEquals(typeof made === "string" ? made : await made.text(), text + text, name);
  }
  assert(pieces > 0);
});

Deno.test("a body that is read whole gives its memory back however it ends", async () => {
  const part = new Uint8Array(20_000);
  const ends: ((body: IncomingBody) => void)[] = [
    (body) => body.end(),
    (body) => body.fail(new Error("on purpose")),
    (body) => body.push(new Uint8Array(100_000), true),
    (body) => body.discard(),
  ];
  for (const end of ends) {
    for (const expected of [60_000, undefined]) {
      const memory = new BodyMemory();
      const limit = { name: "maxBodyBytes", max: 70_000 } as const;
      const body = new IncomingBody({ name: "request body", expected, limit }, { buffered: () => {} });
      body.push(part, true);
      const reading = body.readAll(new BytesMade(body.terms, memory, (bytes) => bytes.length));
      reading.catch(() => {});
      body.push(part, true);
      assertEquals(memory.spareBytes, 0);
      end(body);
      await reading.catch(() => {});
      assert(memory.spareBytes >= 40_000, `${memory.spareBytes} bytes are spare`);
    }
  }
  const memory = new BodyMemory();
  const body = new IncomingBody(terms, { buffered: () => {} });
  const reading = body.readAll(
    new BytesMade(body.terms, memory, () => {
      throw new SyntaxError("on purpose");
    }),
  );
  body.push(part, true);
  body.end();
  await assertRejects(() => reading, SyntaxError);
  assert(memory.spareBytes >= part.length);
});

Deno.test("a body that its collector cannot take fails for its reader, and for nobody else", async () => {
  for (const fails of [1, 2, 3]) {
    let added = 0;
    let dropped = 0;
    const collector = {
      add: () => {
        if (++added === fails) throw new RangeError("Invalid string length");
      },
      finish: () => "never",
      only: () => "never",
      drop: () => void dropped++,
    };
    const body = new IncomingBody(terms, { buffered: () => {} });
    body.push(new Uint8Array(5000), true);
    body.push(new Uint8Array(5000), true);
    const reading = body.readAll(collector);
    reading.catch(() => {});
    for (let more = 0; more < 3; more++) body.push(new Uint8Array(5000), true);
    body.end();
    await assertRejects(() => reading, RangeError, "Invalid string length");
    assertEquals({ dropped, receiving: body.receiving }, { dropped: 1, receiving: false });
  }
});

Deno.test("BodyMemory keeps four pieces, the largest ones, until none has been used for five seconds", () => {
  const memory = new BodyMemory();
  const pieces = [20_000, 1_000_000, 2_000_000, 40_000, 500_000, 2_097_152].map((length) =>
    memory.take(length, length)
  );
  for (const piece of pieces) memory.giveBack(piece);
  const most = 2_097_152 + 2_097_152 + 1_048_576 + 524_288;
  assertEquals(memory.spareBytes, most);
  // Larger than what is kept.
  const large = memory.take(2_097_153, 2_097_153);
  assertEquals(large.length, 2_097_153);
  memory.giveBack(large);
  assertEquals(memory.spareBytes, most);
  memory.tick(4000);
  const used = memory.take(1, 600_000);
  assertEquals(used.length, 1_048_576);
  memory.giveBack(used);
  memory.tick(4000);
  assertEquals(memory.spareBytes, most);
  memory.tick(1000);
  assertEquals(memory.spareBytes, 0);
});
