import { assertEquals, assertThrows } from "../std/assert.ts";
import { allowsBody, encodeResponseHead, variableHeaders } from "../../src/cgi/response_head.ts";

function encode(status: number, headers: [string, string][] = [], statusText = "", contentLength?: number): string[] {
  const text = encodeResponseHead({ status, statusText, headers }, { contentLength });
  assertEquals(text.slice(-4), "\r\n\r\n");
  return text.slice(0, -4).split("\r\n");
}

Deno.test("encodeResponseHead writes fields, then Status, then a blank line", () => {
  const head = { status: 201, statusText: "Made", headers: [["location", "/x"], ["X-Own", "caf\xe9"]] as const };
  assertEquals(encodeResponseHead(head), "location: /x\r\nX-Own: caf\xe9\r\nStatus: 201 Made\r\n\r\n");
});

Deno.test("encodeResponseHead takes a Response", () => {
  const response = new Response("x", { status: 404, headers: { "content-type": "text/plain" } });
  response.headers.append("set-cookie", "a=1");
  response.headers.append("set-cookie", "b=2");
  assertEquals(encodeResponseHead(response, { contentLength: 1 }).split("\r\n").sort(), [
    "",
    "",
    "Content-Length: 1",
    "Status: 404 Not Found",
    "content-type: text/plain",
    "set-cookie: a=1",
    "set-cookie: b=2",
  ]);
});

Deno.test("encodeResponseHead always sends a reason", () => {
  assertEquals(encode(200), ["Status: 200 OK"]);
  assertEquals(encode(299), ["Status: 299 Success"]);
  assertEquals(encode(404, [], "Nicht da: \xe4\t~"), ["Status: 404 Nicht da: \xe4\t~"]);
  for (const text of ["a\r\nSet-Cookie: b", "a\n", "\r", "a\0", "\u20ac", " ", "\t", "\x7f"]) {
    assertEquals(encode(404, [], text), ["Status: 404 Not Found"], JSON.stringify(text));
  }
});

Deno.test("encodeResponseHead drops fields of the client's connection and a Status", () => {
  const names = [
    "Connection",
    "keep-alive",
    "Proxy-Connection",
    "Transfer-Encoding",
    "Upgrade",
    "Trailer",
    "TE",
    "Status",
  ];
  for (const name of names) assertEquals(encode(200, [[name, "1"], ["a", "b"]]), ["a: b", "Status: 200 OK"], name);
});

Deno.test("encodeResponseHead sends nothing that could end a field", () => {
  const values = ["a\r\nSet-Cookie: b", "a\rb", "a\nb", "a\0b", "\u20ac", "\u010a", "a\r\n\r\n<html>", "a\n"];
  for (const value of values) assertEquals(encode(200, [["x", value]]), ["Status: 200 OK"], JSON.stringify(value));
  for (const name of ["", "a b", "a:", "a\r\nb", "a\n", "\u20ac", "\xe9", "a\0", "Status:", " status"]) {
    assertEquals(encode(200, [[name, "x"]]), ["Status: 200 OK"], JSON.stringify(name));
  }
});

Deno.test("encodeResponseHead sets Content-Length when the head has none", () => {
  assertEquals(encode(200, [], "", 5), ["Content-Length: 5", "Status: 200 OK"]);
  assertEquals(encode(200, [], "", 0), ["Content-Length: 0", "Status: 200 OK"]);
  assertEquals(encode(200, [["content-length", "7"]], "", 5), ["Content-Length: 5", "Status: 200 OK"]);
  assertEquals(encode(200, [["Content-Length", "7"]]), ["Content-Length: 7", "Status: 200 OK"]);
  assertEquals(encode(200, [["content-length", "7"], ["content-length", "8"]]), [
    "content-length: 7",
    "Status: 200 OK",
  ]);
  assertEquals(encode(200, [["content-length", "7, 7"]]), ["content-length: 7", "Status: 200 OK"]);
  for (const bad of ["", "-1", "5, 6", "x"]) {
    assertEquals(encode(200, [["content-length", bad]], "", 5), ["Content-Length: 5", "Status: 200 OK"], bad);
  }
  assertEquals(encode(304, [["content-length", "7"]]), ["content-length: 7", "Status: 304 Not Modified"]);
});

Deno.test("encodeResponseHead sends no Content-Length when the web server sends a file instead of nothing", () => {
  for (const name of ["X-Accel-Redirect", "x-sendfile", "X-LIGHTTPD-send-file", "X-Reproxy-URL"]) {
    const file: [string, string][] = [["content-length", "7"], [name, "/f"]];
    assertEquals(encode(200, file, "", 0), [`${name}: /f`, "Status: 200 OK"]);
    assertEquals(encode(200, file, "", 5), [`${name}: /f`, "Content-Length: 5", "Status: 200 OK"]);
  }
});

Deno.test("encodeResponseHead sends no Content-Length when the status has no content", () => {
  assertEquals(encode(204, [["content-length", "0"]], "", 0), ["Status: 204 No Content"]);
  assertEquals(encode(205, [["content-length", "5"]], "", 5), ["Status: 205 Reset Content"]);
});

Deno.test("encodeResponseHead keeps nginx from buffering events unless the handler decides", () => {
  const no = "X-Accel-Buffering: no";
  for (const type of ["text/event-stream", "Text/Event-Stream; charset=utf-8", " text/event-stream ;x"]) {
    assertEquals(encode(200, [["content-type", type]]), [`content-type: ${type}`, no, "Status: 200 OK"], type);
  }
  for (const type of ["text/event-streams", "text/plain", "x text/event-stream"]) {
    assertEquals(encode(200, [["content-type", type]]), [`content-type: ${type}`, "Status: 200 OK"], type);
  }
  const pairs: [string, string][] = [["X-Accel-Buffering", "yes"], ["content-type", "text/event-stream"]];
  for (const headers of [pairs, pairs.toReversed()]) {
    assertEquals(encode(200, headers), [...headers.map((pair) => pair.join(": ")), "Status: 200 OK"]);
  }
});

Deno.test("encodeResponseHead throws when the status is no final one", () => {
  for (const status of [0, 100, 101, 103, 199, 600, 999, -200, 200.5, NaN]) {
    assertThrows(() => encode(status), RangeError, `status is ${status}`);
  }
  assertThrows(() => encodeResponseHead(Response.error()), RangeError, "status is 0");
  assertEquals(encode(599), ["Status: 599 Server Error"]);
});

Deno.test("allowsBody follows method and status", () => {
  assertEquals([200, 404, 204, 205, 304].map((status) => allowsBody(status, "GET")), [true, true, false, false, false]);
  assertEquals(allowsBody(200, "HEAD"), false);
  assertEquals(allowsBody(200, "head"), true, "another method");
});

Deno.test("variableHeaders prefixes the names", () => {
  assertEquals(variableHeaders({ REMOTE_USER: "a", EMPTY: "" }), [["Variable-REMOTE_USER", "a"], [
    "Variable-EMPTY",
    "",
  ]]);
  assertEquals(variableHeaders({}), []);
});

Deno.test("variableHeaders throws when a name or value cannot be sent", () => {
  for (const name of ["", "A B", "A:", "A\r\n", "\xc9"]) {
    assertThrows(
      () => variableHeaders({ [name]: "x" }),
      TypeError,
      `Cannot send variable ${JSON.stringify(name)}: its name`,
    );
  }
  for (const value of ["a\r\nb", "\0", "\u20ac"]) {
    assertThrows(
      () => variableHeaders({ A: value }),
      TypeError,
      `Cannot send variable A: its value ${JSON.stringify(value)}`,
    );
  }
});
