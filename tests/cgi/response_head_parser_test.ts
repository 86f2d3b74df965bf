import { assertEquals, assertInstanceOf, assertThrows } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import { encodeResponseHead } from "../../src/cgi/response_head.ts";
import { findHeadEnd, parseResponseHead } from "../../src/cgi/response_head_parser.ts";

Deno.test("parseResponseHead reads fields and Status when lines end in LF, CRLF or both", () => {
  const expected = {
    status: 404,
    statusText: "Not here",
    headers: [["Content-type", "text/html"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2:3"]] as [string, string][],
    contentLength: undefined,
    omitted: [],
  };
  const lines = ["Content-type:text/html", "status: 404 Not here", "Set-Cookie: a=1", "Set-Cookie:\t b=2:3 "];
  for (const end of ["\n", "\r\n"]) {
    assertEquals(parseResponseHead(lines.join(end)), expected);
    for (const tail of ["\n", "\r\n", "\n\n", "\r\n\r\n", "\n\r\n"]) {
      assertEquals(parseResponseHead(lines.join(end) + tail).headers.length, 3, JSON.stringify(tail));
    }
  }
  assertEquals(parseResponseHead("A: b\r\nC: d\nE: f").headers, [["A", "b"], ["C", "d"], ["E", "f"]]);
});

Deno.test("parseResponseHead supplies status and reason when they are missing", () => {
  const read = (text: string) => {
    const { status, statusText } = parseResponseHead(text);
    return `${status} ${statusText}`;
  };
  assertEquals(read("Content-Type: a/b"), "200 OK");
  assertEquals(read("LOCATION: /x"), "302 Found");
  assertEquals(read("Location: /x\nStatus: 201"), "201 Created");
  assertEquals(read("Status: 404"), "404 Not Found");
  assertEquals(read("Status: 499 "), "499 Client Error");
  assertEquals(read("Status: 200 Caf\xe9 ok"), "200 Caf\xe9 ok");
});

Deno.test("parseResponseHead says what is wrong with which line", () => {
  const bad: [text: string, message: string][] = [
    ["", "it is empty"],
    ["\r\n\r\n", "it is empty"],
    ["A: b\nnonsense", 'line 2 "nonsense" has no colon'],
    ["A: b\n\nC: d", 'line 2 "" has no colon'],
    ["HTTP/1.1 200 OK\nA: b", 'line 1 "HTTP/1.1 200 OK" is a status line'],
    ["A: b\n folded: x", 'line 2 " folded: x" begins with white space'],
    ["A: b\n\tfolded", "begins with white space"],
    ["A b: c", "has a name with white space or a control character"],
    ["A : b", "has a name with white space"],
    ["A\x01: b", "or a control character"],
    ["A: b\rc", "has a value with CR or NUL"],
    ["A: b\0c", "has a value with CR or NUL"],
    ["Status: 404 a\rb", "has a value with CR or NUL"],
    ["x".repeat(100), `line 1 "${"x".repeat(80)}…" has no colon`],
  ];
  for (const value of ["", "OK", "20", "100 Continue", "600 x", "-200", "HTTP/1.1 200"]) {
    bad.push([`Status: ${value}`, `Status ${JSON.stringify(value)} does not begin with one of 200 to 599`]);
  }
  for (const [text, message] of bad) {
    const error = assertThrows(() => parseResponseHead(text), ProtocolError, message);
    assertInstanceOf(error, ProtocolError);
    assertEquals(error.code, "BAD_HEAD");
    assertEquals(error.message.startsWith("Cannot read response head: "), true);
  }
});

Deno.test("parseResponseHead takes the three leading digits of Status whatever follows", () => {
  for (
    const [value, statusText] of [
      ["404: Not Found", "Not Found"],
      ["404 Not\tHere", "Not\tHere"],
      ["404OK", "OK"],
      ["4040", "Not Found"],
      ["404 a\x01b", "Not Found"],
      ["404 :", "Not Found"],
    ] as const
  ) {
    const { status, ...rest } = parseResponseHead(`Status: ${value}`);
    assertEquals([status, rest.statusText, rest.omitted], [404, statusText, []], value);
  }
});

Deno.test("parseResponseHead leaves out what cannot be sent on, and says so", () => {
  for (
    const [line, omitted] of [
      ["X: a\x01b", '"X: a\\u0001b", whose value has a control character'],
      ["Location: /\x7f", ", whose value has a control character"],
      ["\xe9: b", '"\xe9: b", whose name is no token'],
      [": b", '": b", whose name is no token'],
      ["X(y): b", ", whose name is no token"],
      ["Status: 500", '"Status: 500", the second Status'],
      ["Content-Length: ", '"Content-Length: ", which is no length'],
      ["Content-Length: +2", ", which is no length"],
      ["Content-Length: 2x", ", which is no length"],
      ["Content-Length: 1, 2", '"Content-Length: 1, 2", which is no length'],
      ["Content-Length: 1\nContent-Length: 2", '"Content-Length: 1, 2", which is no length'],
    ] as const
  ) {
    const head = parseResponseHead(`Status: 201\nA: b\n${line}\nC: d`);
    assertEquals([head.status, head.headers, head.contentLength], [201, [["A", "b"], ["C", "d"]], undefined], line);
    assertEquals([head.omitted.length, head.omitted[0]!.endsWith(omitted)], [1, true], head.omitted[0]);
  }
});

Deno.test("parseResponseHead gives one Content-Length for equal ones, and none where there is no body", () => {
  for (const lines of ["Content-Length: 3", "Content-Length: 3, 3", "content-length: 3\nCONTENT-LENGTH: 3"]) {
    const { headers, contentLength, omitted } = parseResponseHead(lines);
    assertEquals([headers, contentLength, omitted], [[["Content-Length", "3"]], 3, []], lines);
  }
  for (const [status, kept] of [[204, 0], [205, 0], [304, 1], [200, 1]] as const) {
    assertEquals(parseResponseHead(`Status: ${status}\nContent-Length: 3`).headers.length, kept, String(status));
  }
});

Deno.test("parseResponseHead drops the fields of a connection", () => {
  const text = "Connection: close\nTransfer-Encoding: chunked\nKeep-Alive: 1\nUpgrade: x\nTE: y\nTrailer: z\nA: b";
  assertEquals(parseResponseHead(text).headers, [["A", "b"]]);
});

Deno.test("parseResponseHead reads what encodeResponseHead writes", () => {
  const head = {
    status: 301,
    statusText: "Gone away",
    headers: [["location", "/"], ["set-cookie", "a"]] as [string, string][],
  };
  const { contentLength, omitted, ...read } = parseResponseHead(encodeResponseHead(head, { contentLength: 5 }));
  assertEquals([contentLength, omitted], [5, []]);
  assertEquals(read, { ...head, headers: [...head.headers, ["Content-Length", "5"]] });
});

Deno.test("findHeadEnd gives the index after the blank line, however the bytes come", () => {
  const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
  const heads = ["A: b\n\n", "A: b\r\n\r\n", "A: b\n\r\n", "A: b\r\n\n", "A: b\rc\nD: e\r\n\r\n", "\n", "\r\n"];
  for (const head of heads) {
    for (const body of ["", "\n\n", "body\r\n\r\n"]) {
      const about = JSON.stringify(head + body);
      const whole = bytes(head + body);
      assertEquals(findHeadEnd(whole), head.length, about);
      for (let searched = 0; searched < head.length; searched++) {
        assertEquals(findHeadEnd(whole.subarray(0, searched)), -1, about);
        assertEquals(findHeadEnd(whole, searched), head.length, `${about} from ${searched}`);
      }
    }
  }
  for (const text of ["", "\r", "A: b", "A: b\n", "A: b\r\n\r", "A: b\n\r", "A: b\r\r\n", "\r\r\n"]) {
    assertEquals(findHeadEnd(bytes(text)), -1, JSON.stringify(text));
  }
});
