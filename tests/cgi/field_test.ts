import { assertEquals } from "../std/assert.ts";
import { isFieldValue, isToken, trimFieldValue } from "../../src/cgi/field.ts";

Deno.test("isToken takes what RFC 9110 names a token and nothing else", () => {
  let allowed = "";
  for (let code = 0; code < 0x180; code++) {
    const char = String.fromCharCode(code);
    if (isToken(char)) allowed += char;
  }
  assertEquals(allowed, "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~");
  assertEquals(["", "a b", "a:", "a\n", "x-y"].map(isToken), [false, false, false, false, true]);
});

Deno.test("isFieldValue refuses control characters and chars that are no bytes", () => {
  for (let code = 0; code < 0x180; code++) {
    const legal = code === 9 || code >= 0x20 && code < 0x7f || code >= 0x80 && code <= 0xff;
    assertEquals(isFieldValue("a" + String.fromCharCode(code) + "b"), legal, `U+${code.toString(16)}`);
    assertEquals(isFieldValue(String.fromCharCode(code)), legal, `U+${code.toString(16)}`);
  }
  assertEquals(["", "a\r\nSet-Cookie: b", "a\n", "\u{1F600}"].map(isFieldValue), [true, false, false, false]);
});

Deno.test("trimFieldValue removes spaces and tabs at both ends only", () => {
  const values = ["", " ", " \t ", "a", " a", "a\t", "\t a  b \t", "\u00a0a\u00a0", "\na"];
  assertEquals(values.map(trimFieldValue), ["", "", "", "a", "a", "a", "a  b", "\u00a0a\u00a0", "\na"]);
});
