import { FastResponse } from "@webfcgi/webfcgi";
import { patchGlobals, patchResponse } from "../../src/fetch/patch_globals.ts";
import { knownParts } from "../../src/fetch/read_response.ts";
import { assert, assertEquals, assertInstanceOf, assertNotStrictEquals, assertStrictEquals } from "../std/assert.ts";
import { namesForIn, outcome } from "../server/outcome.ts";
import { inScene } from "../server/scene.ts";
import { isBun } from "../helpers/this_runtime.ts";
import { utf8Bytes } from "../helpers/bytes.ts";

/** Defines a test under `fastResponse`. */
function fastTest(name: string, body: (native: typeof Response) => unknown, ignore = false): void {
  Deno.test({ name: `${name} when fastResponse is set`, ignore, fn: () => whenFast(body) });
}

/** Runs `body` as while a server with `fastResponse` is open; it gets the class that is the global one otherwise. */
async function whenFast(body: (native: typeof Response) => unknown): Promise<void> {
  const releases = [patchGlobals()];
  try {
    const native = Response;
    releases.push(patchResponse());
    await body(native);
  } finally {
    for (const release of releases) release();
  }
}

fastTest("Response is another, once", async (native) => {
  assertNotStrictEquals(Response, native);
  assertEquals([knownParts(new native("x")), knownParts(new Response("x"))?.body], [undefined, "x"]);
  const fast = Response;
  const release = patchResponse();
  assertStrictEquals(Response, fast);
  release();
  assertStrictEquals(Response, fast);
});

fastTest("Response sends what native ones send", async (native) => {
  const makes: ((R: typeof Response) => Response | Promise<Response>)[] = [
    (R) => new R("hello"),
    (R) => new R(null, { status: 204 }),
    (R) => new R("", { status: 404, statusText: "Gone Fishing", headers: { "x-a": "1" } }),
    (R) =>
      new R("<p>", { headers: new Headers([["content-type", "text/html"], ["set-cookie", "a"], ["set-cookie", "b"]]) }),
    (R) => R.json({ a: 1 }, { status: 201 }),
    (R) => R.redirect("http://example.com/x", 303),
    (R) => new R(utf8Bytes("bytes"), { headers: { "content-type": "a/b" } }),
    (R) => new R(new Blob(["blob"], { type: "a/b" })),
    (R) => new R(new URLSearchParams("a=1")),
    (R) => new R(new R("stream").body),
    (R) => new R("again").clone(),
    (R) => new R("x", new R("y", { status: 500, headers: { "x-a": "1" } })),
    async (R) => {
      const read = new R("x");
      await read.text();
      return read;
    },
    (R) => {
      const locked = new R("x");
      locked.body?.getReader();
      return locked;
    },
    async (R) => {
      const passed = new R("x");
      await passed.body?.pipeTo(new WritableStream());
      return passed;
    },
  ];
  let R = native;
  let turn = 0;
  await inScene({ fetch: () => makes[turn]!(R) }, async ({ connect, errors }) => {
    const web = await connect();
    for (turn = 0; turn < makes.length; turn++) {
      R = native;
      const expected = await web.ask().answer();
      R = Response;
      const { head, text } = await web.ask().answer();
      assertEquals([fields(head), text], [fields(expected.head), expected.text]);
    }
    // The last three have been read, both times.
    assertEquals(errors.splice(0).length, 6);
  });
});

/** A head's lines in an order of their own: it is not the same, and means nothing. */
function fields(head: string): string[] {
  return head.split("\r\n").sort();
}

/** What programs do with the class and its responses. */
const probes: Record<string, (R: typeof Response) => unknown> = {
  name: (R) => [R.name, R.length, typeof R],
  "without new": (R) => (R as unknown as () => void)(),
  "constructor of a new one": (R) => new R().constructor === R,
  "constructor of JSON": (R) => R.json(1).constructor === R,
  "instance of both": (R) => [new R() instanceof R, R.json(1) instanceof R, R.error() instanceof R],
  "an instance of a fetched one": async (R) => {
    const response = await fetch("data:,x");
    return [response instanceof R, await response.text()];
  },
  tag: (R) => Object.prototype.toString.call(new R("x")),
  members: (R) =>
    ["status", "ok", "headers", "body", "bodyUsed", "type", "url", "redirected", "text", "clone"].filter((name) =>
      name in new R()
    ),
  "for in": (R) => namesForIn(new R()).sort(),
  properties: (R) => {
    const { status, statusText, ok, type, url, redirected, bodyUsed, body } = new R("x", {
      status: 299,
      statusText: "?",
    });
    return [status, statusText, ok, type, url, redirected, bodyUsed, body?.locked];
  },
  "no body": async (R) => [new R().body, new R(null).body, new R(undefined).body, await new R().text()],
  "empty body": async (R) => [new R("").body === null, await new R("").text()],
  "headers as a record": (R) => [...new R("x", { headers: { "X-A": "1", b: " 2 " } }).headers],
  "headers as pairs": (R) => [...new R(null, { headers: [["x-a", "1"], ["X-A", "2"]] }).headers],
  "headers as a map": (R) => [...new R(null, { headers: new Map([["x-a", "1"]]) as unknown as Headers }).headers],
  "headers as numbers": (R) => [...new R(null, { headers: { "x-a": 1 } as unknown as Headers }).headers],
  "a type that is given": (R) => new R("x", { headers: { "Content-Type": "text/html" } }).headers.get("content-type"),
  "no type of bytes": (R) => new R(utf8Bytes("x")).headers.get("content-type"),
  "a bad name": (R) => new R("x", { headers: { "a b": "1" } }),
  "a bad value": (R) => new R("x", { headers: { a: "1\r\nb: 2" } }),
  "a wide value": (R) => new R("x", { headers: { a: "\u20ac" } }),
  "a bad pair": (R) => new R("x", { headers: [["a"]] as unknown as Headers }),
  "a bad status": (R) => new R("x", { status: 600 }),
  "a status of text": (R) => new R("x", { status: "201" as unknown as number }).status,
  "no init": (R) => new R("x", null as unknown as undefined).status,
  "an init that changes": (R) => {
    const headers = new Headers({ "x-a": "1" });
    const init = { status: 201, headers };
    const response = new R("x", init);
    init.status = 500;
    headers.set("x-a", "2");
    return [response.status, response.headers.get("x-a")];
  },
  "bytes that change": async (R) => {
    const bytes = utf8Bytes("before");
    const response = new R(bytes);
    bytes.fill(0);
    return await response.text();
  },
  "reading twice": async (R) => {
    const response = new R("x");
    const used = [response.bodyUsed, await response.text(), response.bodyUsed];
    return [used, await outcome((response) => response.text(), response), await outcome((r) => r.clone(), response)];
  },
  forms: async (R) => [
    await new R('{"a":1}').json(),
    (await new R("ab").arrayBuffer()).byteLength,
    (await new R("a=1", { headers: { "content-type": "application/x-www-form-urlencoded" } }).formData()).get("a"),
    (await new R("ab", { headers: { "content-type": "a/b" } }).blob()).type,
  ],
  "a stream taken out": async (R) => {
    const response = new R("x");
    const { body } = response;
    return [body === response.body, await new R(body).text(), response.bodyUsed];
  },
  "a clone": async (R) => {
    const response = new R("x", { status: 201, headers: { a: "1" } });
    response.headers.set("a", "2");
    const clone = response.clone();
    response.headers.set("a", "3");
    return [clone.status, clone.headers.get("a"), await clone.text(), await response.text(), clone instanceof R];
  },
  "headers after the body": async (R) => {
    const response = new R("x");
    const { headers } = response;
    await response.text();
    headers.set("a", "1");
    return [response.headers === headers, response.headers.get("a")];
  },
  subclass: async (R) => {
    class Page extends R {
      readonly page = true;
      override get status(): number {
        return super.status + 1;
      }
    }
    const page = new Page("x", { status: 201 });
    return [page instanceof Page, page.page, page.status, page.constructor === Page, page.ok, await page.text()];
  },
  "members of the prototype": async (R) => {
    const status = Object.getOwnPropertyDescriptor(R.prototype, "status")?.get;
    return [await R.prototype.text.call(new R("x")), isBun ? 200 : status?.call(new R())];
  },
  json: async (R) => {
    const response = R.json({ a: [1] }, { status: 201, headers: { a: "1" } });
    return [response.status, [...response.headers], await response.text()];
  },
  "json of a type": (R) => R.json(1, { headers: { "content-type": "a/b" } }).headers.get("content-type"),
  "json of nothing": (R) => R.json(undefined),
  redirect: (R) => [R.redirect("http://x/", 301).status, R.redirect("http://x/").headers.get("location")],
  error: (R) => [R.error().type, R.error().status],
};

fastTest("Response does what the native one does", async (native) => {
  const differences: string[] = [];
  for (const [name, probe] of Object.entries(probes)) {
    Response.prototype.constructor = native;
    const expected = await outcome(probe, native);
    Response.prototype.constructor = Response;
    const actual = await outcome(probe, Response);
    if (actual !== expected) differences.push(`${name}: ${actual}, not ${expected}`);
  }
  assertEquals(differences, []);
});

fastTest("Response compiles WebAssembly", async () => {
  const module = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
  const { compileStreaming } = WebAssembly as { compileStreaming?: typeof WebAssembly.compileStreaming };
  // Bun has none.
  const compiled = compileStreaming?.(new Response(module, { headers: { "content-type": "application/wasm" } }));
  if (compiled !== undefined) assertInstanceOf(await compiled, WebAssembly.Module);
});

fastTest("Bun's server takes a Response", async () => {
  const { Bun } = globalThis as unknown as {
    readonly Bun: {
      serve(options: { port: number; fetch(): Response }): { readonly url: URL; stop(now: boolean): Promise<void> };
    };
  };
  const make = [() => new Response("text", { status: 201 }), () => Response.json({ a: 1 }), () => new Response(null)];
  const server = Bun.serve({ port: 0, fetch: () => make[turn]!() });
  let turn = 0;
  const answers: unknown[] = [];
  for (; turn < make.length; turn++) {
    const answer = await fetch(server.url);
    answers.push([answer.status, await answer.text()]);
  }
  await server.stop(true);
  assertEquals(answers, [[201, "text"], [200, '{"a":1}'], [200, ""]]);
}, !isBun);

Deno.test("FastResponse can be subclassed", async () => {
  class Page extends FastResponse {}
  const page = new Page("x");
  assert(page instanceof Page && page instanceof Response);
  assertEquals(await page.text(), "x");
});
