import { checkPreconditions, rangeCounts } from "../../src/bridge/preconditions.ts";
import { assertEquals } from "../std/assert.ts";

const lastModifiedMs = Date.UTC(1994, 10, 6, 8, 49, 37);
const validators = { etag: '"a,b"', lastModifiedMs };
const date = "Sun, 06 Nov 1994 08:49:37 GMT";
const earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
const later = "Sun, 06 Nov 1994 08:49:38 GMT";

for (
  const [headers, expected] of [
    [{}, "send"],
    [{ "if-none-match": '"a,b"' }, "not modified"],
    [{ "if-none-match": '"x", W/"a,b"' }, "not modified"],
    [{ "if-none-match": "*" }, "not modified"],
    [{ "if-none-match": '"a"' }, "send"],
    [{ "if-none-match": "a,b" }, "send"],
    [{ "if-none-match": "" }, "send"],
    [{ "if-modified-since": date }, "not modified"],
    [{ "if-modified-since": later }, "not modified"],
    [{ "if-modified-since": earlier }, "send"],
    [{ "if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT" }, "not modified"],
    [{ "if-modified-since": "Sun Nov  6 08:49:37 1994" }, "not modified"],
    [{ "if-modified-since": "Sun Nov  6 08:49:36 1994" }, "send"],
    [{ "if-modified-since": "tomorrow" }, "send"],
    [{ "if-modified-since": "2094-11-06" }, "send"],
    [{ "if-modified-since": "Mon, 99 Nov 2094 08:49:37 GMT" }, "send"],
    // The date does not count beside a tag.
    [{ "if-none-match": '"x"', "if-modified-since": date }, "send"],
    [{ "if-match": '"a,b"' }, "send"],
    [{ "if-match": "*" }, "send"],
    [{ "if-match": '"x", "a,b"' }, "send"],
    [{ "if-match": 'W/"a,b"' }, "failed"],
    [{ "if-match": '"x"' }, "failed"],
    [{ "if-unmodified-since": date }, "send"],
    [{ "if-unmodified-since": earlier }, "failed"],
    [{ "if-unmodified-since": "never" }, "send"],
    [{ "if-match": '"a,b"', "if-unmodified-since": earlier }, "send"],
    [{ "if-match": '"x"', "if-none-match": '"a,b"' }, "failed"],
    [{ "if-match": '"a,b"', "if-none-match": '"a,b"' }, "not modified"],
  ] as const
) {
  Deno.test(`checkPreconditions says ${expected} when asked with ${JSON.stringify(headers)}`, () => {
    assertEquals(checkPreconditions(new Headers(headers), validators), expected);
  });
}

for (
  const [ifRange, nowMs, expected] of [
    [undefined, lastModifiedMs, true],
    ['"a,b"', lastModifiedMs, true],
    ['W/"a,b"', lastModifiedMs, false],
    ['"x"', lastModifiedMs, false],
    [date, lastModifiedMs + 1000, true],
    [date, lastModifiedMs + 999, false],
    [later, lastModifiedMs + 5000, false],
    [earlier, lastModifiedMs + 5000, false],
    ["nonsense", lastModifiedMs + 5000, false],
  ] as const
) {
  Deno.test(`rangeCounts says ${expected} when If-Range is ${ifRange}, ${nowMs - lastModifiedMs} ms later`, () => {
    const headers = new Headers(ifRange === undefined ? {} : { "if-range": ifRange });
    assertEquals(rangeCounts(headers, validators, nowMs), expected);
  });
}
