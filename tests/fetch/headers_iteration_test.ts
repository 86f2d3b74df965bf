/** What the Fetch standard says of iterating Headers, and of what is made of them (§5.1). */

import { isBun, isNode } from "../helpers/this_runtime.ts";
import { ab, type Case, failing, type Pairs, standardTests, throwsTypeError } from "./headers_standard.ts";

const cases: Record<string, Case> = {
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
    // It is always the last.
    departs: isBun,
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
    // globalThis instead of undefined.
    departs: isNode,
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

standardTests(cases);
