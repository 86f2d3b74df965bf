import { assertEquals } from "../std/assert.ts";
import { percentDecode, percentEncode } from "../../src/cgi/percent.ts";

Deno.test("percentEncode writes bytes as two upper-case digits", () => {
  assertEquals(percentEncode("a\0\n\xff/", /[^a-z]/g), "a%00%0A%FF%2F");
});

Deno.test("percentDecode gives bytes and leaves what is no encoding", () => {
  assertEquals(percentDecode("plain"), "plain");
  assertEquals(percentDecode("%41%7e%2F%c3%A9%00"), "A~/\xc3\xa9\0");
  assertEquals(percentDecode("%zz%4%%41%2541"), "%zz%4%A%41");
});
