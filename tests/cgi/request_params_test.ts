import { assertEquals, assertThrows } from "../std/assert.ts";
import { findMount } from "../../src/cgi/mount.ts";
import { Params } from "../../src/cgi/params.ts";
import { requestHeaders } from "../../src/cgi/request_headers.ts";
import { type CgiVariables, requestParams } from "../../src/cgi/request_params.ts";
import { requestUrl } from "../../src/cgi/request_url.ts";

function made(url: string, headers: [string, string][] = [], site?: CgiVariables, method = "GET"): Params {
  return new Params(requestParams({ method, url, headers }, site));
}

Deno.test("requestParams sends what nginx sends when nothing is known of the site", () => {
  assertEquals({
    ...made("http://a.test:8080/caf%C3%A9/x?a=%20#f", [["accept", "*/*"]], undefined, "PROPFIND").toObject(),
  }, {
    QUERY_STRING: "a=%20",
    REQUEST_METHOD: "PROPFIND",
    CONTENT_TYPE: "",
    CONTENT_LENGTH: "",
    SCRIPT_NAME: "",
    PATH_INFO: "/caf\xc3\xa9/x",
    REQUEST_URI: "/caf%C3%A9/x?a=%20",
    DOCUMENT_URI: "/caf\xc3\xa9/x",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_SCHEME: "http",
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "webfcgi",
    SERVER_PORT: "8080",
    SERVER_NAME: "a.test",
    REDIRECT_STATUS: "200",
    HTTP_HOST: "a.test:8080",
    HTTP_ACCEPT: "*/*",
  });
});

Deno.test("requestParams sends what the site says", () => {
  const site: CgiVariables = {
    scriptName: "/f\u00e9",
    pathInfo: "/\u20ac",
    documentRoot: "/srv/\u00e9",
    scriptFilename: "/srv/index.php",
    serverName: "s.test",
    serverPort: 81,
    serverAddr: "10.0.0.1",
    remoteAddr: "::1",
    remotePort: 4711,
    serverSoftware: "own/1",
    serverProtocol: "HTTP/2.0",
    https: true,
    params: { APP_ENV: "\u00e9", HTTPS: "1", HTTP_X_OWN: "site", CONTENT_TYPE: "a/b" },
  };
  const flat = requestParams({
    method: "GET",
    url: "http://h/",
    headers: [["x-own", "client"], ["content-type", "c/d"]],
  }, site);
  assertEquals({ ...new Params(flat).toObject() }, {
    QUERY_STRING: "",
    REQUEST_METHOD: "GET",
    CONTENT_LENGTH: "",
    SCRIPT_FILENAME: "/srv/index.php",
    SCRIPT_NAME: "/f\xc3\xa9",
    PATH_INFO: "/\xe2\x82\xac",
    PATH_TRANSLATED: "/srv/\xc3\xa9/\xe2\x82\xac",
    REQUEST_URI: "/",
    DOCUMENT_URI: "/f\xc3\xa9/\xe2\x82\xac",
    DOCUMENT_ROOT: "/srv/\xc3\xa9",
    SERVER_PROTOCOL: "HTTP/2.0",
    REQUEST_SCHEME: "https",
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "own/1",
    REMOTE_ADDR: "::1",
    REMOTE_PORT: "4711",
    SERVER_ADDR: "10.0.0.1",
    SERVER_PORT: "81",
    SERVER_NAME: "s.test",
    REDIRECT_STATUS: "200",
    APP_ENV: "\xc3\xa9",
    HTTPS: "1",
    HTTP_X_OWN: "site",
    CONTENT_TYPE: "a/b",
    HTTP_HOST: "h",
  });
  assertEquals(new Set(flat.filter((_, index) => index % 2 === 0)).size, flat.length / 2, "each name once");
});

Deno.test("requestParams takes scheme and port from the URL when the site does not say", () => {
  const https = made("https://a.test/");
  assertEquals(["HTTPS", "REQUEST_SCHEME", "SERVER_PORT"].map((name) => https.get(name)), ["on", "https", "443"]);
  assertEquals(made("http://a.test/").get("SERVER_PORT"), "80");
  assertEquals(made("https://a.test/", [], { https: false }).has("HTTPS"), false);
});

Deno.test("requestParams gives the body's fields their own variables", () => {
  const params = made("http://h/", [["Content-Type", "caf\xe9/x"], ["content-length", "5"], [
    "content-encoding",
    "gzip",
  ]]);
  assertEquals(params.get("CONTENT_TYPE"), "caf\xe9/x");
  assertEquals(params.get("CONTENT_LENGTH"), "5");
  assertEquals(params.get("HTTP_CONTENT_ENCODING"), "gzip");
  assertEquals(params.has("HTTP_CONTENT_TYPE") || params.has("HTTP_CONTENT_LENGTH"), false);
});

Deno.test("requestParams sends the Host field when there is one, else the URL's", () => {
  assertEquals(made("http://h:81/", [["host", "b.test:82"]]).get("HTTP_HOST"), "b.test:82");
  const names = [...made("http://h:81/", [["host", "b.test:82"], ["x-2", "y"]])].map(([name]) => name);
  assertEquals(names.filter((name) => name.startsWith("HTTP_")), ["HTTP_HOST", "HTTP_X_2"]);
  assertEquals(made("http://h:81/").get("HTTP_HOST"), "h:81");
  assertEquals(
    made("http://h:81/", [["host", "b.test"]], { params: { HTTP_HOST: "c.test" } }).get("HTTP_HOST"),
    "c.test",
  );
});

Deno.test("requestParams sends no Proxy, no field of the connection, and none that passes for another", () => {
  const names = [
    "Proxy",
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
  ];
  const plain = [...made("http://h/")].length;
  for (const name of [...names, "X_Under", "content_length", "x.dot", "a b", "\xe9", ""]) {
    assertEquals([...made("http://h/", [[name, "x"]])].length, plain, name);
  }
  for (const value of ["a\r\nb", "a\0", "\u20ac"]) assertEquals(made("http://h/", [["x", value]]).has("HTTP_X"), false);
});

Deno.test("requestParams splits the path after the script's name", () => {
  const pathInfo = (path: string, scriptName: string) => made("http://h" + path, [], { scriptName }).get("PATH_INFO");
  assertEquals(pathInfo("/fcgi/a%2Fb", "/fcgi"), "/a/b");
  assertEquals(pathInfo("/fcgi", "/fcgi"), "");
  assertEquals(pathInfo("/fcgix", "/fcgi"), "");
  assertEquals(pathInfo("/other", "/index.php"), "");
  assertEquals(pathInfo("/%ff", ""), "/\xff", "bytes that are not UTF-8 stay");
});

Deno.test("requestParams derives SCRIPT_NAME from the script's file when none is given", () => {
  const split = (path: string, site: CgiVariables) => {
    const params = made("http://h" + path, [], site);
    return ["SCRIPT_NAME", "PATH_INFO", "PATH_TRANSLATED", "DOCUMENT_URI"].map((name) => params.get(name));
  };
  const root = { documentRoot: "/srv/\u00e9/" };
  const shop = { scriptFilename: "/srv/\u00e9/shop.php" };
  assertEquals(split("/shop.php", shop), ["/shop.php", "", undefined, "/shop.php"]);
  assertEquals(split("/shop.php/cart", shop), ["/shop.php", "/cart", undefined, "/shop.php/cart"]);
  assertEquals(split("/shop.php/cart", { ...root, ...shop }), [
    "/shop.php",
    "/cart",
    "/srv/\xc3\xa9/cart",
    "/shop.php/cart",
  ]);
  assertEquals(split("/a/b", { ...root, ...shop }), ["/shop.php", "", undefined, "/shop.php"], "a front controller");
  assertEquals(split("/a/b", shop), ["", "", undefined, ""]);
  assertEquals(split("/p.php", shop), ["", "", undefined, ""], "no part of a segment");
  assertEquals(split("/a/b", { ...shop, scriptName: "/a" }), ["/a", "/b", undefined, "/a/b"]);
  assertEquals(split("/x.jpg", root), ["", "/x.jpg", undefined, "/x.jpg"], "nothing that PHP would run");
});

Deno.test("requestParams takes a URL that has been parsed", () => {
  const url = new URL("https://a.test/x?y");
  const params = new Params(requestParams({ method: "GET", url, headers: [] }));
  assertEquals([params.get("REQUEST_URI"), params.get("SERVER_PORT")], ["/x?y", "443"]);
});

Deno.test("requestParams throws when the URL is not an absolute one of http or https", () => {
  for (const url of ["/a", "", "http://"]) assertThrows(() => made(url), TypeError);
  for (const url of ["mailto:x", "fcgi://h/"]) {
    assertThrows(() => made(url), TypeError, `URL ${url} is not one of http`);
  }
});

Deno.test("requestParams takes a Request and the other side reads the same request", () => {
  const urls = [
    "https://a.test/",
    "http://a.test:8080/a%2Fb//c;d?e=%C3%A9&f=?",
    "http://[::1]:81/caf%C3%A9?",
    "http://h//evil",
  ];
  for (const url of urls) {
    const request = new Request(url, {
      method: "POST",
      body: "x",
      headers: { "x-a": "1, 2", cookie: "a=1", "content-type": "a/b" },
    });
    const params = new Params(requestParams(request));
    assertEquals(requestUrl(params), url);
    const flat = requestHeaders(params);
    const host = flat.splice(flat.indexOf("host"), 2);
    assertEquals(host, ["host", new URL(url).host]);
    assertEquals(
      new Map(Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index], flat[2 * index + 1]])),
      new Map(request.headers),
    );
    assertEquals(findMount(params).scriptName, "");
  }
});
