/**
 * What the Fetch standard says of Headers (§5.1, "Headers class", and what it refers to), tried on the headers of a
 * request and on the runtime's own.
 */

import { Params } from "../../src/cgi/params.ts";
import { LazyHeaders } from "../../src/fetch/lazy_headers.ts";
import { patchGlobals } from "../../src/fetch/patch_globals.ts";
import { isBun, isNode } from "../helpers/this_runtime.ts";
import { outcome } from "../server/outcome.ts";
import { assertEquals } from "../std/assert.ts";

type Pairs = readonly (readonly [name: string, value: string])[];

/** What a program does with headers that have some fields, and what it must see. */
interface Case {
  readonly fields?: Pairs;
  readonly use: (headers: Headers) => unknown;
  readonly sees: unknown;
}

const throwsTypeError = "throws TypeError";
const ab: Pairs = [["b", "2"], ["a", "1"]];
const notTokens = [
  "",
  " ",
  "a b",
  "a\t",
  "a\n",
  "a\0",
  "a\x7f",
  "a(",
  "a)",
  "a<",
  "a>",
  "a@",
  "a,",
  "a;",
  "a:",
  "a\\",
  'a"',
];
const notTokensEither = ["a/", "a[", "a]", "a?", "a=", "a{", "a}", "a\x80", "a\xff", "a\u0100"];
const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
const whitespace = ["\t", " ", "\n", "\r", "\r\n", "\t\r\n "];

function failing(use: () => unknown): string {
  try {
    use();
    return "nothing";
  } catch (error) {
    return `throws ${(error as Error).name}`;
  }
}

const cases: Record<string, Case> = {
  // A header's name.
  "names are alike in any case": {
    fields: [["content-language", "en"]],
    use: (h) =>
      ["content-language", "Content-Language", "CONTENT-LANGUAGE", "cOnTeNt-lAnGuAgE"].map((n) => [h.get(n), h.has(n)]),
    sees: Array.from({ length: 4 }, () => ["en", true]),
  },
  "a name that is a token, of every char that a token may have, is accepted": {
    use: (h) => [h.has(tokenChars), h.set(tokenChars, "1"), h.get(tokenChars.toUpperCase()), [...h.keys()]],
    sees: [false, "(undefined)", "1", [tokenChars]],
  },
  "a name that is no token is refused by every method": {
    fields: ab,
    use: (h) =>
      [...notTokens, ...notTokensEither].flatMap((name) => [
        failing(() => h.get(name)),
        failing(() => h.has(name)),
        failing(() => h.delete(name)),
        failing(() => h.set(name, "1")),
        failing(() => h.append(name, "1")),
      ]).filter((told) => told !== throwsTypeError),
    sees: [],
  },
  "a refused change changes nothing": {
    fields: ab,
    use: (
      h,
    ) => [failing(() => h.set("a b", "1")), failing(() => h.append("a", "\0")), failing(() => h.set("a", "\n\0\n")), [
      ...h,
    ]],
    sees: [throwsTypeError, throwsTypeError, throwsTypeError, [["a", "1"], ["b", "2"]]],
  },
  // A header's value.
  "whitespace around a value is no part of it": {
    use: (h) =>
      whitespace.map((space) => {
        h.set("a", space + "1" + space);
        h.append("a", space + "2" + space);
        return h.get("a");
      }),
    sees: whitespace.map(() => "1, 2"),
  },
  "whitespace within a value is": {
    use: (h) => [h.set("a", "1 \t 2"), h.get("a")],
    sees: ["(undefined)", "1 \t 2"],
  },
  "a value of whitespace alone is empty": {
    use: (h) => [h.set("a", " \t\r\n"), h.get("a"), h.has("a")],
    sees: ["(undefined)", "", true],
  },
  "NUL, CR and LF within a value are refused": {
    fields: ab,
    use: (h) =>
      ["1\0", "\x001", "1\r2", "1\n2", "1\r\n2"].flatMap((
        value,
      ) => [failing(() => h.set("a", value)), failing(() => h.append("a", value))]),
    sees: Array.from({ length: 10 }, () => throwsTypeError),
  },
  "a value is a byte string": {
    use: (
      h,
    ) => [
      h.set("a", "\xe9\xff"),
      h.get("a"),
      failing(() => h.set("a", "\u0100")),
      failing(() => h.append("a", "\u{1f600}")),
    ],
    sees: ["(undefined)", "\xe9\xff", throwsTypeError, throwsTypeError],
  },
  "what is no string is made one": {
    fields: [["null", "0"], ["undefined", "1"], ["5", "2"]],
    use: (h) => {
      const loose = h as unknown as { get(name: unknown): string; set(name: unknown, value: unknown): void };
      loose.set("a", null);
      loose.set("b", undefined);
      loose.set("c", [1, 2]);
      return [loose.get(null), loose.get(undefined), loose.get(5), h.get("a"), h.get("b"), h.get("c")];
    },
    sees: ["0", "1", "2", "null", "undefined", "1,2"],
  },
  "a symbol is refused": {
    use: (
      h,
    ) => [
      failing(() => h.get(Symbol() as unknown as string)),
      failing(() => h.set("a", Symbol() as unknown as string)),
    ],
    sees: [throwsTypeError, throwsTypeError],
  },
  "what an object throws when it is made a string, the method throws": {
    use: (h) => {
      const name = {
        toString(): string {
          throw new RangeError();
        },
      } as unknown as string;
      return [failing(() => h.get(name)), failing(() => h.has(name)), failing(() => h.set("a", name))];
    },
    sees: ["throws RangeError", "throws RangeError", "throws RangeError"],
  },
  "too few arguments are refused": {
    use: (h) =>
      (["get", "has", "delete", "set", "append", "forEach"] as const).flatMap((name) => [
        failing(() => Reflect.apply(h[name], h, [])),
        ...name === "set" || name === "append" ? [failing(() => Reflect.apply(h[name], h, ["a"]))] : [],
      ]),
    sees: Array.from({ length: 8 }, () => throwsTypeError),
  },
  // get, has, append, set, delete.
  "get combines what was sent and what was appended": {
    fields: [["a", "1"], ["a", "2"]],
    use: (h) => [h.get("a"), h.append("A", "3"), h.get("a")],
    sees: ["1, 2", "(undefined)", "1, 2, 3"],
  },
  "an empty value is combined too": {
    fields: [["a", "1"]],
    use: (h) => [h.append("a", ""), h.get("a"), h.append("a", "2"), h.get("a")],
    sees: ["(undefined)", "1, ", "(undefined)", "1, , 2"],
  },
  "get is null, and has false, for what there is not": {
    fields: ab,
    use: (h) => [h.get("c"), h.has("c"), h.delete("c"), h.get("c")],
    sees: [null, false, "(undefined)", null],
  },
  "set replaces all values": {
    fields: [["a", "1"], ["a", "2"], ["b", "3"]],
    use: (h) => [h.set("A", "4"), h.get("a"), [...h]],
    sees: ["(undefined)", "4", [["a", "4"], ["b", "3"]]],
  },
  "delete removes all values": {
    fields: [["a", "1"], ["a", "2"], ["b", "3"]],
    use: (h) => [h.delete("A"), h.get("a"), h.has("a"), [...h]],
    sees: ["(undefined)", null, false, [["b", "3"]]],
  },
  "has is true for an empty value": {
    fields: [["a", ""]],
    use: (h) => [h.has("a"), h.get("a")],
    sees: [true, ""],
  },
  "the headers of a request can be changed": {
    fields: [["host", "a.test"], ["cookie", "a=1"], ["referer", "/"]],
    use: (h) =>
      ["host", "cookie", "content-length", "origin", "sec-fetch-mode"].map((
        name,
      ) => [h.set(name, "1"), h.get(name), h.delete(name), h.get(name)]),
    sees: Array.from({ length: 5 }, () => ["(undefined)", "1", "(undefined)", null]),
  },
  // Iteration.
  "iteration is sorted by name, in lower case, values combined": {
    fields: [["x-b", "1"], ["Accept", "2"], ["x-a", "3"], ["x-b", "4"], ["a", "5"], ["a-b", "6"]],
    use: (h) => [[...h], [...h.entries()], [...h.keys()], [...h.values()]],
    sees: ((pairs: Pairs) => [pairs, pairs, pairs.map(([name]) => name), pairs.map(([, value]) => value)])([
      ...[["a", "5"], ["a-b", "6"], ["accept", "2"], ["x-a", "3"], ["x-b", "1, 4"]] as const,
    ]),
  },
  "Set-Cookie is never combined in iteration": {
    fields: [["b", "1"]],
    use: (h) => {
      for (const cookie of ["z=1", "a=2", "z=1"]) h.append("Set-Cookie", cookie);
      return [[...h], h.getSetCookie(), h.get("set-cookie"), [...h.keys()]];
    },
    sees: [
      [["b", "1"], ["set-cookie", "z=1"], ["set-cookie", "a=2"], ["set-cookie", "z=1"]],
      ["z=1", "a=2", "z=1"],
      "z=1, a=2, z=1",
      ["b", "set-cookie", "set-cookie", "set-cookie"],
    ],
  },
  "Set-Cookie keeps its place, and is seen when it comes under way": {
    fields: [["a", "1"], ["set-cookie2", "2"], ["sec", "3"]],
    use: (h) => {
      const seen: string[] = [];
      for (const [name, value] of h) {
        seen.push(name + value);
        if (seen.length < 4) h.append("set-cookie", `${seen.length}`);
      }
      return seen;
    },
    sees: ["a1", "sec3", "set-cookie1", "set-cookie2", "set-cookie3", "set-cookie22"],
  },
  "set and delete of Set-Cookie": {
    use: (h) => {
      h.append("set-cookie", "a=1");
      h.append("set-cookie", "b=2");
      h.set("set-cookie", "c=3");
      return [h.getSetCookie(), h.delete("set-cookie"), h.getSetCookie(), h.has("set-cookie")];
    },
    sees: [["c=3"], "(undefined)", [], false],
  },
  "getSetCookie gives a new list each time": {
    use: (h) => {
      h.append("set-cookie", "a=1");
      h.getSetCookie().push("b=2");
      return [h.getSetCookie(), h.getSetCookie() === h.getSetCookie()];
    },
    sees: [["a=1"], false],
  },
  "an iterator iterates itself, and is done once for good": {
    fields: [["a", "1"]],
    use: (h) => {
      const entries = h.entries();
      return [entries[Symbol.iterator]() === entries, entries.next(), entries.next(), entries.next()];
    },
    sees: [true, { value: ["a", "1"], done: false }, { value: "(undefined)", done: true }, {
      value: "(undefined)",
      done: true,
    }],
  },
  "each iterator has a place of its own": {
    fields: ab,
    use: (h) => {
      const [one, other] = [h.keys(), h.keys()];
      return [one.next().value, other.next().value, one.next().value, other.next().value];
    },
    sees: ["a", "a", "b", "b"],
  },
  "iterators are of a class of their own": {
    use: (h) => [h.entries(), h.keys(), h.values()].map((iterator) => Object.prototype.toString.call(iterator)),
    sees: Array.from({ length: 3 }, () => "[object Headers Iterator]"),
  },
  "a change is seen by an iterator under way": {
    fields: [["a", "1"], ["c", "3"]],
    use: (h) => {
      const seen: unknown[] = [];
      for (const [name, value] of h) {
        seen.push(name, value);
        if (name === "a") h.set("b", "2");
      }
      return seen;
    },
    sees: ["a", "1", "b", "2", "c", "3"],
  },
  "what is deleted before its turn is not iterated": {
    fields: [["a", "1"], ["b", "2"], ["c", "3"]],
    use: (h) => {
      const seen: string[] = [];
      for (const name of h.keys()) {
        seen.push(name);
        h.delete("b");
      }
      return seen;
    },
    sees: ["a", "c"],
  },
  "forEach calls back with value, name and the headers, in order": {
    fields: ab,
    use: (h) => {
      const seen: unknown[] = [];
      const told = h.forEach((...args) => seen.push(args[0], args[1], args[2] === h, args.length));
      return [told, seen];
    },
    sees: ["(undefined)", ["1", "a", true, 3, "2", "b", true, 3]],
  },
  "forEach gives the callback its this": {
    fields: [["a", "1"]],
    use: (h) => {
      const seen: unknown[] = [];
      const callback = function (this: unknown): void {
        seen.push(this ?? "none");
      };
      h.forEach(callback, "mine");
      h.forEach(callback);
      return seen;
    },
    sees: ["mine", "none"],
  },
  "forEach ends when the callback throws": {
    fields: ab,
    use: (h) => {
      let calls = 0;
      const told = failing(() =>
        h.forEach(() => {
          calls++;
          throw new RangeError();
        })
      );
      return [told, calls];
    },
    sees: ["throws RangeError", 1],
  },
  "forEach of what is no function is refused, of no fields too": {
    use: (h) => [undefined, null, 1, "f", {}].map((callback) => failing(() => Reflect.apply(h.forEach, h, [callback]))),
    sees: Array.from({ length: 5 }, () => throwsTypeError),
  },
  // As an init of others.
  "new Headers copies what there is": {
    fields: ab,
    use: (h) => {
      h.append("set-cookie", "a=1");
      h.append("set-cookie", "b=2");
      const copy = new Headers(h);
      h.set("a", "changed");
      return [copy.get("a"), copy.getSetCookie(), [...copy.keys()]];
    },
    sees: ["1", ["a=1", "b=2"], ["a", "b", "set-cookie", "set-cookie"]],
  },
  "a Request's headers are a copy": {
    fields: ab,
    use: (h) => {
      const request = new Request("http://a.test/", { headers: h });
      request.headers.set("a", "changed");
      return [h.get("a"), request.headers.get("b"), request.headers === h];
    },
    sees: ["1", "2", false],
  },
  "a Response's headers are a copy": {
    fields: ab,
    use: (h) => {
      const response = new Response(null, { headers: h });
      h.set("a", "changed");
      return [response.headers.get("a"), response.headers.get("b")];
    },
    sees: ["1", "2"],
  },
};

/** Where a runtime's own Headers depart from the standard; ours then do as they do. */
const departures: readonly string[] = [
  ...isNode ? ["forEach gives the callback its this"] : [],
  ...isBun ? ["Set-Cookie keeps its place, and is seen when it comes under way"] : [],
];

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

for (const [name, { fields = [], use, sees }] of Object.entries(cases)) {
  Deno.test(`Headers: ${name}`, async () => {
    const expected = await outcome(use, native(fields));
    if (!departures.includes(name)) assertEquals(expected, JSON.stringify(sees), "the runtime's own");
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
