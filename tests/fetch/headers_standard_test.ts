/** What the Fetch standard says of the names and values of Headers, and of the methods that read and change them (§5.1). */

import { ab, type Case, failing, standardTests, throwsTypeError } from "./headers_standard.ts";

const notTokens = ["", " ", ...Array.from(' \t\n\0\x7f()<>@,;:\\"/[]?={}\x80\xff\u0100', (char) => "a" + char)];
const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
const whitespace = ["\t", " ", "\n", "\r", "\r\n", "\t\r\n "];

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
      notTokens.flatMap((name) => [
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
};

standardTests(cases);
