import { checkPreconditions, rangeCounts } from "../../src/bridge/preconditions.ts";
import { assertEquals } from "../std/assert.ts";

const lastModifiedMs = Date.UTC(1994, 10, 6, 8, 49, 37);
const date = "Sun, 06 Nov 1994 08:49:37 GMT";
const earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
const later = "Sun, 06 Nov 1994 08:49:38 GMT";

for (
  const [headers, strong, weak = strong] of [
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
    // The date does not count besides a tag.
    [{ "if-none-match": '"x"', "if-modified-since": date }, "send"],
    [{ "if-match": '"a,b"' }, "send", "failed"],
    [{ "if-match": "*" }, "send"],
    [{ "if-match": '"x", "a,b"' }, "send", "failed"],
    [{ "if-match": 'W/"a,b"' }, "failed"],
    [{ "if-match": '"x"' }, "failed"],
    [{ "if-unmodified-since": date }, "send"],
    [{ "if-unmodified-since": earlier }, "failed"],
    [{ "if-unmodified-since": "never" }, "send"],
    [{ "if-match": '"a,b"', "if-unmodified-since": earlier }, "send", "failed"],
    [{ "if-match": '"x"', "if-none-match": '"a,b"' }, "failed"],
    [{ "if-match": '"a,b"', "if-none-match": '"a,b"' }, "not modified", "failed"],
  ] as [headers: Record<string, string>, strong: string, weak?: string][]
) {
  Deno.test(`checkPreconditions says ${strong}, or ${weak} of a weak tag, when asked with ${JSON.stringify(headers)}`, () => {
    const check = (etag: string): string => checkPreconditions(new Headers(headers), { etag, lastModifiedMs });
    assertEquals([check('"a,b"'), check('W/"a,b"')], [strong, weak]);
  });
}

for (
  const [ifRange, expected] of [
    [undefined, true],
    ['"a,b"', true],
    ['W/"a,b"', false],
    ['"x"', false],
    [date, false],
    ["nonsense", false],
  ] as const
) {
  Deno.test(`rangeCounts says ${expected} when If-Range is ${ifRange}`, () => {
    const headers = new Headers(ifRange === undefined ? {} : { "if-range": ifRange });
    assertEquals(rangeCounts(headers, '"a,b"'), expected);
    // A weak tag never tells two states of a file apart (RFC 9110 §13.1.5).
    assertEquals(rangeCounts(headers, 'W/"a,b"'), ifRange === undefined);
  });
}
