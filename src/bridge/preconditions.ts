/** What a request demands of a file's state before it wants the file (RFC 9110 §13). */

/** What tells one state of a file from another. */
export interface Validators {
  /** The entity tag, with its quotes; a strong one. */
  readonly etag: string;
  /** When the file was last changed, a whole second, in milliseconds since 1970. */
  readonly lastModifiedMs: number;
}

/** What comes of the conditions of a GET or HEAD: send it, 304, or 412. */
export function checkPreconditions(
  headers: Headers,
  { etag, lastModifiedMs }: Validators,
): "send" | "not modified" | "failed" {
  // In the order of §13.2.2; where there is a tag, the date does not count.
  const ifMatch = headers.get("if-match");
  const ifUnmodifiedSince = httpDate(headers.get("if-unmodified-since"));
  if (ifMatch !== null) {
    if (!names(ifMatch, etag)) return "failed";
  } else if (ifUnmodifiedSince !== undefined && lastModifiedMs > ifUnmodifiedSince) {
    return "failed";
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) return names(ifNoneMatch.replaceAll('W/"', '"'), etag) ? "not modified" : "send";
  const ifModifiedSince = httpDate(headers.get("if-modified-since"));
  return ifModifiedSince !== undefined && lastModifiedMs <= ifModifiedSince ? "not modified" : "send";
}

/** Whether the Range field counts: not if the file has changed since the part that the client has (§13.1.5). */
export function rangeCounts(headers: Headers, { etag, lastModifiedMs }: Validators, nowMs: number): boolean {
  const ifRange = headers.get("if-range")?.trim();
  if (ifRange === undefined) return true;
  if (ifRange.endsWith('"')) return ifRange === etag;
  // A file changed in this second may change again without another date (§8.8.2.2).
  return httpDate(ifRange) === lastModifiedMs && nowMs - lastModifiedMs >= 1000;
}

/** Whether a list of tags has this very one; `*` has all. */
function names(list: string, etag: string): boolean {
  return list.trim() === "*" || list.match(/(?:W\/)?"[^"]*"/g)?.some((tag) => tag === etag) === true;
}

/** A date in one of the three forms (§5.6.7), in milliseconds since 1970; `undefined` if it is in none. */
function httpDate(field: string | null): number | undefined {
  const text = field?.trim() ?? "";
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(text);
  if (!isAsctime && !/^[A-Z][a-z]+, [\w -]+ \d\d:\d\d:\d\d GMT$/.test(text)) return undefined;
  const ms = Date.parse(isAsctime ? `${text} GMT` : text);
  return Number.isNaN(ms) ? undefined : ms;
}
