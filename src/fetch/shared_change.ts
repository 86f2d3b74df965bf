/**
 * Changes to what a whole process shares, which can be undone.
 *
 * The users of each change are counted on `globalThis`, under a symbol that every copy of this package knows: the first
 * user makes a change, and the last one to release it undoes it.
 */

/** Defines a property as `Object.defineProperty` does, such that it can be undone. */
export type Define = (target: object, name: PropertyKey, descriptor: PropertyDescriptor) => void;

interface Property {
  readonly target: object;
  readonly name: PropertyKey;
  before: PropertyDescriptor | undefined;
  readonly after: PropertyDescriptor;
}

interface Change {
  users: number;
  readonly properties: readonly Property[];
}

const key = Symbol.for("webfcgi.changes");

/** Makes a change, unless it has been made by that name; the function returned releases it. */
export function useChange(name: string, make: (define: Define) => void): () => void {
  const shared = globalThis as { [key]?: Map<string, Change> };
  if (shared[key] === undefined) {
    Object.defineProperty(shared, key, { value: new Map(), configurable: true });
  }
  const changes = shared[key]!;
  const change = changes.get(name) ?? { users: 0, properties: propertiesOf(make) };
  changes.set(name, change);
  change.users++;
  let released = false;
  return () => {
    if (released) return;
    released = true;
    if (--change.users > 0) return;
    changes.delete(name);
    for (const property of [...change.properties].reverse()) undo(property, changes);
    if (changes.size === 0) delete shared[key];
  };
}

function propertiesOf(make: (define: Define) => void): Property[] {
  const properties: Property[] = [];
  make((target, name, descriptor) => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, descriptor);
    properties.push({ target, name, before, after: Object.getOwnPropertyDescriptor(target, name)! });
  });
  return properties;
}

/** Puts a property back, unless someone else has changed it since. */
function undo({ target, name, before, after }: Property, changes: ReadonlyMap<string, Change>): void {
  const now = Object.getOwnPropertyDescriptor(target, name);
  if (now !== undefined && isSame(now, after)) {
    if (before !== undefined) Object.defineProperty(target, name, before);
    else Reflect.deleteProperty(target, name);
    return;
  }
  // A later change of ours lies on top, and is to lead back past this one.
  for (const { properties } of changes.values()) {
    for (const other of properties) {
      if (other.target === target && other.name === name && other.before && isSame(other.before, after)) {
        other.before = before;
      }
    }
  }
}

function isSame(one: PropertyDescriptor, other: PropertyDescriptor): boolean {
  return one.value === other.value && one.get === other.get && one.set === other.set;
}
