import { assertEquals, assertThrows } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import { decodePairs, encodePairs } from "../../src/protocol/name_value.ts";
import { hex, longLength, pairs } from "../vectors/wire.ts";
import { Random } from "./random.ts";
import { latin1Bytes, latin1Text } from "../helpers/bytes.ts";

Deno.test("decodePairs reads the four forms of §3.4", () => {
  const long = "n".repeat(200);
  // FCGI_NameValuePair11, 14, 41 and 44.
  assertEquals(decodePairs(hex("01 02 61 62 63")), ["a", "bc"]);
  assertEquals(decodePairs(latin1Bytes(`\x01\x80\0\0\xc8a${long}`)), ["a", long]);
  assertEquals(decodePairs(latin1Bytes(`\x80\0\0\xc8\x01${long}a`)), [long, "a"]);
  assertEquals(decodePairs(latin1Bytes(`\x80\0\0\xc8\x80\0\0\xc8${long}${long}`)), [long, long]);
});

Deno.test("decodePairs reads a short length when it takes four bytes", () => {
  assertEquals(decodePairs(hex("80000001 80000000 61")), ["a", ""]);
  assertEquals(decodePairs(hex("00 80000002 6263")), ["", "bc"]);
});

Deno.test("decodePairs keeps wire order, duplicates and empty texts", () => {
  assertEquals(decodePairs(new Uint8Array(0)), []);
  assertEquals(decodePairs(hex("0000 0000")), ["", "", "", ""]);
  assertEquals(decodePairs(hex("0101 6131 0101 6231 0101 6132")), ["a", "1", "b", "1", "a", "2"]);
});

Deno.test("decodePairs gives one character a byte", () => {
  assertEquals(decodePairs(hex("02 05 c3a9 80 9f ff 00 0a")), ["\xc3\xa9", "\x80\x9f\xff\0\n"]);
});

Deno.test("decodePairs refuses pairs when they end anywhere else", () => {
  const whole = latin1Bytes(pairs("a", "bc", "n".repeat(200), "v".repeat(130), "", ""));
  const borders = [0, 5, 5 + 8 + 330, whole.length];
  for (let length = 0; length <= whole.length; length++) {
    const part = whole.subarray(0, length);
    if (borders.includes(length)) {
      decodePairs(part);
      continue;
    }
    const error = assertThrows(() => decodePairs(part), ProtocolError);
    assertEquals(error.code, "BAD_PAIRS");
    assertEquals(error.message, `Cannot read name-value pairs: the last one goes past the end of the ${length} bytes`);
  }
});

Deno.test("decodePairs refuses lengths when they claim more than there is", () => {
  for (
    const claim of ["ff ffffff 00", "00 ff ffffff", "ffffffff ffffffff", "7f 7f", "80000001 7fff", "ffffffff 0041"]
  ) {
    assertEquals(assertThrows(() => decodePairs(hex(claim)), ProtocolError).code, "BAD_PAIRS", claim);
  }
});

Deno.test("encodePairs writes a length in one byte below 128, else in four", () => {
  assertEquals(encodePairs([]), new Uint8Array(0));
  assertEquals(encodePairs(["SERVER_PORT", "80"]), hex("0b 02 5345525645525f504f5254 3830"));
  for (const length of [127, 128, 255, 256, 65_535, 65_536]) {
    const long = "x".repeat(length);
    const expected = length < 128 ? String.fromCharCode(length) : longLength(length);
    assertEquals(latin1Text(encodePairs([long, ""])), `${expected}\0${long}`);
    assertEquals(latin1Text(encodePairs(["", long])), `\0${expected}${long}`);
  }
});

Deno.test("encodePairs refuses a name without a value", () => {
  assertEquals(
    assertThrows(() => encodePairs(["a", "b", "c"]), RangeError).message,
    "Cannot encode name-value pairs: the last name has no value",
  );
});

Deno.test("decodePairs gives back what encodePairs wrote, whatever the texts", () => {
  const lengths = Array.from({ length: 301 }, (_, length) => [length, 300 - length]).flat();
  const random = new Random(5);
  const texts = [...lengths, 70_000, 0, 0, 70_000, 70_000, 70_000].map((length) => random.latin1(length));
  assertEquals(decodePairs(encodePairs(texts)), texts);
  assertEquals(latin1Text(encodePairs(texts)), pairs(...texts));
  for (let round = 0; round < 300; round++) {
    const some = Array.from({ length: 2 * random.below(12) }, () => random.latin1(random.length()));
    assertEquals(decodePairs(encodePairs(some)), some);
  }
});

Deno.test("decodePairs throws nothing but BAD_PAIRS when the bytes are random", () => {
  const random = new Random(9);
  let read = 0;
  for (let round = 0; round < 5000; round++) {
    const bytes = random.bytes(random.below(40));
    if (random.once(2)) { for (let at = 0; at < bytes.length; at++) bytes[at]! %= 5; }
    try {
      const texts = decodePairs(bytes);
      assertEquals(texts.length % 2, 0);
      read++;
    } catch (error) {
      assertEquals((error as ProtocolError).code, "BAD_PAIRS");
    }
  }
  assertEquals(read > 100 && read < 4900, true, `${read} of 5000 were read`);
});
