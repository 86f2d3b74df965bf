import { assertEquals } from "../std/assert.ts";
import { pathText, utf8Bytes } from "../../src/cgi/utf8.ts";

Deno.test("pathText and utf8Bytes are each other's inverse when the text is UTF-8", () => {
  for (const text of ["", "/plain", "/caf\u00e9/100%/\u20ac", "/\u{1F600}", "\ufeffa", "\0\x7f"]) {
    const bytes = utf8Bytes(text);
    assertEquals(bytes, [...new TextEncoder().encode(text)].map((byte) => String.fromCharCode(byte)).join(""));
    assertEquals(pathText(bytes), text);
  }
});

Deno.test("pathText leaves a segment as latin1 when it is not UTF-8", () => {
  assertEquals(pathText("/\xff\xfe/caf\xc3\xa9"), "/\xff\xfe/caf\u00e9");
  assertEquals(pathText("/\xc0\xaf"), "/\xc0\xaf", "overlong");
  assertEquals(pathText("/\xed\xa0\x80"), "/\xed\xa0\x80", "surrogate");
});
