import { assert, assertEquals } from "../std/assert.ts";
import { Params } from "../../src/cgi/params.ts";
import { isHostAndPort, originForm, requestTarget, requestUrl } from "../../src/cgi/request_url.ts";

function params(record: Record<string, string>): Params {
  return new Params(Object.entries(record).flat());
}

/** The URL of a request for a target at a host. */
function url(target: string, host = "a.test", more: Record<string, string> = {}): string | undefined {
  return requestUrl(params({ REQUEST_URI: target, HTTP_HOST: host, ...more }));
}

Deno.test("requestTarget is REQUEST_URI as it came when there is one", () => {
  assertEquals(requestTarget(params({ REQUEST_URI: "//a b\xff#c", SCRIPT_NAME: "/x" })), "//a b\xff#c");
});

Deno.test("requestTarget is made of the other variables when there is no REQUEST_URI", () => {
  const target = (SCRIPT_NAME: string, PATH_INFO: string, QUERY_STRING = "") =>
    requestTarget(params({ SCRIPT_NAME, PATH_INFO, QUERY_STRING }));
  assertEquals(target("/fcgi", "/a b?c#d%\xff", "q=%20"), "/fcgi/a%20b%3Fc%23d%25%FF?q=%20");
  assertEquals(target("/fcgi", "/;v=1,a+b&c=@:!$'()*~-._"), "/fcgi/;v=1,a+b&c=@:!$'()*~-._");
  assertEquals(target("", "/\\evil\0"), "/%5Cevil%00");
  assertEquals(target("", "//evil"), "//evil");
  assertEquals(target("", ""), "/");
  assertEquals(target("", "x"), "/x");
  assertEquals(requestTarget(params({ REQUEST_URI: "", PATH_INFO: "/a" })), "/a");
  assertEquals(requestTarget(new Params([])), "/");
});

Deno.test("originForm has the path and query only", () => {
  const targets = [
    "/a?b",
    "/a?b#c",
    "#",
    "*",
    "host:80",
    "http://h",
    "HTTPS://h/a",
    "http://h?q",
    "http://h\\e",
    "//h/a",
  ];
  assertEquals(targets.map(originForm), ["/a?b", "/a?b", "/", "/", "/", "/", "/a", "/?q", "/", "//h/a"]);
});

Deno.test("requestUrl keeps the target as the client wrote it", () => {
  const kept = ["/", "/a%2Fb", "/a//b///c", "//evil/x", "/a;v=1/b;w=2?q=1;r=2", "/a+b,c=d&e:f@g!$'()*~", "/100%25/%zz"];
  for (const target of [...kept, "/?", "/q?a=1?b=2", "/.well-known/x", "/a.b/..c", "/x?/../y", "/[1]|2"]) {
    assertEquals(url(target), "http://a.test" + target);
  }
});

Deno.test("requestUrl encodes bytes that no URL has when a client sent them raw", () => {
  assertEquals(url("/caf\xc3\xa9?\xff"), "http://a.test/caf%C3%A9?%FF");
  assertEquals(url("/\t\n\r\0\x7f?\t\n\r\0\x7f"), "http://a.test/%09%0A%0D%00%7F?%09%0A%0D%00%7F");
  assertEquals(url("/ a ? b "), "http://a.test/%20a%20?%20b%20");
  assertEquals(url('/<">`{}^?<">`{}^\''), "http://a.test/%3C%22%3E%60%7B%7D%5E?%3C%22%3E`{}^%27");
});

Deno.test("requestUrl removes dot segments as the URL standard does", () => {
  assertEquals(url("/a/./b/../c"), "http://a.test/a/c");
  assertEquals(url("/a/%2e%2E/b/.%2e/.."), "http://a.test/");
  assertEquals(url("/../x"), "http://a.test/x");
});

Deno.test("requestUrl is undefined when the path can be read in two ways", () => {
  for (const target of ["/admin//../secret", "/admin/..%2fpublic?q", "/a%2f../x", "http://a.test/admin//../secret"]) {
    assertEquals(url(target), undefined, target);
  }
  assertEquals(requestUrl(params({ SCRIPT_NAME: "/admin/", PATH_INFO: "/../secret" })), undefined);
});

Deno.test("requestUrl has no fragment when the target has one", () => {
  assertEquals(url("/a#b?c"), "http://a.test/a");
});

Deno.test("requestUrl never takes the host from a path", () => {
  for (
    const target of [
      "//evil",
      "///evil",
      "/\\evil",
      "\\\\evil",
      "/\t/evil",
      "/\n//evil",
      "//evil@x:1/",
      "/@evil",
      "/.//evil",
    ]
  ) {
    const found = url(target);
    assert(found === undefined || new URL(found).host === "a.test", target);
  }
  assertEquals(url("/\\evil"), "http://a.test/%5Cevil");
  assertEquals(url("/.//evil"), "http://a.test//evil");
});

Deno.test("requestUrl takes the authority of an absolute target", () => {
  assertEquals(url("http://abs.test:99/abs?q=1"), "http://abs.test:99/abs?q=1");
  assertEquals(url("HTTP://ABS.test"), "http://abs.test/");
  assertEquals(url("http://abs.test?q"), "http://abs.test/?q");
  assertEquals(url("https://abs.test:443/", "a.test", { HTTPS: "on" }), "https://abs.test/");
});

Deno.test("requestUrl is undefined when an absolute target has a bad authority, or the target is none", () => {
  const bad = [
    "http://a.test\\@evil/",
    "http://a.test\\/",
    "http://user@host/",
    "http:///x",
    "http://a b/",
    "http://h:99999/",
    "http://[::1/",
    "http://1.2.3.400/",
  ];
  for (
    const target of [
      ...bad,
      "ftp://h/",
      "h:80",
      "evil",
      "?q",
      "xhttp://h/",
      "?http://h/",
      "http:/h",
      "javascript:1",
      "**",
      " /",
      "http://@",
    ]
  ) {
    assertEquals(url(target), undefined, target);
  }
});

Deno.test("requestUrl is of the root when the target is *", () => {
  assertEquals(url("*"), "http://a.test/");
});

Deno.test("requestUrl has https when the web server says so", () => {
  const scheme = (more: Record<string, string>) => url("/", "a.test", more)?.split(":")[0];
  for (const HTTPS of ["on", "ON", "1"]) assertEquals(scheme({ HTTPS }), "https", HTTPS);
  for (const HTTPS of ["off", "", "0", "yes"]) assertEquals(scheme({ HTTPS }), "http", HTTPS);
  assertEquals(scheme({ REQUEST_SCHEME: "HTTPS" }), "https");
  assertEquals(scheme({ REQUEST_SCHEME: "http", HTTPS: "on" }), "https");
  assertEquals(scheme({ HTTP_X_FORWARDED_PROTO: "https" }), "http");
});

Deno.test("requestUrl writes Host as the URL standard does", () => {
  const hosts = {
    "LocalHost:8080": "localhost:8080",
    "a.test:80": "a.test",
    "a.test:443": "a.test:443",
    "a.test:": "a.test",
    "a.test:08080": "a.test:8080",
    "a.test:65535": "a.test:65535",
    "a.test.": "a.test.",
    "127.0.0.1": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "127.0.0.01:81": "127.0.0.1:81",
    "[::1]:8080": "[::1]:8080",
    "[0:0:0::1]": "[::1]",
    "xn--mnchen-3ya.de": "xn--mnchen-3ya.de",
    "a_b-c.test:59999": "a_b-c.test:59999",
  };
  for (const [host, expected] of Object.entries(hosts)) assertEquals(url("/x", host), `http://${expected}/x`);
  assertEquals(url("/x", "a.test:443", { HTTPS: "on" }), "https://a.test/x");
  assertEquals(url("/x", "a.test:80", { HTTPS: "on" }), "https://a.test:80/x");
});

Deno.test("requestUrl is undefined when Host is not host[:port] and nothing else", () => {
  const bad = [
    "evil.test/x?y#",
    "user@h",
    "user:pass@h",
    "a b",
    " a",
    "a\\b",
    "a?b",
    "a#b",
    "a/",
    "h:1:2",
    "h:x",
    "h:99999",
  ];
  for (
    const host of [...bad, "[::1", "[::g]", "::1", "[1:2]", "a\0b", "a\tb", "a,b c", "\xe9", "%61", "<a>", "@", ":80"]
  ) {
    assertEquals(url("/", host), undefined, JSON.stringify(host));
  }
  assertEquals(url("/", "1.2.3.256"), undefined);
});

Deno.test("requestUrl falls back to the server's own name when there is no Host", () => {
  const own = (more: Record<string, string>) => requestUrl(params({ REQUEST_URI: "/x", ...more }));
  assertEquals(own({ HTTP_HOST: "", SERVER_NAME: "s.test", SERVER_PORT: "8080" }), "http://s.test:8080/x");
  assertEquals(own({ SERVER_NAME: "s.test:8080", SERVER_PORT: "80" }), "http://s.test/x", "HAProxy");
  assertEquals(own({ SERVER_NAME: "::1", SERVER_PORT: "81" }), "http://[::1]:81/x", "Caddy");
  assertEquals(own({ SERVER_NAME: "2001:db8:1:2::3" }), "http://[2001:db8:1:2::3]/x", "Caddy");
  assertEquals(own({ SERVER_NAME: "[::1]", SERVER_PORT: "443", HTTPS: "on" }), "https://[::1]/x", "Apache");
  assertEquals(own({ SERVER_NAME: "", SERVER_ADDR: "10.0.0.1" }), "http://10.0.0.1/x");
  assertEquals(own({ SERVER_NAME: "_", SERVER_ADDR: "fe80::1" }), "http://[fe80::1]/x", "nginx");
  assertEquals(own({ SERVER_NAME: "*.a.test", SERVER_ADDR: "10.0.0.1" }), "http://10.0.0.1/x", "nginx");
  assertEquals(own({ SERVER_NAME: "~^www", SERVER_ADDR: "unix:/run/x" }), "http://localhost/x", "nginx");
  assertEquals(own({ SERVER_NAME: "1.2.3.256", SERVER_ADDR: "unix:" }), "http://localhost/x");
  assertEquals(own({ SERVER_NAME: "_", SERVER_PORT: "8080" }), "http://localhost:8080/x");
  assertEquals(own({}), "http://localhost/x");
  for (const SERVER_PORT of ["", "x", "0", "65536", "123456", "80.5", "81 "]) {
    assertEquals(own({ SERVER_NAME: "s.test", SERVER_PORT }), "http://s.test/x", SERVER_PORT);
  }
  assertEquals(requestUrl(params({ REQUEST_URI: "*", SERVER_NAME: "s.test" })), "http://s.test/");
  assertEquals(requestUrl(params({ REQUEST_URI: "http://abs.test/x", SERVER_NAME: "s.test" })), "http://abs.test/x");
});

/** A generator of 32-bit numbers (mulberry32): the same inputs in every run. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = seed + 0x6d2b79f5 | 0;
    let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) % below;
  };
}

Deno.test("requestUrl takes a Host for absent when it is a pattern, as nginx's server_name may be", () => {
  const at = (host: string, more = {}) => url("/x", host, { SERVER_NAME: host, SERVER_PORT: "8080", ...more });
  for (const host of ["_", "~^www\\d+\\.(?<rest>.+)$", "~a@b/c?d#e", "*.a.test", ".a.test", "www.a.*", "_:80"]) {
    assertEquals(at(host), "http://localhost:8080/x", host);
    assertEquals(at(host, { SERVER_ADDR: "10.0.0.1" }), "http://10.0.0.1:8080/x", host);
    assertEquals(at(host, { SERVER_NAME: "a.test" }), "http://a.test:8080/x", host);
  }
  assertEquals(at("_dmarc.a.test"), "http://_dmarc.a.test/x");
  for (const host of ["evil/x?y#", "a@b", "a b"]) assertEquals(at(host), undefined, host);
});

Deno.test("requestUrl gives what the URL parser leaves as it is, whatever the Host and target", () => {
  const below = random(1);
  const hostParts = [
    ..."abz09.-_:@/\\[]x~!%#? \0\xe9",
    "xn--",
    "127.",
    "0x",
    "256",
    "::",
    "localhost",
    "80",
    "443",
    "..",
  ];
  const pathParts = [
    ..."ab/.?#%;+\\^{}|'\"<>`[]~@: \t\n\r\0\x7f\x80\xff",
    "//",
    "/.",
    "/..",
    "%2e",
    "%2F",
    "&a=",
    "http://h",
  ];
  const pick = (parts: string[], most: number): string => {
    let text = "";
    for (let left = below(most); left > 0; left--) text += parts[below(parts.length)];
    return text;
  };
  let answered = 0;
  for (let round = 0; round < 30_000; round++) {
    const host = pick(hostParts, 6);
    const target = "/" + pick(pathParts, 12);
    const found = url(target, host, below(2) === 0 ? {} : { HTTPS: "on" });
    if (found === undefined) continue;
    answered++;
    const parsed = new URL(found);
    const about = JSON.stringify([host, target, found]);
    assertEquals(parsed.href, found, about);
    assertEquals(parsed.username + parsed.password + parsed.hash, "", about);
    // The host is what it is with no target at all, so no target can change it.
    assertEquals(url("/", host, { HTTPS: parsed.protocol === "https:" ? "on" : "" }), parsed.origin + "/", about);
  }
  assert(answered > 5_000, `only ${answered} were URLs`);
});

Deno.test("requestUrl answers at once when a target or Host is as long as parameters may be", () => {
  const size = 256 * 1024;
  for (const part of ["/", "/.", "/a", "/%2e", "a", "?", "%", "\xff"]) {
    const found = url("/" + part.repeat(size / part.length));
    assert(found !== undefined && found.startsWith("http://a.test/"), part);
  }
  for (const part of ["a.", "a", "1.", ":", "[", "-"]) {
    const found = url("/", part.repeat(size / part.length) + " ");
    assertEquals(found, undefined, part);
  }
});

Deno.test("isHostAndPort tells a Host from what would make another URL", () => {
  for (const field of ["a.test", "a.test:80", "a.test:", "192.0.2.1:8080", "[::1]", "[::1]:9000"]) {
    assertEquals(isHostAndPort(field), true, field);
  }
  for (
    const field of ["", "a.test/x", "user@a.test", "a.test:80:80", "a.test:x", "::1", "a b", "a.test?x", "a.test#x"]
  ) {
    assertEquals(isHostAndPort(field), false, field);
  }
});
