/**
 * The three globals that see through what only looks native, or differ between runtimes, put right.
 *
 * - `new Request(request, init)` and `fetch(request)` want a native Request: they get the native one of a lazy request.
 * - `new Response("text")` and `Response.json(…)` set a Content-Type by the Fetch standard; Bun's set none, or another.
 *
 * Each stays what it was in every other way: `instanceof`, subclassing, its statics and its name. Done once, by the first
 * `serve`, and not at all where `nativeRequest` is set.
 */

import { keepMethod, LazyRequest } from "./lazy_request.ts";

const adopted = Symbol("webfcgi");

/** Puts the globals right, unless that has been done. */
export function adoptGlobals(): void {
  if (adopted in Request) return;
  Object.defineProperty(Request, adopted, { value: true });
  const NativeRequest = Request;
  globalThis.Request = new Proxy(NativeRequest, {
    construct(target, [input, init]: ConstructorParameters<typeof Request>, newTarget): Request {
      if (!LazyRequest.is(input)) {
        return Reflect.construct(target, init === undefined ? [input] : [input, init], newTarget);
      }
      const keepsBody = init?.body !== undefined && init.body !== null;
      const native = keepsBody ? LazyRequest.toNative(input, false) : LazyRequest.handOver(input);
      const request = Reflect.construct(target, [native, init], newTarget);
      return init?.method === undefined ? keepMethod(request, input.method) : request;
    },
  });
  globalThis.fetch = new Proxy(fetch, {
    apply(target, self, [input, ...rest]: Parameters<typeof fetch>): Promise<Response> {
      if (!LazyRequest.is(input)) return Reflect.apply(target, self, [input, ...rest]);
      try {
        return Reflect.apply(target, self, [LazyRequest.handOver(input), ...rest]);
      } catch (error) {
        return Promise.reject(error);
      }
    },
  });
  adoptResponse();
}

/** Where `new Response("text")` has no Content-Type (Bun), gives it the one of the Fetch standard. */
function adoptResponse(): void {
  const NativeResponse = Response;
  if (new NativeResponse("").headers.has("content-type")) return;
  const json = (data: unknown, init?: ResponseInit): Response => {
    const response = NativeResponse.json(data, init);
    if (!new Headers(init?.headers).has("content-type")) response.headers.set("content-type", "application/json");
    return response;
  };
  globalThis.Response = new Proxy(NativeResponse, {
    construct(target, args: ConstructorParameters<typeof Response>, newTarget): Response {
      const response = Reflect.construct(target, args, newTarget);
      if (typeof args[0] === "string" && !response.headers.has("content-type")) {
        response.headers.set("content-type", "text/plain;charset=UTF-8");
      }
      return response;
    },
    get: (target, name, receiver): unknown => name === "json" ? json : Reflect.get(target, name, receiver),
  });
}
