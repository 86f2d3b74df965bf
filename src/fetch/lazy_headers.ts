/**
 * A `Headers` that answers `get` and `has` from the request's parameters: most handlers read a field or two, and a native
 * Headers with all of them costs as much as the rest of the server. On any other use it makes a native one, which has
 * the fields from then on.
 *
 * It passes for a Headers: `instanceof`, every method, and wherever Headers are iterated, as by `new Headers(headers)`
 * and `new Response(body, { headers })`. `Headers.prototype.get.call(headers)` bypasses the prototype chain: where
 * `patch_globals.ts` has not patched it, it throws a TypeError.
 */

import type { Params } from "../cgi/params.ts";
import { requestHeader, requestHeaders } from "../cgi/request_headers.ts";
import { delegateMembers, makeInspectable, makeLookalike, markAsUncloneable } from "./native_lookalike.ts";

const NativeHeaders = Headers;
const { get, has, forEach } = NativeHeaders.prototype;

/** Passes for a `Headers`. */
export class LazyHeaders {
  readonly #params: Params;
  #native: Headers | null = null;

  /** Makes the headers of a request. */
  constructor(params: Params) {
    this.#params = params;
    markAsUncloneable?.(this);
  }

  /** Whether `value` is a LazyHeaders, and not only looks like one. */
  static is(value: unknown): value is LazyHeaders {
    return typeof value === "object" && value !== null && #params in value;
  }

  /** The native Headers of the same fields. It has them from now on. */
  static toNative(headers: LazyHeaders): Headers {
    if (headers.#native === null) {
      headers.#native = new NativeHeaders();
      const pairs = requestHeaders(headers.#params);
      for (let at = 0; at < pairs.length; at += 2) headers.#native.append(pairs[at]!, pairs[at + 1]!);
    }
    return headers.#native;
  }

  get(name: string): string | null {
    const value = LazyHeaders.#find(this, name);
    return value !== undefined ? value : Reflect.apply(get, nativeOf(this), arguments);
  }

  has(name: string): boolean {
    const value = LazyHeaders.#find(this, name);
    return value !== undefined ? value !== null : Reflect.apply(has, nativeOf(this), arguments);
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, ...rest: [thisArg?: unknown]): void {
    const own = this as unknown as Headers;
    function withOwn(this: unknown, value: string, name: string): void {
      Reflect.apply(callback, this, [value, name, own]);
    }
    Reflect.apply(forEach, nativeOf(this), typeof callback === "function" ? [withOwn, ...rest] : arguments);
  }

  /** A field's value, null if there is none; undefined if only the native Headers can tell. */
  static #find(headers: LazyHeaders, name: unknown): string | null | undefined {
    if (!LazyHeaders.is(headers) || headers.#native !== null || typeof name !== "string") return undefined;
    return requestHeader(headers.#params, name);
  }
}

makeLookalike(LazyHeaders, NativeHeaders);
delegateMembers(LazyHeaders, NativeHeaders);
makeInspectable(LazyHeaders, LazyHeaders.toNative);

/** What a native method works on. */
function nativeOf(value: unknown): unknown {
  return LazyHeaders.is(value) ? LazyHeaders.toNative(value) : value;
}
