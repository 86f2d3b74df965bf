/**
 * Patches the globals that bypass the prototype chain, and so would reject a LazyRequest, and those that differ between
 * runtimes.
 *
 * - `new Request(request, init)`, `fetch(request)` and `cache.match(request)` get the native request of a lazy one. What
 *   is called on `Request.prototype` and `Headers.prototype` works on lazy ones, too.
 * - `new Response("text")` and `Response.json(…)` set a Content-Type by the Fetch standard; Bun's set none, or another.
 *
 * Each stays what it was in every other way: `instanceof`, subclassing, its statics and its name.
 */

import { FastInstance } from "./fast_response.ts";
import { patchedResponse, type Remembered } from "./patched_response.ts";
import { LazyHeaders } from "./lazy_headers.ts";
import { LazyRequest, restoreMethod } from "./lazy_request.ts";
import { patchPrototype, replaceGlobal, unwrap } from "./native_lookalike.ts";
import { type Define, useChange } from "./shared_change.ts";

/** Patches the globals, unless that has been done. The function returned undoes it, unless another server needs it. */
export function patchGlobals(): () => void {
  return useChange("globals", (define) => {
    patchPrototype(define, Request, LazyRequest);
    patchPrototype(define, Headers, LazyHeaders);
    patchRequest(define);
    patchFetch(define);
    patchCaches(define);
    if (!new Response("").headers.has("content-type")) replaceGlobal(define, "Response", patchedResponse("nothing"));
  });
}

/** Makes the global `Response` create responses that are sent without a stream; undone as {@linkcode patchGlobals}. */
export function patchResponse(): () => void {
  return useChange("response", (define) => {
    const remembered: Remembered = takesOnlyNative() ? "text" : "body";
    if (remembered === "body") patchPrototype(define, Response, FastInstance);
    replaceGlobal(define, "Response", patchedResponse(remembered));
  });
}

/** Whether the runtime's own functions (its HTTP server, its caches, its files) take no Response but its own. */
function takesOnlyNative(): boolean {
  const { Deno, Bun } = globalThis as {
    readonly Deno?: { readonly version?: { readonly deno?: unknown } };
    readonly Bun?: { readonly version?: unknown };
  };
  return typeof (Deno?.version?.deno ?? Bun?.version) === "string";
}

function patchRequest(define: Define): void {
  replaceGlobal(
    define,
    "Request",
    new Proxy(Request, {
      construct(target, [input, init]: ConstructorParameters<typeof Request>, newTarget): Request {
        const make = (native: RequestInfo | URL): Request =>
          Reflect.construct(target, init === undefined ? [native] : [native, init], newTarget);
        const lazy = unwrapRequest(input);
        if (lazy === undefined) return make(input);
        const request = withNativeRequest(lazy, init, make);
        return init?.method === undefined ? restoreMethod(request, lazy.own.method) : request;
      },
    }),
  );
}

function patchFetch(define: Define): void {
  const value = new Proxy(fetch, {
    apply(target, self, [input, ...rest]: Parameters<typeof fetch>): Promise<Response> {
      const lazy = unwrapRequest(input);
      if (lazy === undefined) return Reflect.apply(target, self, [input, ...rest]);
      try {
        return withNativeRequest(lazy, rest[0], (native) => Reflect.apply(target, self, [native, ...rest]));
      } catch (error) {
        return Promise.reject(error);
      }
    },
  });
  define(globalThis, "fetch", { value });
}

/** Deno's caches look at a request, and do not read its body. */
function patchCaches(define: Define): void {
  const { prototype } = (globalThis as unknown as { Cache?: { prototype: Record<string, unknown> } }).Cache ?? {};
  for (const name of ["match", "put", "delete"]) {
    const method = prototype?.[name];
    if (prototype === undefined || typeof method !== "function") continue;
    const value = new Proxy(method, {
      apply(target, self, [input, ...rest]): unknown {
        const lazy = unwrapRequest(input);
        return Reflect.apply(target, self, [lazy?.Class.withoutBody(lazy.own) ?? input, ...rest]);
      },
    });
    define(prototype, name, { value });
  }
}

type UnwrappedRequest = NonNullable<ReturnType<typeof unwrapRequest>>;

function unwrapRequest(value: unknown): ReturnType<typeof unwrap<typeof LazyRequest>> {
  return unwrap<typeof LazyRequest>(value, "Request");
}

/** Calls `use` with the native request, which then has the body, unless `use` throws or `init` gives another body. */
function withNativeRequest<T>(
  { own, Class }: UnwrappedRequest,
  init: RequestInit | undefined,
  use: (native: Request) => T,
): T {
  if (init?.body !== undefined && init.body !== null) return use(Class.withoutBody(own));
  const result = use(Class.toNative(own));
  Class.markBodyTransferred(own);
  return result;
}
