/**
 * What programs do with a request, done to ours and to the runtime's own: the outcomes must be the same.
 *
 * Where Bun's own Request departs from the Fetch standard the outcome stands here, and ours has to be that.
 */

import { assertEquals } from "../std/assert.ts";
import { namesForIn, outcome } from "../server/outcome.ts";
import { inScene } from "../server/scene.ts";
import { isBun } from "../helpers/this_runtime.ts";
import { sleep } from "../helpers/waiting.ts";

type Use = (request: Request) => unknown;

const URL_ELSEWHERE = "http://elsewhere.example/";
const names = ["url", "method", "headers", "bodyUsed", "body", "signal", "redirect", "mode", "cache", "integrity"];
const methods = ["text", "json", "bytes", "arrayBuffer", "blob", "formData", "clone"] as const;

/** Tells an object by its class. */
function show(value: unknown): unknown {
  return typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : value;
}

/** The class of what is thrown, as a part of an outcome. */
async function failure(use: () => unknown): Promise<string> {
  return await outcome(use, undefined);
}

function half(body: ReadableStream<Uint8Array> | null, init: RequestInit = {}): RequestInit {
  return Object.assign({ body, method: "POST", duplex: "half" }, init);
}

const looks: Record<string, Use> = {
  tag: (r) => [String(r), Object.prototype.toString.call(r), r[Symbol.toStringTag as unknown as "url"]],
  class: (
    r,
  ) => [r instanceof Request, r.constructor === Request, r.constructor.name],
  "a subclass's instance": (r) => r instanceof (class extends Request {}),
  "own properties": (r) => [Object.keys(r), Object.entries(r).length, Object.keys({ ...r }), JSON.stringify(r)],
  "own names": (r) => Object.getOwnPropertyNames(r),
  "names in it": (r) => [...names, ...methods].filter((name) => !(name in r)),
  "names for in": (r) => {
    const seen = namesForIn(r);
    return [...names, ...methods].filter((name) => !seen.includes(name));
  },
  "values that are fixed": (r) => [r.redirect, r.mode, r.cache, r.integrity, r.referrerPolicy],
  "what it is not": (r) => ["then", "foo", "status", "priority"].filter((name) => name in r),
  methods: (r) => methods.map((name) => [name, typeof r[name], r[name].name]),
  extensible: (r) => [Object.isExtensible(r), Object.isFrozen(r)],
  "assignment to a property": (r) => {
    const { url, method } = r;
    for (const name of ["url", "method", "headers", "body"]) Reflect.set(r, name, "x");
    return [r.url === url, r.method === method, show(r.headers)];
  },
  "assignment to a new property": (r) => [Reflect.set(r, "user", "anna"), Reflect.get(r, "user"), Object.keys(r)],
  "identity of its parts": (r) => [r.headers === r.headers, r.signal === r.signal, r.body === r.body],
  "members of the prototype": (r) =>
    isBun ? names.map(() => "same") : names.map((name) => {
      const { get } = Object.getOwnPropertyDescriptor(Request.prototype, name)!;
      return Object.is(get?.call(r), Reflect.get(r, name)) ? "same" : name;
    }),
  "methods of the prototype": async (r) => [
    await Request.prototype.clone.call(r).text(),
    (await Request.prototype.arrayBuffer.call(r)).byteLength,
    await failure(() => Request.prototype.text.call(r)),
  ],
  "methods without it": async (r) => {
    const { text, clone } = r;
    return [await failure(() => text()), await failure(() => clone())];
  },
  "methods bound to it": async (r) => await r.text.bind(r)(),
  "another prototype": async (r) => {
    class Mine extends Request {
      async upper(): Promise<string> {
        return (await this.text()).toUpperCase();
      }
    }
    Object.setPrototypeOf(r, Mine.prototype);
    return [r instanceof Mine, await (r as Mine).upper()];
  },
  "a promise of it": async (r) => (await Promise.resolve(r)) === r,
  "its string as a URL": (r) => new URL(r as unknown as string),
};

const reads: Record<string, Use> = {
  text: async (r) => [r.bodyUsed, await r.text(), r.bodyUsed],
  "text twice": async (r) => [await r.text(), await failure(() => r.text())],
  "text at once": async (r) => {
    const text = r.text();
    return [r.bodyUsed, r.body?.locked, await failure(() => r.text()), await text];
  },
  "every form": async (r) => {
    const copies = methods.slice(0, 5).map(() => r.clone());
    return [
      await copies[0]!.text(),
      await failure(() => copies[1]!.json()),
      (await copies[2]!.bytes?.())?.length,
      (await copies[3]!.arrayBuffer()).byteLength,
      (await copies[4]!.blob()).size,
      await failure(() => r.formData()),
    ];
  },
  "own memory": async (r) => {
    const buffer = await r.arrayBuffer();
    return [buffer.byteLength, structuredClone(buffer, { transfer: [buffer] }).byteLength, buffer.byteLength];
  },
  "the body after text": async (r) => {
    const { body } = r;
    await r.text();
    return [show(r.body), r.body === body, r.body?.locked];
  },
  "the body's end after text": async (r) => {
    await r.text();
    return r.body === null ? "throws TypeError" : await failure(() => r.body?.getReader());
  },
  "text after looking at the body": async (r) => [show(r.body), r.bodyUsed, await r.text()],
  "text of a locked body": async (r) => {
    r.body?.getReader();
    return [r.bodyUsed, await outcome((r) => r.text(), r)];
  },
  "text of a body once locked": async (r) => {
    r.body?.getReader().releaseLock();
    return await r.text();
  },
  "text of a body in part read": async (r) => {
    const reader = r.body?.getReader();
    await reader?.read();
    reader?.releaseLock();
    return [r.bodyUsed, await outcome((r) => r.text(), r)];
  },
  "text of a cancelled body": async (r) => {
    await r.body?.cancel();
    return [r.bodyUsed, await outcome((r) => r.text(), r)];
  },
  "a body's halves": async (r) => {
    const halves = r.body?.tee() ?? [];
    return [await Promise.all(halves.map((half) => new Response(half).text())), r.bodyUsed, r.body?.locked];
  },
  "a body through a stream": async (r) =>
    await new Response(r.body?.pipeThrough(new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>()))
      .text(),
  "a body as a response's": async (r) => [await new Response(r.body).text(), r.bodyUsed],
  "a body as another request's": async (r) => [await new Request(URL_ELSEWHERE, half(r.body)).text(), r.bodyUsed],
};

const copies: Record<string, Use> = {
  clone: async (r) => {
    const copy = r.clone();
    return [
      [copy instanceof Request, copy.method, copy.url, copy.headers.get("x-a"), copy.headers === r.headers],
      [copy.signal.aborted, copy.bodyUsed, r.bodyUsed, r.body?.locked],
      [await copy.text(), r.bodyUsed, await r.text(), r.bodyUsed],
    ];
  },
  "clones of clones": async (r) => {
    const copies = [r.clone(), r.clone()];
    copies.push(copies[0]!.clone(), r);
    return await Promise.all(copies.map((copy) => copy.text()));
  },
  "clone and headers": (r) => {
    const { headers } = r;
    r.headers.set("x-a", "2");
    const copy = r.clone();
    copy.headers.set("x-a", "3");
    r.headers.set("x-a", "4");
    return [copy.headers.get("x-a"), r.clone().headers.get("x-a"), r.headers === headers, r.headers.get("x-a")];
  },
  "clone of a used one": async (r) => {
    await r.text();
    return await outcome((r) => r.clone().url, r);
  },
  "clone of a locked one": async (r) => {
    r.body?.getReader();
    return await outcome((r) => r.clone().url, r);
  },
  copy: async (r) => {
    const copy = new Request(r);
    return [copy.method, copy.url, copy.headers.get("x-a"), await copy.text(), r.bodyUsed];
  },
  "copy with an empty init": async (r) => [await new Request(r, {}).text(), r.bodyUsed],
  "copy with no init": async (r) => await new Request(r, undefined).text(),
  "copy with another method": (r) => [new Request(r.clone(), { method: "PUT" }).method],
  "copy with another body": async (r) => [
    await new Request(r, { method: "PUT", body: "other" }).text(),
    r.bodyUsed,
    await r.text(),
  ],
  "copy with a stream": async (r) => [
    await new Request(r, half(new Blob(["other"]).stream())).text(),
    r.bodyUsed,
    await r.text(),
  ],
  "copy with other headers": (r) => [...new Request(r, { headers: { "x-b": "1" } }).headers],
  "copy with another redirect": (r) => new Request(r, { redirect: "manual" }).redirect,
  "copy with a signal": async (r) => {
    const controller = new AbortController();
    const copy = new Request(r, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await sleep(0);
    return [copy.signal.aborted, r.signal.aborted];
  },
  "copy without a signal": (r) => new Request(r, { signal: null }).signal.aborted,
  "copy that fails": async (r) => [
    await failure(() => new Request(r, { headers: { "a b": "1" } })),
    r.bodyUsed,
    await r.text(),
  ],
  "copy of a used one": async (r) => {
    await r.text();
    return await failure(() => show(new Request(r)));
  },
  "copy of a used one with a body": async (r) => {
    await r.text();
    return await new Request(r, { method: "POST", body: "other" }).text();
  },
  "copy of a locked one": async (r) => {
    r.body?.getReader();
    return await failure(() => show(new Request(r)));
  },
  "init of another": async (r) => {
    const other = new Request(URL_ELSEWHERE, r);
    return [other.url, other.method, other.headers.get("x-a"), await other.text(), r.bodyUsed];
  },
  "init of another when used": async (r) => {
    await r.text();
    return await failure(() => show(new Request(URL_ELSEWHERE, r)));
  },
  "init of another when spread": (r) => new Request(URL_ELSEWHERE, { ...r }).method,
  "init of a response": (r) => {
    const response = new Response("x", r as ResponseInit);
    return [response.status, response.headers.get("x-a")];
  },
  subclass: async (r) => {
    class Mine extends Request {
      override get url(): string {
        return `mine:${super.url}`;
      }
    }
    const mine = new Mine(r);
    return [mine instanceof Mine, mine.constructor === Mine, mine.url, mine.method, await mine.text()];
  },
};

const elsewhere: Record<string, Use> = {
  "fetch when used": async (r) => {
    if (r.body === null) return;
    await r.text();
    return await failure(async () => (await fetch(r)).status);
  },
  "fetch when aborted": async (r) => await failure(() => fetch(r, { signal: AbortSignal.abort() })),
  "fetch with what is wrong": async (r) => await failure(() => fetch(r, { headers: { "a b": "1" } })),
  "fetch as an init": async (r) => await (await fetch("data:,hello", { headers: r.headers })).text(),
  caches: async (r) => {
    if (!("caches" in globalThis)) return;
    const cache = await caches.open("webfcgi_test");
    try {
      return [
        await failure(() => cache.put(r, new Response("x"))),
        await (await cache.match(r))?.text(),
        await cache.delete(r),
      ];
    } finally {
      await caches.delete("webfcgi_test");
    }
  },
};

/** By the Fetch standard, where Bun's Request shares its body with its copies: with a body. */
const standard: Record<string, unknown> = {
  "copy": ["POST", "http://example.com/a?b", "1", "hello", true],
  "copy with an empty init": ["hello", true],
  "copy of a used one": "throws TypeError",
  "init of another": [URL_ELSEWHERE, "POST", "1", "hello", true],
  "init of another when used": "throws TypeError",
};

for (
  const [what, uses] of Object.entries({
    "passes for a Request": looks,
    "is read as a Request is": reads,
    "is copied as a Request is": copies,
    "goes elsewhere as a Request does": elsewhere,
  })
) {
  Deno.test(`request ${what}`, async () => {
    const outcomes = { own: await outcomesOf(uses, false), native: await outcomesOf(uses, true) };
    const differences: string[] = [];
    for (const [name, expected] of Object.entries(outcomes.native)) {
      const actual = outcomes.own[name]!;
      if (name in standard) {
        const byStandard = JSON.stringify(standard[name]);
        if (isBun) expected[0] = byStandard;
        else assertEquals(expected[0], byStandard, name);
      }
      for (const [i, which] of ["with a body", "without a body"].entries()) {
        if (actual[i] !== expected[i]) differences.push(`${name}, ${which}: ${actual[i]}, not ${expected[i]}`);
      }
    }
    assertEquals(differences, []);
  });
}

/** What comes of each use, with a body and without. */
async function outcomesOf(uses: Record<string, Use>, nativeRequest: boolean): Promise<Record<string, string[]>> {
  const outcomes: Record<string, string[]> = {};
  let use: Use = () => {};
  let last = "";
  await inScene({
    request: nativeRequest ? "native" : "lazy",
    async fetch(request) {
      last = await outcome(use, request);
      return new Response();
    },
  }, async ({ connect }) => {
    const web = await connect();
    for (const [name, of] of Object.entries(uses)) {
      use = of;
      outcomes[name] = [];
      for (const method of ["POST", "GET"]) {
        const body = method === "POST" ? "hello" : "";
        await web.ask({ method, uri: "/a?b", body, params: { HTTP_X_A: "1", CONTENT_TYPE: body && "a/b" } }).answer();
        outcomes[name].push(last);
      }
    }
  });
  return outcomes;
}
