import { assertEquals, assertThrows } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import { answerGetValues } from "../../src/protocol/get_values.ts";
import { hex, latin1, pairs, text } from "../vectors/wire.ts";

const capabilities = { maxConnections: 1024, maxRequests: 7, multiplex: true };
const ask = (...texts: string[]): string => text(answerGetValues(latin1(pairs(...texts)), capabilities));

Deno.test("answerGetValues answers the names that are known", () => {
  assertEquals(
    answerGetValues(hex("0f 00 46 43 47 49 5f 4d 50 58 53 5f 43 4f 4e 4e 53"), capabilities),
    hex("0f 01 46 43 47 49 5f 4d 50 58 53 5f 43 4f 4e 4e 53 31"),
  );
  assertEquals(ask("FCGI_MAX_CONNS", ""), pairs("FCGI_MAX_CONNS", "1024"));
  assertEquals(ask("FCGI_MAX_REQS", ""), pairs("FCGI_MAX_REQS", "7"));
  assertEquals(
    text(answerGetValues(latin1(pairs("FCGI_MPXS_CONNS", "")), { ...capabilities, multiplex: false })),
    pairs("FCGI_MPXS_CONNS", "0"),
  );
});

Deno.test("answerGetValues answers a name once when it is asked twice, and even with a value", () => {
  assertEquals(
    ask("FCGI_MPXS_CONNS", "x", "FCGI_MAX_REQS", "", "FCGI_MPXS_CONNS", ""),
    pairs("FCGI_MPXS_CONNS", "1", "FCGI_MAX_REQS", "7"),
  );
});

Deno.test("answerGetValues leaves names out when they are unknown", () => {
  assertEquals(ask(), "");
  assertEquals(ask("FCGI_OTHER", "", "fcgi_max_reqs", "", "", "FCGI_MAX_REQS"), "");
});

Deno.test("answerGetValues answers other names only when they are asked for", () => {
  const asked: string[] = [];
  const extraValue = (name: string): string | undefined => {
    asked.push(name);
    return name === "OWN" ? "value" : undefined;
  };
  const answer = answerGetValues(latin1(pairs("FCGI_MAX_REQS", "", "OWN", "", "OTHER", "")), {
    ...capabilities,
    extraValue,
  });
  assertEquals(text(answer), pairs("FCGI_MAX_REQS", "7", "OWN", "value"));
  assertEquals(asked, ["OWN", "OTHER"]);
});

Deno.test("answerGetValues refuses a question when its pairs are cut short", () => {
  const error = assertThrows(() => answerGetValues(hex("0f 00 46"), capabilities), ProtocolError);
  assertEquals(error.code, "BAD_PAIRS");
  assertEquals(error.message, "Cannot read name-value pairs: the last one goes past the end of the 3 bytes");
});
