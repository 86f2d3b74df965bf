/** The conditions of a request on a file's state (RFC 9110 §13). */

/** The state of a file. */
export interface Validators {
  /** The entity tag, with its quotes; a weak one begins with `W/`. */
  readonly etag: string;
  /** When the file was last changed, a whole second, in milliseconds since 1970. */
  readonly lastModifiedMs: number;
}

/** Judges the conditions of a GET or HEAD: send the file, answer 304, or 412. */
export function checkPreconditions(
  headers: Headers,
  { etag, lastModifiedMs }: Validators,
): "send" | "not modified" | "failed" {
  // In the order of §13.2.2; where there is a tag, the date does not count.
  const ifMatch = headers.get("if-match");
  const ifUnmodifiedSince = httpDate(headers.get("if-unmodified-since"));
  if (ifMatch !== null) {
    if (!hasStrong(ifMatch, etag)) return "failed";
  } else if (ifUnmodifiedSince !== undefined && lastModifiedMs > ifUnmodifiedSince) {
    return "failed";
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) return hasWeak(ifNoneMatch, etag) ? "not modified" : "send";
  const ifModifiedSince = httpDate(headers.get("if-modified-since"));
  return ifModifiedSince !== undefined && lastModifiedMs <= ifModifiedSince ? "not modified" : "send";
}

/**
 * Whether the Range field counts: only if the client's part is of this very state of the file (§13.1.5). No date says
 * so, because a file may change twice in a second, or be given another's date; every response has a tag.
 */
export function rangeCounts(headers: Headers, etag: string): boolean {
  const ifRange = headers.get("if-range")?.trim();
  return ifRange === undefined || isStrong(etag) && ifRange === etag;
}

function isStrong(etag: string): boolean {
  return !etag.startsWith("W/");
}

/** Whether a list has a tag by the strong comparison (§8.8.3.2); `*` has all. */
function hasStrong(list: string, etag: string): boolean {
  return list.trim() === "*" || isStrong(etag) && tags(list).includes(etag);
}

/** The same by the weak comparison. */
function hasWeak(list: string, etag: string): boolean {
  const opaque = (tag: string): string => tag.replace(/^W\//, "");
  return list.trim() === "*" || tags(list).some((tag) => opaque(tag) === opaque(etag));
}

function tags(list: string): string[] {
  return list.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

/** A date in one of the three forms (§5.6.7), in milliseconds since 1970; `undefined` if it is in none. */
function httpDate(field: string | null): number | undefined {
  const text = field?.trim() ?? "";
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(text);
  if (!isAsctime && !/^[A-Z][a-z]+, [\w -]+ \d\d:\d\d:\d\d GMT$/.test(text)) return undefined;
  const ms = Date.parse(isAsctime ? `${text} GMT` : text);
  return Number.isNaN(ms) ? undefined : ms;
}
