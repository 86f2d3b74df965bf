import { assert, assertEquals } from "../std/assert.ts";
import { Params } from "../../src/cgi/params.ts";
import { decodePath, readPath as readPathOf } from "../../src/cgi/request_path.ts";
import { Random } from "../protocol/random.ts";
import { checkOneReading, oddPath, pathsPastAdmin } from "./server_reading.ts";

function readPath(path: string, variables: string[] = []): string | undefined {
  return readPathOf(path, new Params(variables));
}

Deno.test("readPath refuses a path of which web servers and the URL standard make different ones", () => {
  for (
    const path of [
      "/admin//../secret",
      "/admin/users//..//../list",
      "/admin//%2e%2e/secret",
      "/a%2fb/../admin/secret",
      "/admin/a%2Fb//../../x",
      "/admin/..%2fpublic",
      "/admin/..%2Fpublic",
      "/public/%2e.%2fadmin/x",
      "/public%2f../x",
      "/a%2f.",
      "/public\\..\\admin/secret",
      "/admin/\\../public",
      "/admin/%5C../public",
      "/admin/..\\public",
      "/a/./b%2fc",
    ]
  ) {
    assertEquals(readPath(path), undefined, path);
  }
});

Deno.test("readPath removes dot segments when all agree on what is left", () => {
  const paths = {
    "/a/./b/../c": "/a/c",
    "/a/%2e%2E/b/.%2e/..": "/",
    "/../x": "/x",
    "/a/..": "/",
    "/a/b/.": "/a/b/",
    "/.//x": "//x",
    "/a//b/./c": "/a//b/c",
    "/a//b/../c": "/a//c",
    "/x:/../y": "/y",
    "/a/x|/../../y": "/y",
  };
  for (const [path, expected] of Object.entries(paths)) assertEquals(readPath(path), expected, path);
});

Deno.test("readPath refuses dot segments that the web server has left in its own variables", () => {
  for (const path of ["/public/../admin/x", "/./admin/x", "/public/%2e%2e/admin/x"]) {
    const read = path.replaceAll("%2e", ".");
    assertEquals(readPath(path, ["PATH_INFO", read]), undefined, "HAProxy");
    assertEquals(readPath(path, ["SCRIPT_NAME", read]), undefined, "HAProxy without path-info");
    assertEquals(readPath(path, ["SCRIPT_NAME", "/admin/x"]), "/admin/x", "nginx");
  }
});

Deno.test("readPath leaves alone what only looks like a dot segment", () => {
  for (
    const path of [
      "/.well-known/x",
      "/a.b/..c",
      "/...",
      "/..;/x",
      "/.%2ex",
      "/%252e%252e/x",
      "/%c0%ae%c0%ae/x",
      "/a//b///c",
      "/a%2Fb%2f.x",
      "/%2fx",
      "/x:/y|",
      "/%zz%",
      "/a%5Cb",
    ]
  ) {
    assertEquals(readPath(path), path, path);
  }
});

Deno.test("readPath encodes what a URL has encoded, and the backslash", () => {
  assertEquals(readPath("/\\a\\b"), "/%5Ca%5Cb");
  assertEquals(readPath('/<">`{}^ \0\x7f\xff'), "/%3C%22%3E%60%7B%7D%5E%20%00%7F%FF");
});

Deno.test("decodePath decodes each segment and leaves %2F", () => {
  assertEquals(decodePath("/a%20b/%C3%A9%2fc%2F/%252f%5c"), "/a b/\xc3\xa9%2Fc%2F/%2f\\");
});

Deno.test("a target is read as nginx and Apache read it, or refused, when it leads past a denied folder", () => {
  for (const path of pathsPastAdmin) {
    checkOneReading(path, "/fcgi");
    checkOneReading(`/fcgi${path}`, "/fcgi");
  }
});

Deno.test("a target is read as nginx and Apache read it, or refused, whatever it is made of", () => {
  const random = new Random(11);
  let answered = 0;
  for (let round = 0; round < 2_000; round++) {
    if (checkOneReading(oddPath(random, random.pick(["", "/fcgi", "//fcgi"])), "/fcgi")) answered++;
  }
  assert(answered > 700, `only ${answered} were answered`);
});
