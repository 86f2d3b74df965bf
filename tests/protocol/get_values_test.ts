import { answerGetValues } from "../../src/protocol/get_values.ts";
import { decodePairs, encodePairs } from "../../src/protocol/name_value.ts";
import { assertEquals } from "../std/assert.ts";

Deno.test("answerGetValues tells what else an application says of itself, if it is asked", () => {
  let calls = 0;
  const capabilities = {
    maxConnections: 1,
    maxRequests: 2,
    multiplex: true,
    others: (): [string, string][] => [["WEBFCGI_WORKERS", String(++calls)], ["WEBFCGI_MEMORY", "5"]],
  };
  const ask = (...names: string[]): string[] =>
    decodePairs(answerGetValues(encodePairs(names.flatMap((name) => [name, ""])), capabilities));
  assertEquals(ask("WEBFCGI_WORKERS", "FCGI_MAX_REQS", "WEBFCGI_UNKNOWN"), [
    "FCGI_MAX_REQS",
    "2",
    "WEBFCGI_WORKERS",
    "1",
  ]);
  // Made anew each time.
  assertEquals(ask("WEBFCGI_WORKERS"), ["WEBFCGI_WORKERS", "2"]);
});
