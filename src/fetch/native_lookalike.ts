/** Objects of ours that pass for the runtime's `Request`, `Response` and `Headers`. */

import type { Define } from "./shared_change.ts";

type NativeClass = typeof Request | typeof Response | typeof Headers;
type Kind = "Request" | "Response" | "Headers";

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
const keys = {
  Request: Symbol.for("webfcgi.Request"),
  Response: Symbol.for("webfcgi.Response"),
  Headers: Symbol.for("webfcgi.Headers"),
} as const;

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

const inspectSymbol = Symbol.for("nodejs.util.inspect.custom");

/** Makes Bun's `console.log` show instances as what `show` makes of them; the others' native prototype has a method for it. */
export function makeInspectable<T>(Class: LookalikeClass<T>, show: (own: T) => object): void {
  if (inspectSymbol in Class.prototype) return;
  Object.defineProperty(Class.prototype, inspectSymbol, {
    value(this: unknown): unknown {
      return Class.is(this) ? show(this) : this;
    },
  });
}

/** Gives a class of ours the members of the native class that it lacks, this runtime's own too: its native object does them. */
export function delegateMembers<T>(Class: LookalikeClass<T>, Native: NativeClass): void {
  const lacking = Reflect.ownKeys(Native.prototype).filter((name) => !Object.hasOwn(Class.prototype, name));
  wrapMembers(Object.defineProperty, Class.prototype, lacking, Native, (native) => (self, args) => {
    return Reflect.apply(native, Class.is(self) ? Class.toNative(self) : self, args);
  });
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
  // Bun's accessors are fixed, its methods can be replaced.
  const names = [...Object.getOwnPropertyNames(Native.prototype), Symbol.iterator].filter((name) => {
    const { configurable, writable } = Object.getOwnPropertyDescriptor(Native.prototype, name) ?? {};
    return configurable || writable;
  });
  wrapMembers(define, Native.prototype, names, Native, (native, name, kind) => (self, args) => {
    const lookalike = find(self);
    if (lookalike === undefined) return Reflect.apply(native, self, args);
    const { own, Class } = lookalike;
    const ours = Object.getOwnPropertyDescriptor(Class.prototype, name);
    return ours === undefined ? Reflect.apply(native, Class.toNative(own), args) : Reflect.apply(ours[kind], own, args);
  });
}

type Keyed = { readonly [key: symbol]: Lookalike<LookalikeClass<unknown>> | undefined };
type Member = (...args: unknown[]) => unknown;
type Apply = (self: unknown, args: unknown[]) => unknown;

/** Defines native members such that `wrap` decides what each does. One with two names, as `entries`, stays one function. */
function wrapMembers(
  define: Define,
  target: object,
  names: readonly PropertyKey[],
  Native: NativeClass,
  wrap: (native: Member, name: PropertyKey, kind: "get" | "value") => Apply,
): void {
  const wrapped = new Map<Member, Member>();
  for (const name of names) {
    const property = Object.getOwnPropertyDescriptor(Native.prototype, name)!;
    if (name === "constructor") continue;
    for (const kind of ["get", "value"] as const) {
      const native = property[kind];
      if (typeof native !== "function") continue;
      if (!wrapped.has(native)) wrapped.set(native, likeNative(native, wrap(native, name, kind)));
      property[kind] = wrapped.get(native);
    }
    define(target, name, property);
  }
}

/** A function of the same name and length. */
function likeNative(native: Member, apply: Apply): Member {
  // A method: nothing else has `this` and cannot be called with new. Not a Proxy: native objects are read through it too,
  // and would be read twenty times as slowly.
  const { member } = {
    member(this: unknown, ...args: unknown[]): unknown {
      return apply(this, args);
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

/** Makes `structuredClone` reject an object, where it would not and rejects native ones: Node and Bun. */
export const markAsUncloneable: ((object: object) => void) | undefined = findMarkAsUncloneable();

function findMarkAsUncloneable(): ((object: object) => void) | undefined {
  if (isCloneable(new Headers()) || !isCloneable(Object.create(Headers.prototype))) return undefined;
  const { process } = globalThis as unknown as { readonly process: Process };
  return process.getBuiltinModule("node:worker_threads").markAsUncloneable;
}

interface Process {
  getBuiltinModule(name: string): { readonly markAsUncloneable?: (object: object) => void };
}

function isCloneable(object: object): boolean {
  try {
    structuredClone(object);
    return true;
  } catch {
    return false;
  }
}
