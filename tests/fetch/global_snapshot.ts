/** The globals that the library may patch, written down to the last property. */

type Shot = ReadonlyMap<object, ReadonlyMap<PropertyKey, PropertyDescriptor>>;

const names: readonly PropertyKey[] = ["Request", "Response", "Headers", "fetch", "Cache"];

/** Writes down every property of the Fetch classes and their prototypes, and what `globalThis` has of them, or of ours. */
export function snapshot(): Shot {
  const { Cache } = globalThis as { readonly Cache?: { readonly prototype: object } };
  const classes = [Request, Response, Headers].flatMap((Class) => [Class, Class.prototype]);
  const objects = [globalThis, ...classes, fetch, Cache?.prototype];
  return new Map(
    objects.filter((object) => object !== undefined).map((object) => [
      object,
      new Map(keysOf(object).map((key) => [key, Object.getOwnPropertyDescriptor(object, key)!])),
    ]),
  );
}

/** A runtime may change other globals of its own on the way. */
function keysOf(object: object): PropertyKey[] {
  const keys = Reflect.ownKeys(object);
  return object === globalThis ? keys.filter((key) => typeof key === "symbol" || names.includes(key)) : keys;
}

/** The names of the properties that two snapshots do not have alike. */
export function differences(before: Shot, after: Shot): string[] {
  const names: string[] = [];
  for (const object of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(object);
    const is = after.get(object);
    for (const key of new Set([...was?.keys() ?? [], ...is?.keys() ?? []])) {
      if (!isSame(was?.get(key), is?.get(key))) names.push(String(key));
    }
  }
  return names;
}

function isSame(one: PropertyDescriptor | undefined, other: PropertyDescriptor | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (["value", "get", "set", "writable", "enumerable", "configurable"] as const).every((name) =>
    Object.is(one[name], other[name])
  );
}
