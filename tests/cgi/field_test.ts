import { assertEquals, assertLess } from "../std/assert.ts";
import {
  hasNullBody,
  isFieldValue,
  isHopByHop,
  isToken,
  parseLength,
  printable,
  trimFieldValue,
} from "../../src/cgi/field.ts";

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

Deno.test("parseLength takes safe integers of digits alone", () => {
  const lengths: [string | null | undefined, number | undefined][] = [
    ["0", 0],
    ["5", 5],
    ["007", 7],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["9007199254740992", undefined],
    ["9".repeat(400), undefined],
    ["5, 5", 5],
    ["5,5 ,\t5", 5],
    ["5, 6", undefined],
    ["5, 05", undefined],
    ["5,", undefined],
    [", 5", undefined],
    ["5, 55", undefined],
    ["", undefined],
    [null, undefined],
    [undefined, undefined],
    ...["-1", "+1", "1.0", "1e3", "0x10", " 1", "1 ", "1\n", "\u0661", "NaN", "1_000"].map((
      text,
    ): [string, undefined] => [text, undefined]),
  ];
  for (const [text, length] of lengths) assertEquals(parseLength(text), length, JSON.stringify(text));
});

Deno.test("parseLength is quick with any text", () => {
  const started = performance.now();
  for (const text of ["1".repeat(100_000) + "x", "1,".repeat(50_000) + "x", "1" + " ".repeat(100_000) + "x"]) {
    assertEquals(parseLength(text), undefined);
  }
  assertLess(performance.now() - started, 500);
});

Deno.test("isHopByHop names the fields of one connection", () => {
  const names = ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection"];
  assertEquals(names.filter((name) => !isHopByHop(name)), []);
  assertEquals(["content-length", "host", "cookie", ""].filter(isHopByHop), []);
});

Deno.test("hasNullBody is true of the statuses whose Response has no body", () => {
  for (let status = 200; status < 600; status++) {
    let refused = false;
    try {
      new Response("x", { status });
    } catch {
      refused = true;
    }
    // Bun makes them all.
    if (refused) assertEquals(hasNullBody(status), true, String(status));
  }
  assertEquals([101, 103, 204, 205, 304, 200, 206, 404].map(hasNullBody), [
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("printable writes every control character out, and leaves other text as it is", () => {
  assertEquals(printable("a\r\nb\t\0\x1b[31m\x7f\x9b2J"), "a\\x0d\\x0ab\\x09\\x00\\x1b[31m\\x7f\\x9b2J");
  assertEquals(printable("a\u2028b\u202ec"), "a\\u2028b\\u202ec");
  const plain = "caf\u00e9 \u20ac \u{1F600} \\ \"'";
  assertEquals(printable(plain), plain);
  for (let code = 0; code < 0x100; code++) {
    const char = String.fromCharCode(code);
    assertEquals(printable(char) === char, code >= 0x20 && code < 0x7f || code >= 0xa0, `U+${code.toString(16)}`);
  }
});
