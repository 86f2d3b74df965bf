import {
  AppStatusError,
  FastCgiError,
  LimitError,
  ProtocolError,
  RequestAbortedError,
  RequestRefusedError,
} from "@webfcgi/webfcgi";
import { assertEquals } from "./std/assert.ts";

Deno.test("FastCgiError is the request's fault unless it says that it is the upstream's", () => {
  const side = "upstream";
  const errors: [FastCgiError, string][] = [
    [new FastCgiError("ABORTED", "x"), "request"],
    [new ProtocolError("BAD_ORDER", "x"), "request"],
    [new ProtocolError("BAD_ORDER", "x", { side }), "upstream"],
    [new LimitError("maxBodyBytes", 1, "x"), "request"],
    [new LimitError("headTimeoutMs", 1, "x", { side }), "upstream"],
    [new RequestAbortedError("x"), "request"],
    [new RequestRefusedError(2, "x"), "upstream"],
    [new AppStatusError(1, "x"), "upstream"],
  ];
  for (const [error, expected] of errors) assertEquals([error.name, error.side], [error.name, expected]);
});

Deno.test("FastCgiError keeps its cause", () => {
  const cause = new Error("the cause");
  assertEquals(new ProtocolError("BAD_ORDER", "x", { cause, side: "upstream" }).cause, cause);
  assertEquals("cause" in new ProtocolError("BAD_ORDER", "x", { side: "upstream" }), false);
});
