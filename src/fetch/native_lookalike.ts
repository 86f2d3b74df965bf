/** Objects of ours that pass for the runtime's `Request` and `Response`. */

import type { Define } from "./shared_change.ts";

type NativeClass = typeof Request | typeof Response;
type Kind = "Request" | "Response";

/** A class of ours whose instances pass for native ones. */
export interface LookalikeClass<T> {
  readonly prototype: object;
  /** Whether a value is an instance, and does not only inherit from one. */
  is(value: unknown): value is T;
  /** The native object of the same contents, which has the body from then on. */
  toNative(own: T): object;
}

/** An instance and its class, which may be another copy's of this package. */
interface Lookalike<Class> {
  readonly own: Class extends LookalikeClass<infer T> ? T : never;
  readonly Class: Class;
}

/** Where an instance of any copy of this package shows itself, through Proxies too. */
const keys = { Request: Symbol.for("webfcgi.Request"), Response: Symbol.for("webfcgi.Response") } as const;

/** Makes instances indistinguishable from native ones to `instanceof`, `toString`, `constructor` and `for…in`. */
export function makeLookalike<T>(Class: LookalikeClass<T>, Native: NativeClass): void {
  hideClass(Class.prototype, Native);
  Object.defineProperty(Class.prototype, keys[Native.name as Kind], {
    get(): Lookalike<LookalikeClass<T>> | undefined {
      return Class.is(this) ? { own: this, Class } : undefined;
    },
  });
}

/** The same for a subclass of the native class. */
export function hideClass(prototype: object, Native: NativeClass): void {
  Object.setPrototypeOf(prototype, Native.prototype);
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name === "constructor") delete (prototype as { constructor?: unknown }).constructor;
    else Object.defineProperty(prototype, name, { enumerable: true });
  }
}

/** The lookalike that a value is, or is a Proxy around: itty-router's handlers get one. */
export function unwrap<Class>(value: unknown, kind: Kind): Lookalike<Class> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as { readonly [key: symbol]: Lookalike<Class> | undefined })[keys[kind]];
}

/**
 * Makes the members of a native prototype work on lookalikes, as in `Request.prototype.clone.call(request)`; what a
 * lookalike lacks because only this runtime has it (a later standard's `textStream`), its native object does.
 */
export function patchPrototype<T>(define: Define, Native: NativeClass, Own: LookalikeClass<T>): void {
  const key = keys[Native.name as Kind];
  // By its own brand first: an instance may have been given another prototype.
  const find = (value: unknown): Lookalike<LookalikeClass<unknown>> | undefined =>
    Own.is(value) ? { own: value, Class: Own as LookalikeClass<unknown> } : (value as Keyed | undefined)?.[key];
  for (const name of Object.getOwnPropertyNames(Native.prototype)) {
    const theirs = Object.getOwnPropertyDescriptor(Native.prototype, name)!;
    // Bun's accessors are fixed, its methods can be replaced.
    if (name === "constructor" || !(theirs.configurable || theirs.writable)) continue;
    for (const kind of ["get", "value"] as const) {
      if (typeof theirs[kind] === "function") theirs[kind] = patchedMember(theirs[kind], name, kind, find);
    }
    define(Native.prototype, name, theirs);
  }
}

type Keyed = { readonly [key: symbol]: Lookalike<LookalikeClass<unknown>> | undefined };
type Member = (...args: unknown[]) => unknown;

function patchedMember(
  native: Member,
  name: string,
  kind: "get" | "value",
  find: (value: unknown) => Lookalike<LookalikeClass<unknown>> | undefined,
): Member {
  // Not a Proxy: native requests are read through it too, and would be read twenty times as slowly.
  const { member } = {
    member(this: unknown, ...args: unknown[]): unknown {
      const lookalike = find(this);
      if (lookalike === undefined) return Reflect.apply(native, this, args);
      const { own, Class } = lookalike;
      const ours = Object.getOwnPropertyDescriptor(Class.prototype, name);
      return ours === undefined
        ? Reflect.apply(native, Class.toNative(own), args)
        : Reflect.apply(ours[kind], own, args);
    },
  };
  for (const property of ["name", "length"]) {
    Object.defineProperty(member, property, Object.getOwnPropertyDescriptor(native, property)!);
  }
  return member;
}

/** Puts a class in the place of a global one, whose instances call it their constructor. */
export function replaceGlobal(define: Define, name: Kind, Class: NativeClass): void {
  const { enumerable = false } = Object.getOwnPropertyDescriptor(globalThis, name)!;
  define(globalThis, name, { value: Class, writable: true, enumerable, configurable: true });
  define(Class.prototype, "constructor", { value: Class });
}
