/** What makes instances of our own classes pass for the runtime's `Request` and `Response`. */

type NativeClass = typeof Request | typeof Response;

/** A class of ours. */
interface OwnClass<T> {
  readonly prototype: object;
  is(value: unknown): value is T;
}

/** Has `instanceof`, `Object.prototype.toString`, `constructor` and `for in` tell no difference. */
export function passFor({ prototype }: { readonly prototype: object }, Native: NativeClass): void {
  Object.setPrototypeOf(prototype, Native.prototype);
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name === "constructor") delete (prototype as { constructor?: unknown }).constructor;
    else Object.defineProperty(prototype, name, { enumerable: true });
  }
}

/**
 * Has what is taken off the native prototype (`Request.prototype.clone.call(request)`) work on ours, and what only
 * this runtime has (a later standard's `textStream`), by way of the native one.
 */
export function adoptPrototype<T>(Native: NativeClass, Own: OwnClass<T>, toNative: (own: T) => object): void {
  for (const name of Object.getOwnPropertyNames(Native.prototype)) {
    const theirs = Object.getOwnPropertyDescriptor(Native.prototype, name)!;
    // Bun's properties are not to be changed, its methods are.
    if (name === "constructor" || !(theirs.configurable || theirs.writable)) continue;
    const ours = Object.getOwnPropertyDescriptor(Own.prototype, name);
    for (const kind of ["get", "value"] as const) {
      const native = theirs[kind];
      if (typeof native !== "function") continue;
      // Not a Proxy: native requests are read through it too, and would be read twenty times as slowly.
      const { member } = {
        member(this: unknown, ...args: unknown[]): unknown {
          if (!Own.is(this)) return Reflect.apply(native, this, args);
          return ours === undefined
            ? Reflect.apply(native, toNative(this), args)
            : Reflect.apply(ours[kind], this, args);
        },
      };
      for (const name of ["name", "length"]) {
        Object.defineProperty(member, name, Object.getOwnPropertyDescriptor(native, name)!);
      }
      theirs[kind] = member;
    }
    Object.defineProperty(Native.prototype, name, theirs);
  }
}

/** Puts a class in the place of a global one, whose instances call it their constructor. */
export function adoptClass(name: "Request" | "Response", Class: NativeClass): void {
  Object.assign(globalThis, { [name]: Class });
  Object.defineProperty(Class.prototype, "constructor", { value: Class });
}
