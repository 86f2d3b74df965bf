import { assertEquals } from "../std/assert.ts";
import { Params } from "../../src/cgi/params.ts";
import { contentLength, requestHeader, requestHeaders } from "../../src/cgi/request_headers.ts";
import { Random } from "../protocol/random.ts";

function headers(...flat: string[]): string[] {
  return requestHeaders(new Params(flat));
}

Deno.test("requestHeaders names fields as HTTP does", () => {
  assertEquals(
    headers(
      "REQUEST_METHOD",
      "GET",
      "HTTP_HOST",
      "a.test",
      "HTTP_X_REQUEST_ID",
      "1",
      "HTTP_X_OWN_NAME",
      "2",
      "HTTPS",
      "on",
    ),
    ["host", "a.test", "x-request-id", "1", "x-own-name", "2"],
  );
});

Deno.test("requestHeaders takes the body's type and length from their own variables", () => {
  assertEquals(headers("CONTENT_TYPE", "text/plain", "CONTENT_LENGTH", "5"), [
    ...["content-type", "text/plain"],
    ...["content-length", "5"],
  ]);
  assertEquals(headers("CONTENT_TYPE", "", "CONTENT_LENGTH", ""), []);
  assertEquals(headers("CONTENT_LENGTH", "5, 5"), ["content-length", "5"]);
  for (const length of ["-1", "5, 6", "0x5", "5 ", "1e3", "99999999999999999999"]) {
    assertEquals(headers("CONTENT_LENGTH", length), [], length);
  }
});

Deno.test("requestHeaders believes no client that spoofs the body's length", () => {
  assertEquals(headers("HTTP_CONTENT_LENGTH", "99", "HTTP_CONTENT_TYPE", "x/y", "CONTENT_LENGTH", "5"), [
    "content-length",
    "5",
  ]);
  assertEquals(headers("HTTP_Content_Length", "99", "HTTP_CONTENT-LENGTH", "99", "HTTP_content_type", "a/b"), []);
});

Deno.test("requestHeaders keeps the other fields of the body", () => {
  assertEquals(headers("HTTP_CONTENT_ENCODING", "gzip", "HTTP_CONTENT_DISPOSITION", "x"), [
    ...["content-encoding", "gzip"],
    ...["content-disposition", "x"],
  ]);
});

Deno.test("requestHeaders drops what no handler may see", () => {
  const names = [
    "PROXY",
    "CONNECTION",
    "KEEP_ALIVE",
    "PROXY_CONNECTION",
    "TRANSFER_ENCODING",
    "TE",
    "TRAILER",
    "UPGRADE",
  ];
  for (const name of [...names, "EXPECT", "proxy", "Proxy", "TRANSFER-ENCODING", "Te"]) {
    assertEquals(headers("HTTP_" + name, "x"), [], name);
  }
});

Deno.test("requestHeaders skips names that are no tokens", () => {
  for (
    const name of ["HTTP_", "HTTP_A B", "HTTP_A:", "HTTP_A\r\n", "HTTP_\xc3\x89", "HTTP_A\0", "", "http_a", "XHTTP_A"]
  ) {
    assertEquals(headers(name, "x"), [], JSON.stringify(name));
  }
  assertEquals(headers("HTTP_X.DOT", "d", "HTTP_X!BANG", "b"), ["x.dot", "d", "x!bang", "b"], "Caddy, h2o");
});

Deno.test("requestHeaders gives each name once", () => {
  assertEquals(
    headers(
      ...["HTTP_ACCEPT", "a/b", "HTTP_COOKIE", "a=1", "HTTP_HOST", "a.test", "HTTP_X_DUP", "one"],
      ...["HTTP_COOKIE", "b=2", "HTTP_ACCEPT", "c/d", "HTTP_HOST", "b.test", "HTTP_X-DUP", "two"],
    ),
    ["accept", "a/b, c/d", "cookie", "a=1; b=2", "host", "b.test", "x-dup", "one, two"],
  );
});

Deno.test("requestHeaders finds Authorization where Apache put it", () => {
  assertEquals(headers("REDIRECT_HTTP_AUTHORIZATION", "Basic a"), ["authorization", "Basic a"]);
  assertEquals(headers("HTTP_AUTHORIZATION", "", "REDIRECT_HTTP_AUTHORIZATION", "Basic a"), [
    "authorization",
    "Basic a",
  ]);
  assertEquals(headers("HTTP_AUTHORIZATION", "Basic b", "REDIRECT_HTTP_AUTHORIZATION", "x"), [
    "authorization",
    "Basic b",
  ]);
  assertEquals(headers("HTTP_AUTHORIZATION", "", "REDIRECT_HTTP_AUTHORIZATION", ""), []);
});

Deno.test("requestHeaders gives values that a field can have", () => {
  assertEquals(headers("HTTP_X", " \t lead  trail \t"), ["x", "lead  trail"]);
  assertEquals(headers("HTTP_X", "", "HTTP_LATIN", "caf\xe9 \xc3\xa9"), ["x", "", "latin", "caf\xe9 \xc3\xa9"]);
  for (const value of ["a\0b", "a\rb", "a\nb", "a\r\nx: y", "\x01", "\x7f", "a\n"]) {
    assertEquals(headers("HTTP_X", value, "CONTENT_TYPE", value), [], JSON.stringify(value));
    assertEquals(headers("HTTP_X", "a", "HTTP_X", value), ["x", "a"], JSON.stringify(value));
  }
});

Deno.test("requestHeaders is what Headers takes as it is", () => {
  const flat = headers(
    "HTTP_X",
    " a\xff ",
    "HTTP_Y!~",
    "",
    "HTTP_COOKIE",
    "a",
    "HTTP_COOKIE",
    "b",
    "CONTENT_TYPE",
    "c/d",
  );
  const made = new Headers();
  for (let index = 0; index < flat.length; index += 2) made.append(flat[index] as string, flat[index + 1] as string);
  assertEquals([...made].flat().sort(), flat.sort());
});

Deno.test("requestHeaders answers at once when there are as many parameters as can be, or long gaps", () => {
  const many: string[] = [];
  for (let count = 0; count < 40_000; count++) many.push("HTTP_X" + count % 20_000, "");
  assertEquals(headers(...many).length, 40_000);
  assertEquals(headers("HTTP_X", "a" + " ".repeat(256 * 1024) + "b").length, 2);
});

Deno.test("requestHeader finds a field by its name in any case", () => {
  const params = new Params(["HTTP_USER_AGENT", "a", "CONTENT_TYPE", "b/c", "CONTENT_LENGTH", "5", "HTTP_X", ""]);
  for (const [name, value] of [["user-agent", "a"], ["content-type", "b/c"], ["content-length", "5"], ["x", ""]]) {
    const words = name!.split("-").map((word) => word[0]!.toUpperCase() + word.slice(1));
    for (const spelled of [name!, name!.toUpperCase(), words.join("-")]) {
      assertEquals(requestHeader(params, spelled), value, spelled);
    }
  }
});

Deno.test("requestHeader is null for a name that no field has, and undefined for one that none can have", () => {
  const params = new Params(["HTTP_USER_AGENT", "a", "HTTP_PROXY", "b", "HTTP_TE", "c", "HTTP_CONTENT_TYPE", "d"]);
  for (const name of ["user_agent", "HTTP_USER_AGENT", "agent", "proxy", "te", "content-type", "authorization"]) {
    assertEquals(requestHeader(params, name), null, name);
  }
  // The Kelvin sign's lower case is k.
  for (const name of ["", "a b", "user-agent ", "user-agent\n", "\u212aeep", "\xe9", "a:"]) {
    assertEquals(requestHeader(params, name), undefined, name);
  }
});

const fields = [
  "accept",
  "cookie",
  "host",
  "authorization",
  "content-type",
  "content-length",
  "x-a",
  "te",
  "proxy",
  "a",
];
const spellings: readonly ((field: string) => string)[] = [
  (field) => "HTTP_" + field.toUpperCase().replaceAll("-", "_"),
  (field) => "HTTP_" + field.toUpperCase(),
  (field) => "HTTP_" + field.replaceAll("-", "_"),
  (field) => "http_" + field,
  (field) => field.toUpperCase().replaceAll("-", "_"),
  (field) => "REDIRECT_HTTP_" + field.toUpperCase(),
];
const values = ["", " ", "1", "2, 2", "2, 3", " x\t", "a\0", "\xe9"];

Deno.test("requestHeader says of every field what requestHeaders says", () => {
  const random = new Random(20);
  for (let round = 0; round < 20_000; round++) {
    const flat: string[] = [];
    for (let count = random.below(8); count > 0; count--) {
      flat.push(random.pick(spellings)(random.pick(fields)), random.once(9) ? random.latin1(3) : random.pick(values));
    }
    const params = new Params(flat);
    const list = requestHeaders(params);
    for (const field of fields) {
      const at = list.findIndex((text, index) => index % 2 === 0 && text === field);
      const expected = at < 0 ? null : list[at + 1];
      assertEquals(requestHeader(params, random.pick([field, field.toUpperCase()])), expected, JSON.stringify(flat));
    }
  }
});

Deno.test("contentLength is a number when CONTENT_LENGTH is digits", () => {
  const length = (value: string) => contentLength(new Params(["CONTENT_LENGTH", value]));
  assertEquals(["0", "5", "007", "9007199254740991"].map(length), [0, 5, 7, 9007199254740991]);
  for (const value of ["", "-1", "+1", " 1", "1 ", "1.5", "1e3", "0x1", "x", "9007199254740992"]) {
    assertEquals(length(value), undefined, value);
  }
  assertEquals(contentLength(new Params([])), undefined);
  assertEquals(contentLength(new Params(["HTTP_CONTENT_LENGTH", "5"])), undefined);
});
