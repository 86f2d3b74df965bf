/** How options are checked and filled in, for servers, clients and sites alike. */

/** Options that are numbers: the least value, and the default unless it is Infinity. */
export type NumberTable = Readonly<Record<string, readonly [least: number, fallback?: number]>>;

/** Options that are true or false, with their defaults. */
export type FlagTable = Readonly<Record<string, boolean>>;

type Values = Readonly<Record<string, unknown>>;

/** Fills in numbers. @throws {TypeError} If one is no number. @throws {RangeError} If one is too small. */
export function resolveNumbers<T extends NumberTable>(
  what: string,
  table: T,
  options: object,
): { readonly [Name in keyof T]: number } {
  return mapTable(table, (name, [least, fallback = Infinity]) => {
    const value = (options as Values)[name] ?? fallback;
    if (typeof value === "number" && value >= least) return value;
    const remedy = `write a number, ${least} or more; Infinity for no limit`;
    throw numberFault(value, `${what}: ${name} is ${show(value)}; ${remedy}`);
  });
}

/** Fills in what is true or false. @throws {TypeError} If one is neither. */
export function resolveFlags<T extends FlagTable>(
  what: string,
  table: T,
  options: object,
): { readonly [Name in keyof T]: boolean } {
  return mapTable(table, (name, fallback) => {
    const value = (options as Values)[name] ?? fallback;
    if (typeof value === "boolean") return value;
    throw new TypeError(`${what}: ${name} is ${show(value)}; write true or false`);
  });
}

/** @throws {TypeError|RangeError} If the value is no whole number from `least` to `most`. */
export function checkInteger(what: string, name: string, value: unknown, least: number, most: number): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
  throw numberFault(value, `${what}: ${name} is ${show(value)}; write a whole number, ${least} to ${most}`);
}

/** @throws {TypeError} If a value is given and is no function. */
export function checkFunction(what: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw new TypeError(`${what}: ${name} is ${show(value)}; write a function`);
  }
}

/**
 * Refuses options that there are not; `otherNames` are what people call those that there are.
 *
 * @throws {TypeError} If there is one, with the name that was probably meant.
 */
export function checkNames(
  what: string,
  options: object,
  names: readonly string[],
  otherNames: Readonly<Record<string, string>> = {},
): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const meant = nearest(name, names, otherNames);
    const question = meant === undefined ? "" : `; did you mean ${meant}?`;
    throw new TypeError(`${what}: there is no option ${JSON.stringify(name)}${question}`);
  }
}

/** A value as an error message shows it: one line, not too long. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "an array" : "an object";
}

function numberFault(value: unknown, message: string): Error {
  return typeof value === "number" ? new RangeError(message) : new TypeError(message);
}

function mapTable<T extends Readonly<Record<string, unknown>>, V>(
  table: T,
  make: (name: string, entry: T[string]) => V,
): { readonly [Name in keyof T]: V } {
  const made = Object.entries(table).map(([name, entry]) => [name, make(name, entry as T[string])]);
  return Object.fromEntries(made) as { readonly [Name in keyof T]: V };
}

/** The name that was probably meant by another; `otherNames` are what people call those that there are. */
export function nearest(
  name: string,
  names: readonly string[],
  otherNames: Readonly<Record<string, string>>,
): string | undefined {
  const lower = name.toLowerCase();
  const other = Object.keys(otherNames).find((it) => it.toLowerCase() === lower);
  if (other !== undefined) return otherNames[other];
  const begins = names.find((it) => it.toLowerCase() === lower) ??
    names.find((it) => it.toLowerCase().startsWith(lower) && lower.length > 2);
  if (begins !== undefined) return begins;
  const [closest] = names.map((it) => [distance(lower, it.toLowerCase()), it] as const).sort(([a], [b]) => a - b);
  return closest !== undefined && closest[0] <= (lower.length + 2) / 3 ? closest[1] : undefined;
}

/** The number of letters to put in, take out or change (Levenshtein's distance). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
