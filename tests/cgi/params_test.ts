import { assertEquals, assertThrows } from "../std/assert.ts";
import { mergeValues, Params, SINGLE_VALUED } from "../../src/cgi/params.ts";
import { requestHeaders } from "../../src/cgi/request_headers.ts";
import { decodeLatin1 } from "../../src/protocol/latin1.ts";
import { encodePairs, findPairs } from "../../src/protocol/name_value.ts";
import { Random } from "../protocol/random.ts";

const nginx = [
  ...["SCRIPT_NAME", "/path", "HTTP_ACCEPT", "a/b", "HTTP_COOKIE", "a=1", "HTTP_HOST", "a.test", "EMPTY", ""],
  ...["SCRIPT_NAME", "", "HTTP_ACCEPT", "c/d", "HTTP_COOKIE", "b=2", "HTTP_HOST", "b.test", "HTTP_ACCEPT", "e/f"],
];

Deno.test("Params.get gives the last value of a CGI variable when it came twice", () => {
  assertEquals(new Params(nginx).get("SCRIPT_NAME"), "");
  assertEquals(new Params(["CONTENT_LENGTH", "5", "CONTENT_LENGTH", "7"]).get("CONTENT_LENGTH"), "7");
});

Deno.test("Params.get joins header fields when they came more than once", () => {
  assertEquals(new Params(nginx).get("HTTP_ACCEPT"), "a/b, c/d, e/f");
  assertEquals(new Params(nginx).get("HTTP_COOKIE"), "a=1; b=2");
});

Deno.test("Params.get gives the last value of a field when the field has one", () => {
  assertEquals(new Params(nginx).get("HTTP_HOST"), "b.test");
  for (const name of SINGLE_VALUED) assertEquals(new Params([name, "a", name, "b"]).get(name), "b", name);
});

Deno.test("Params.get tells an empty value from a missing name", () => {
  const params = new Params(nginx);
  assertEquals(params.get("EMPTY"), "");
  assertEquals(params.get("MISSING"), undefined);
  assertEquals(params.get("a.test"), undefined, "a value is no name");
  assertEquals(new Params([]).get("MISSING"), undefined);
});

Deno.test("Params.get finds what every request is asked for as it finds any other name", () => {
  const usual = ["REQUEST_METHOD", "CONTENT_LENGTH", "REQUEST_URI", "REQUEST_SCHEME", "HTTPS", "HTTP_HOST"];
  // As long, with the same last char, or the same but for bits that are left out of account.
  const alike = [
    "REQUEST_MeTHOD",
    "XONTENT_LENGTH",
    "_EQUEST_URI",
    "REQUEST\xdfSCHEME",
    "hTTPS",
    "XTTP_HOS\xd4",
    "",
    "S",
  ];
  const random = new Random(3);
  for (let count = 0; count < 500; count++) {
    const flat: string[] = [];
    for (let pair = random.below(12); pair > 0; pair--) {
      const names = random.once(2) ? usual : alike;
      flat.push(names[random.below(names.length)]!, `value ${pair}`);
    }
    const params = new Params(flat);
    for (const name of [...usual, ...alike]) {
      const at = flat.findLastIndex((text, index) => index % 2 === 0 && text === name);
      assertEquals(params.get(name), flat[at + 1 || -1], `${name} of ${flat}`);
      assertEquals(params.has(name), at >= 0);
    }
  }
});

Deno.test("Params.has finds names only", () => {
  const params = new Params(nginx);
  assertEquals(["SCRIPT_NAME", "EMPTY", "MISSING", "a.test"].map((name) => params.has(name)), [
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("Params gives the pairs in wire order when iterated", () => {
  const params = new Params(nginx);
  assertEquals([...params].flat(), nginx);
  const seen: string[] = [];
  params.forEach((value, name) => seen.push(name, value));
  assertEquals(seen, nginx);
  assertEquals(params.size, 10);
});

Deno.test("Params.toObject has the merged value of every name and no prototype", () => {
  const object = new Params([...nginx, "__proto__", "x", "constructor", "y"]).toObject();
  assertEquals(Object.getPrototypeOf(object), null);
  assertEquals(Object.entries(object), [
    ["SCRIPT_NAME", ""],
    ["HTTP_ACCEPT", "a/b, c/d, e/f"],
    ["HTTP_COOKIE", "a=1; b=2"],
    ["HTTP_HOST", "b.test"],
    ["EMPTY", ""],
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
  for (const [name, value] of Object.entries(object)) assertEquals(new Params(nginx).get(name) ?? value, value, name);
});

Deno.test("Params takes no part of a value for a name", () => {
  const params = new Params(["HTTP", "_A", "A", "", "", "HTTP_B", "AB", "C", "HTTP_", "d"]);
  assertEquals(["HTTP_A", "HTTP", "A", "", "ABC", "AB", "B", "HTTP_B"].map((name) => params.get(name)), [
    undefined,
    "_A",
    "",
    "HTTP_B",
    undefined,
    "C",
    undefined,
    undefined,
  ]);
  const seen: string[] = [];
  params.forEach((value, name) => seen.push(name, value), "HTTP_");
  assertEquals(seen, ["HTTP_", "d"]);
  assertEquals(requestHeaders(params), []);
});

Deno.test("Params.of reads what findPairs has found as it was sent", () => {
  const random = new Random(5);
  for (let count = 0; count < 300; count++) {
    const flat = Array.from({ length: 2 * random.below(12) }, () => decodeLatin1(random.bytes(random.length())));
    const params = Params.fromOffsets(findPairs(encodePairs(flat)));
    assertEquals(params.size, flat.length / 2);
    assertEquals([...params].flat(), flat);
    const same = new Params(flat);
    for (const [name] of same) assertEquals([params.get(name), params.has(name)], [same.get(name), true]);
    assertEquals(params.toObject(), same.toObject());
  }
});

Deno.test("findPairs leaves what it has found alone when it is called again", () => {
  const first = findPairs(encodePairs(["A", "b", "C", "d"]));
  findPairs(encodePairs(Array.from({ length: 3000 }, () => "xyz")));
  findPairs(encodePairs(["E", ""]));
  assertEquals([...Params.fromOffsets(first)], [["A", "b"], ["C", "d"]]);
});

Deno.test("Params throws when a name has no value", () => {
  assertThrows(() => new Params(["A", "b", "C"]), TypeError, "the list has 3 strings");
});

Deno.test("mergeValues follows the name", () => {
  assertEquals(mergeValues("REMOTE_USER", "a", "b"), "b");
  assertEquals(mergeValues("HTTP_X_DUP", "a", "b"), "a, b");
  assertEquals(mergeValues("HTTP_X_DUP", "a", ""), "a");
  assertEquals(mergeValues("HTTP_X_DUP", "", "b"), "b");
  assertEquals(new Params(["HTTP_X", "a", "HTTP_X", "", "HTTP_X", "b"]).get("HTTP_X"), "a, b");
});
