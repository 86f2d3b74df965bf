/** What a program makes of a value, in a form that can be compared. */

/** What a probe gives back, or the class of what it throws; undefined and objects of a platform tell what they are. */
export async function outcome<T>(probe: (value: T) => unknown, value: T): Promise<string> {
  try {
    return JSON.stringify(await probe(value), (_, part: unknown) => part === undefined ? "(undefined)" : part) ??
      "(undefined)";
  } catch (error) {
    return `throws ${error instanceof Error ? error.name : String(error)}`;
  }
}

/** The names that `for in` gives, inherited ones too. */
export function namesForIn(value: object): string[] {
  const names: string[] = [];
  // deno-lint-ignore guard-for-in
  for (const name in value) names.push(name);
  return names;
}
