/** Tries what the Fetch standard says of Headers on the headers of a request and on the runtime's own. */

import { Params } from "../../src/cgi/params.ts";
import { LazyHeaders } from "../../src/fetch/lazy_headers.ts";
import { patchGlobals } from "../../src/fetch/patch_globals.ts";
import { outcome } from "../server/outcome.ts";
import { assertEquals } from "../std/assert.ts";

/** Fields as they are sent. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/** What a program does with headers that have some fields, and what it must see. */
export interface Case {
  readonly fields?: Pairs;
  readonly use: (headers: Headers) => unknown;
  readonly sees: unknown;
  /** The runtime's own Headers depart from the standard; ours then do as they do. */
  readonly departs?: boolean;
}

/** What a program sees of a method that throws a TypeError. */
export const throwsTypeError = "throws TypeError";
export const ab: Pairs = [["b", "2"], ["a", "1"]];

/** What a call throws, if it throws. */
export function failing(use: () => unknown): string {
  try {
    use();
    return "nothing";
  } catch (error) {
    return `throws ${(error as Error).name}`;
  }
}

function asParameter([name, value]: Pairs[number]): string[] {
  return ["HTTP_" + name.toUpperCase().replaceAll("-", "_"), value];
}

function lazy(fields: Pairs): Headers {
  return new LazyHeaders(new Params(fields.flatMap(asParameter))) as unknown as Headers;
}

function native(fields: Pairs): Headers {
  const headers = new Headers();
  for (const [name, value] of fields) headers.append(name, value);
  return headers;
}

/** Defines a test for each case. */
export function standardTests(cases: Record<string, Case>): void {
  for (const [name, { fields = [], use, sees, departs = false }] of Object.entries(cases)) {
    Deno.test(`Headers: ${name}`, async () => {
      const expected = await outcome(use, native(fields));
      if (!departs) assertEquals(expected, JSON.stringify(sees), "the runtime's own");
      assertEquals(await outcome(use, lazy(fields)), expected);
      const release = patchGlobals();
      try {
        assertEquals(await outcome(use, lazy(fields)), expected, "while patched");
        assertEquals(await outcome(use, native(fields)), expected, "the runtime's own while patched");
      } finally {
        release();
      }
    });
  }
}
