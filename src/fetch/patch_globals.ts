/**
 * The globals that see through what only looks native, or differ between runtimes, put right.
 *
 * - `new Request(request, init)`, `fetch(request)` and `cache.match(request)` want a native Request: they get the native
 *   one of a lazy request. What is called on `Request.prototype` gets ours.
 * - `new Response("text")` and `Response.json(…)` set a Content-Type by the Fetch standard; Bun's set none, or another.
 *
 * Each stays what it was in every other way: `instanceof`, subclassing, its statics and its name. Done once, by the first
 * `serve`, and not at all where `nativeRequest` is set. With the option `fastResponse`, `new Response("text")` makes one
 * that keeps its text.
 */

import { globalResponse, MemoryResponse, nativeResponse } from "./fast_response.ts";
import { keepMethod, LazyRequest } from "./lazy_request.ts";
import { adoptClass, adoptPrototype } from "./native_lookalike.ts";

const adopted = Symbol("webfcgi");

/** Puts the globals right, unless that has been done. */
export function adoptGlobals(): void {
  if (adopted in Request) return;
  Object.defineProperty(Request, adopted, { value: true });
  const AdoptedRequest = new Proxy(Request, {
    construct(target, [input, init]: ConstructorParameters<typeof Request>, newTarget): Request {
      const lazy = LazyRequest.behind(input);
      if (lazy === undefined) return Reflect.construct(target, init === undefined ? [input] : [input, init], newTarget);
      const request = passOn(lazy, init, (native): Request => Reflect.construct(target, [native, init], newTarget));
      return init?.method === undefined ? keepMethod(request, lazy.method) : request;
    },
  });
  adoptPrototype(Request, LazyRequest, LazyRequest.toNative);
  adoptClass("Request", AdoptedRequest);
  globalThis.fetch = new Proxy(fetch, {
    apply(target, self, [input, ...rest]: Parameters<typeof fetch>): Promise<Response> {
      const lazy = LazyRequest.behind(input);
      if (lazy === undefined) return Reflect.apply(target, self, [input, ...rest]);
      try {
        return passOn(lazy, rest[0], (native) => Reflect.apply(target, self, [native, ...rest]));
      } catch (error) {
        return Promise.reject(error);
      }
    },
  });
  adoptCaches();
  adoptResponse();
}

/** Gives the native request to `use`, which has the body from then on if it has not thrown, nor another body by `init`. */
function passOn<T>(request: LazyRequest, init: RequestInit | undefined, use: (native: Request) => T): T {
  const keepsBody = init?.body !== undefined && init.body !== null;
  const result = use(LazyRequest.toNative(request, !keepsBody));
  if (!keepsBody) LazyRequest.handOver(request);
  return result;
}

/** Where there are caches (Deno): requests are only looked at. */
function adoptCaches(): void {
  const { prototype } = (globalThis as unknown as { Cache?: { prototype: Record<string, unknown> } }).Cache ?? {};
  for (const name of ["match", "put", "delete"]) {
    const method = prototype?.[name];
    if (prototype === undefined || typeof method !== "function") continue;
    prototype[name] = new Proxy(method, {
      apply(target, self, [input, ...rest]): unknown {
        const lazy = LazyRequest.behind(input);
        return Reflect.apply(target, self, [lazy === undefined ? input : LazyRequest.toNative(lazy, false), ...rest]);
      },
    });
  }
}

/** Where `new Response("text")` has no Content-Type (Bun), gives it the one of the Fetch standard. */
function adoptResponse(): void {
  if (!new Response("").headers.has("content-type")) adoptClass("Response", nativeResponse);
}

const fast = Symbol("webfcgi fast");

/** Has the global `Response` make responses that are sent without a stream, unless it does; `native` as `globalResponse`. */
export function adoptFastResponse(native: boolean): void {
  if (fast in Response) return;
  const FastGlobal = globalResponse(native);
  Object.defineProperty(FastGlobal, fast, { value: true });
  if (!native) adoptPrototype(Response, MemoryResponse, MemoryResponse.toNative);
  adoptClass("Response", FastGlobal);
}
