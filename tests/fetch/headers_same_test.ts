/** What programs do with the headers of a request, on ours and on the runtime's own: the outcomes must be the same. */

import { inspect } from "node:util";
import { Params } from "../../src/cgi/params.ts";
import { requestHeaders } from "../../src/cgi/request_headers.ts";
import { LazyHeaders } from "../../src/fetch/lazy_headers.ts";
import { patchGlobals } from "../../src/fetch/patch_globals.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { isBun, isDeno } from "../helpers/this_runtime.ts";
import { Random } from "../protocol/random.ts";
import { namesForIn } from "../server/outcome.ts";

type Use = (headers: Headers) => unknown;

const sent = [
  ...["REQUEST_METHOD", "POST", "CONTENT_TYPE", "a/b", "CONTENT_LENGTH", "3", "HTTP_X_B", "2", "HTTP_X_A", " 1 "],
  ...["HTTP_COOKIE", "a=1", "HTTP_COOKIE", "b=2", "HTTP_PROXY", "x", "HTTP_X_B", "3", "HTTP_EMPTY", ""],
];
const { prototype } = Headers;
const URL_ELSEWHERE = "http://elsewhere.example/";

function lazy(flat: readonly string[] = sent): Headers {
  return new LazyHeaders(new Params(flat)) as unknown as Headers;
}

function native(flat: readonly string[] = sent): Headers {
  const headers = new Headers();
  const list = requestHeaders(new Params(flat));
  for (let at = 0; at < list.length; at += 2) headers.append(list[at]!, list[at + 1]!);
  return headers;
}

/** Calls a method with arguments of any kind. */
function call(
  headers: Headers,
  name: "get" | "has" | "set" | "append" | "delete" | "forEach",
  ...args: unknown[]
): unknown {
  return Reflect.apply(headers[name], headers, args);
}

const looks: Record<string, Use> = {
  tag: (h) => [String(h), Object.prototype.toString.call(h), Reflect.get(h, Symbol.toStringTag)],
  class: (h) => [h instanceof Headers, h.constructor === Headers, h.constructor.name],
  "own properties": (h) => [Object.keys(h), Object.getOwnPropertyNames(h), Object.keys({ ...h })],
  "names for in": (h) => namesForIn(h).sort(),
  extensible: (h) => [Object.isExtensible(h), Object.isFrozen(h), Reflect.set(h, "user", "anna"), Object.keys(h)],
  "names and lengths of methods": (h) =>
    [...Reflect.ownKeys(prototype)].filter((name) => name !== "constructor").map((name) => {
      const value: unknown = Reflect.get(h, name);
      return [String(name), typeof value, ...typeof value === "function" ? [value.name, value.length] : []];
    }),
  "entries is its iterator": (h) => h[Symbol.iterator] === h.entries,
  JSON: (h) => JSON.stringify({ h }),
  inspect: (
    h,
  ) => [inspect(h), inspect({ h: [h] }), inspect(h, { showHidden: true, depth: 0 }), inspect(h, { colors: true })],
  "inspect in part": (h) => inspect({ a: { b: { c: { h } } } }),
  "Deno.inspect": (h) => {
    const { Deno } = globalThis as { readonly Deno?: { inspect?(value: unknown): string } };
    return Deno?.inspect?.({ h });
  },
  "Bun.inspect": (h) => {
    const { Bun } = globalThis as { readonly Bun?: { inspect(value: unknown): string } };
    return [Bun?.inspect(h), Bun?.inspect([{ h }])];
  },
  structuredClone: (h) => structuredClone(h),
  "structuredClone of a part": (h) => structuredClone({ h }),
  postMessage: (h) => {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(h);
    } finally {
      port1.close();
      port2.close();
    }
  },
  "a promise of it": async (h) => await Promise.resolve(h) === h,
  "a WeakMap's key": (h) => new WeakMap([[h, 1]]).get(h),
  "a string of it as a URL": (h) => new URL(h as unknown as string),
  "what only Bun has": (h) => {
    const { count, toJSON, getAll } = h as { count?: number; toJSON?(): unknown; getAll?(name: string): unknown };
    return [count, toJSON?.call(h), getAll?.call(h, "set-cookie")];
  },
};

const reads: Record<string, Use> = {
  "get and has": (h) =>
    ["x-a", "X-A", "x-A", "content-type", "Content-Length", "cookie", "proxy", "empty", "x_a", "none"]
      .map((name) => [h.get(name), h.has(name)]),
  "get after a change": (h) => [h.set("x-a", "2"), h.get("X-A"), h.get("x-b"), h.has("none")],
  "order": (h) => [[...h], [...h.keys()], [...h.values()], [...h.entries()]],
  "order after a read": (h) => [h.get("x-b"), [...h]],
  "Object.fromEntries": (h) => Object.fromEntries(h),
  "forEach": (h) => {
    const seen: unknown[] = [];
    h.forEach(function (this: unknown, ...args: unknown[]) {
      seen.push(this, args[0], args[1], args[2] === h, args.length);
    }, "self");
    h.forEach(function (this: unknown) {
      seen.push(this === undefined);
    });
    return [seen, h.forEach(() => 1)];
  },
  "forEach that throws": (h) =>
    h.forEach(() => {
      throw new RangeError("enough");
    }),
  "iterators": (h) =>
    [h.entries(), h.keys(), h.values(), h[Symbol.iterator]()].map((i) => [
      Object.prototype.toString.call(i),
      i[Symbol.iterator]() === i,
      typeof i.next,
    ]),
  getSetCookie: (
    h,
  ) => [h.getSetCookie(), h.append("set-cookie", "a=1"), h.append("Set-Cookie", "b=2"), h.getSetCookie()],
  "changes": (h) => [h.append("x-a", "4"), h.delete("X-B"), h.set("new", " v "), [...h]],
  "methods without it": (h) => {
    const { get } = h;
    return get("x-a");
  },
  "methods on another": (h) => [
    h.get.call(new Headers({ z: "1" }), "z"),
    h.has.call(new Headers({ z: "1" }), "z"),
    [...h.entries.call(new Headers({ z: "1" }))],
  ],
  "methods on what is none": (h) => h.get.call({} as Headers, "x-a"),
  "set on what is none": (h) => h.set.call({} as Headers, "x-a", "1"),
};

/** Arguments that no method takes, or only as a string. */
const args: Record<string, Use> = {};
const objects: Record<string, unknown> = {
  null: null,
  undefined: undefined,
  "a number": 1,
  "a symbol": Symbol("x-a"),
  "an object": { toString: () => "X-A" },
  "an object that throws": {
    toString(): string {
      throw new RangeError("none");
    },
  },
  "an array": ["x-a"],
};
const noNames = [
  "",
  "a b",
  "x-a ",
  " x-a",
  "x-a\n",
  "a\0",
  "a:",
  "\u00e9",
  "\u0100",
  "\u212aeep",
  "(",
  "a,b",
  "\ud800",
];
for (const name of ["get", "has", "delete", "set", "append"] as const) {
  args[`${name} of nothing`] = (h) => call(h, name);
  args[`${name} of a name alone`] = (h) => call(h, name, "x-a");
  for (const [what, object] of Object.entries(objects)) args[`${name} of ${what}`] = (h) => call(h, name, object, "1");
  for (const wrong of noNames) args[`${name} of ${JSON.stringify(wrong)}`] = (h) => call(h, name, wrong, "1");
}
for (const name of ["set", "append"] as const) {
  for (const value of ["a\0", "a\nb", "a\rb", "\u0100", "\ud800", "\x01", "\x7f", " ", "\n1\n", 1, null, undefined]) {
    args[`${name} of the value ${JSON.stringify(value)}`] = (h) => [call(h, name, "x-a", value), h.get("x-a")];
  }
}
for (const what of [undefined, null, 1, {}, "f"]) {
  args[`forEach of ${JSON.stringify(what)}`] = (h) => call(h, "forEach", what);
}
args["forEach of nothing"] = (h) => call(h, "forEach");

const passes: Record<string, Use> = {
  "new Headers": (h) => [...new Headers(h)],
  "new Headers is a copy": (h) => {
    const copy = new Headers(h);
    copy.set("x-a", "copy");
    h.set("x-b", "original");
    return [copy.get("x-b"), h.get("x-a")];
  },
  "new Request": (h) => [...new Request(URL_ELSEWHERE, { headers: h }).headers],
  "new Request of another": (
    h,
  ) => [...new Request(new Request(URL_ELSEWHERE, { headers: { y: "1" } }), { headers: h }).headers],
  "new Response": (h) => [...new Response(null, { headers: h }).headers],
  "Response.json": (h) => [...Response.json({}, { headers: h }).headers],
  "fetch": async (h) => await (await fetch("data:,hello", { headers: h })).text(),
  "a spread init": (h) => [...new Headers({ ...Object.fromEntries(h), y: "1" })],
  "pairs": (h) => [...new Headers([...h])],
  "an init with more": (h) => [...new Headers({ ...h } as unknown as Record<string, string>)],
};

const bypasses: Record<string, Use> = {
  get: (h) => [prototype.get.call(h, "X-A"), prototype.has.call(h, "none")],
  set: (h) => [prototype.set.call(h, "x-a", "9"), h.get("x-a")],
  delete: (h) => [prototype.delete.call(h, "x-a"), h.has("x-a")],
  append: (h) => [prototype.append.call(h, "x-a", "9"), h.get("x-a")],
  getSetCookie: (h) => prototype.getSetCookie.call(h),
  entries: (h) => [...prototype.entries.call(h)],
  iterator: (h) => [...prototype[Symbol.iterator].call(h)],
  keys: (h) => [...prototype.keys.call(h)],
  values: (h) => [...prototype.values.call(h)],
  forEach: (h) => {
    let same = true;
    prototype.forEach.call(h, (_value, _name, headers) => same &&= headers === h);
    return same;
  },
  "another prototype": (h) => {
    class Mine extends Headers {
      loud(): string {
        return `${this.get("x-a")}!`;
      }
    }
    Object.setPrototypeOf(h, Mine.prototype);
    return [h instanceof Mine, (h as Mine).loud()];
  },
};

/** What a use gives back, or throws, in a form that can be compared. */
async function told(use: Use, headers: Headers): Promise<string> {
  try {
    return JSON.stringify(await use(headers), (_, part: unknown) => part === undefined ? "(undefined)" : part) ?? "";
  } catch (error) {
    return `throws ${(error as Error).name}: ${(error as Error).message}`;
  }
}

async function differences(uses: Record<string, Use>): Promise<string[]> {
  const found: string[] = [];
  for (const [name, use] of Object.entries(uses)) {
    const [actual, expected] = [await told(use, lazy()), await told(use, native())];
    if (actual !== expected) found.push(`${name}: ${actual}, not ${expected}`);
  }
  return found;
}

async function whilePatched(use: () => Promise<void>): Promise<void> {
  const release = patchGlobals();
  try {
    await use();
  } finally {
    release();
  }
}

const groups = {
  "look like a Headers": looks,
  "are read and changed as a Headers is": reads,
  "take and refuse what a Headers does": args,
  "pass for a Headers elsewhere": passes,
};
for (const [what, uses] of Object.entries(groups)) {
  Deno.test(`LazyHeaders ${what}`, async () => {
    assertEquals(await differences(uses), []);
    await whilePatched(async () => assertEquals(await differences(uses), []));
  });
}

Deno.test("LazyHeaders can be used through Headers.prototype where that is patched", async () => {
  await whilePatched(async () => assertEquals(await differences(bypasses), []));
});

Deno.test("LazyHeaders are refused, not misread, through Headers.prototype where that is not patched", async () => {
  for (const [name, use] of Object.entries(bypasses)) {
    const [actual, expected] = [await told(use, lazy()), await told(use, native())];
    // Node 22 iterates whatever has the fields; Bun's getSetCookie gives back undefined.
    const refused = actual.startsWith("throws TypeError") || isBun && name === "getSetCookie";
    if (!refused) assertEquals(actual, expected, name);
    if (name === "get" || name === "set") assert(refused, name);
  }
});

Deno.test("LazyHeaders throw a TypeError through a Proxy that does not bind methods", async () => {
  const use: Use = (h) => new Proxy(h, {}).get("x-a");
  assertEquals((await told(use, lazy())).split(":")[0], "throws TypeError");
  // Deno's own have no private members.
  if (!isDeno) assertEquals((await told(use, native())).split(":")[0], "throws TypeError");
});

Deno.test("LazyHeaders make a native Headers only for what the parameters do not say", () => {
  const { append } = prototype;
  let made = 0;
  prototype.append = function (...pair): void {
    made++;
    Reflect.apply(append, this, pair);
  };
  try {
    const headers = lazy();
    for (const name of ["x-a", "X-B", "Content-Type", "content-length", "authorization", "none", "proxy"]) {
      headers.get(name);
      headers.has(name);
    }
    assertEquals(made, 0);
    headers.forEach(() => {});
    const all = made;
    assert(all > 0);
    headers.get("x-a");
    assertEquals(made, all);
  } finally {
    prototype.append = append;
  }
});

const someNames = ["a", "x-a", "content-type", "cookie", "authorization", "host", "te", "x.y", "x_y"];

Deno.test("LazyHeaders get and has say of any name what a native Headers says", () => {
  const random = new Random(21);
  for (let round = 0; round < 3000; round++) {
    const flat: string[] = [];
    for (let count = random.below(8); count > 0; count--) {
      const name = random.pick(someNames).toUpperCase().replaceAll("-", random.pick(["_", "_", "-"]));
      const prefix = random.pick(["HTTP_", "HTTP_", "", "REDIRECT_HTTP_"]);
      flat.push(prefix + name, random.pick(["", "1", " 2 ", "a, b", "\xe9", "\0", random.latin1(2)]));
    }
    const expected = native(flat);
    const headers = lazy(flat);
    for (let count = 0; count < 5; count++) {
      const name = random.once(5) ? random.latin1(random.below(3)) : random.pick([...someNames, ...noNames]);
      const spelled = random.once(2) ? name : name.toUpperCase();
      const what = JSON.stringify([flat, spelled]);
      assertEquals(thrown(() => headers.get(spelled)), thrown(() => expected.get(spelled)), what);
      assertEquals(thrown(() => headers.has(spelled)), thrown(() => expected.has(spelled)), what);
    }
    if (random.once(20)) assertEquals([...headers], [...expected]);
  }
});

function thrown(use: () => unknown): unknown {
  try {
    return use();
  } catch (error) {
    return `throws ${error}`;
  }
}
