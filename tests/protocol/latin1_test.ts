import { assertEquals } from "../std/assert.ts";
import { decodeLatin1, writeLatin1 } from "../../src/protocol/latin1.ts";
import { Random } from "./random.ts";
import { latin1Bytes } from "../helpers/bytes.ts";

Deno.test("decodeLatin1 gives the character of each byte's number", () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const text = decodeLatin1(all);
  assertEquals(Array.from(text, (character) => character.codePointAt(0)), [...all]);
  for (const byte of all) assertEquals(decodeLatin1(Uint8Array.of(byte)), String.fromCharCode(byte));
});

Deno.test("decodeLatin1 takes no bytes for a byte order mark or UTF-8", () => {
  assertEquals(decodeLatin1(new Uint8Array(0)), "");
  assertEquals(decodeLatin1(Uint8Array.of(0xef, 0xbb, 0xbf, 0xc3, 0xa9)), "\xef\xbb\xbf\xc3\xa9");
  assertEquals(decodeLatin1(Uint8Array.of(0xff, 0xfe, 0x41, 0)), "\xff\xfeA\0");
});

Deno.test("writeLatin1 writes at an index and gives the next one", () => {
  const into = new Uint8Array(6).fill(9);
  assertEquals(writeLatin1("h\xe9\x80", into, 2), 5);
  assertEquals(into, Uint8Array.of(9, 9, 0x68, 0xe9, 0x80, 9));
  assertEquals(writeLatin1("", into, 5), 5);
});

Deno.test("writeLatin1 drops the upper bits when a character is no byte", () => {
  const into = new Uint8Array(3);
  writeLatin1("\u0141\u20ac\u0100", into, 0);
  assertEquals(into, Uint8Array.of(0x41, 0xac, 0));
});

Deno.test("decodeLatin1 gives the text back when writeLatin1 wrote it", () => {
  const random = new Random(3);
  for (let round = 0; round < 200; round++) {
    const text = random.latin1(random.below(300));
    const into = new Uint8Array(text.length);
    writeLatin1(text, into, 0);
    assertEquals(into, latin1Bytes(text));
    assertEquals(decodeLatin1(into), text);
  }
});
