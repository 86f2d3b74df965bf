import { assertEquals, assertMatch } from "../std/assert.ts";
import { reasonPhrase } from "../../src/cgi/reason_phrase.ts";

Deno.test("reasonPhrase is never empty", () => {
  for (let status = 200; status < 600; status++) assertMatch(reasonPhrase(status), /^[A-Z][A-Za-z' -]+$/, `${status}`);
  assertEquals([200, 404, 418, 503].map(reasonPhrase), ["OK", "Not Found", "I'm a Teapot", "Service Unavailable"]);
  assertEquals([299, 399, 499, 599].map(reasonPhrase), ["Success", "Redirection", "Client Error", "Server Error"]);
});
