/**
 * The parameters of a request as the web server sent them, and the rule for a name that it sent twice.
 *
 * Strings are latin1 strings here: one char per byte, code points 0 to 255.
 */

/**
 * HTTP_* names of header fields that have one value: the last one counts, as it does for CGI variables.
 *
 * A joined HTTP_HOST would name no host; the others hold dates, credentials and free text, where `", "` makes no list.
 */
export const SINGLE_VALUED: ReadonlySet<string> = new Set([
  "HTTP_AUTHORIZATION",
  "HTTP_CONTENT_LENGTH",
  "HTTP_CONTENT_TYPE",
  "HTTP_FROM",
  "HTTP_HOST",
  "HTTP_IF_MODIFIED_SINCE",
  "HTTP_IF_RANGE",
  "HTTP_IF_UNMODIFIED_SINCE",
  "HTTP_MAX_FORWARDS",
  "HTTP_ORIGIN",
  "HTTP_PROXY_AUTHORIZATION",
  "HTTP_RANGE",
  "HTTP_REFERER",
  "HTTP_USER_AGENT",
]);

/**
 * Merges two values that came under one name, in wire order.
 *
 * nginx, HAProxy and h2o send repeated header fields as repeated HTTP_* parameters: those are joined as RFC 9110 §5.3
 * and RFC 6265 §5.4 say. Of anything else the later value counts: nginx sends SCRIPT_NAME twice when a location
 * overrides it.
 */
export function mergeValues(name: string, earlier: string, later: string): string {
  if (!name.startsWith("HTTP_") || SINGLE_VALUED.has(name)) return later;
  return earlier + (name === "HTTP_COOKIE" ? "; " : ", ") + later;
}

/**
 * The CGI parameters of a request: `REQUEST_METHOD`, `HTTP_ACCEPT` and whatever else the web server is set to send.
 *
 * Every byte is one char (latin1), as in header values. A name sent more than once has one value here: header fields
 * (`HTTP_*`) are joined with `", "` (cookies with `"; "`), of everything else the last one counts. Iteration gives the
 * pairs as they came, with duplicates.
 *
 * @example Reading parameters
 * ```ts
 * import { Params } from "@webfcgi/webfcgi";
 * import { assertEquals } from "@std/assert";
 *
 * const params = new Params(["SCRIPT_NAME", "/a", "HTTP_ACCEPT", "a/b", "SCRIPT_NAME", "", "HTTP_ACCEPT", "c/d"]);
 * assertEquals(params.get("SCRIPT_NAME"), "");
 * assertEquals(params.get("HTTP_ACCEPT"), "a/b, c/d");
 * assertEquals(params.has("REMOTE_USER"), false);
 * assertEquals([...params].length, 4);
 * ```
 */
export class Params implements Iterable<[string, string]> {
  readonly #flat: readonly string[];

  /**
   * Makes parameters of a flat list: name, value, name, value, and so on, in wire order. The list is kept, not copied.
   *
   * @throws {TypeError} If the last name has no value.
   */
  constructor(flat: readonly string[]) {
    if (flat.length % 2 !== 0) {
      throw new TypeError(`Cannot make Params: the list has ${flat.length} strings, and the last name has no value`);
    }
    this.#flat = flat;
  }

  /** How many pairs the web server sent, duplicates counted. */
  get size(): number {
    return this.#flat.length / 2;
  }

  /** The value of a parameter, merged if it was sent more than once; `undefined` if it was not sent. */
  get(name: string): string | undefined {
    const flat = this.#flat;
    // From the back, so that the value that counts comes first. A request reads a handful of some 30 parameters: a scan
    // costs less than a map would cost to build.
    let index = flat.length - 2;
    while (index >= 0 && flat[index] !== name) index -= 2;
    if (index < 0) return undefined;
    let value = flat[index + 1] as string;
    if (!name.startsWith("HTTP_") || SINGLE_VALUED.has(name)) return value;
    for (index -= 2; index >= 0; index -= 2) {
      if (flat[index] === name) value = mergeValues(name, flat[index + 1] as string, value);
    }
    return value;
  }

  /** Whether a parameter was sent, be it empty. */
  has(name: string): boolean {
    const flat = this.#flat;
    for (let index = 0; index < flat.length; index += 2) {
      if (flat[index] === name) return true;
    }
    return false;
  }

  /** Calls back with each pair as it was sent, in wire order, duplicates included. */
  forEach(callback: (value: string, name: string) => void): void {
    const flat = this.#flat;
    for (let index = 0; index < flat.length; index += 2) callback(flat[index + 1] as string, flat[index] as string);
  }

  /** The pairs as they were sent, in wire order, duplicates included. */
  *[Symbol.iterator](): IterableIterator<[string, string]> {
    const flat = this.#flat;
    for (let index = 0; index < flat.length; index += 2) yield [flat[index] as string, flat[index + 1] as string];
  }

  /** A new object without a prototype that has the merged value under every name. */
  toObject(): Record<string, string> {
    const object: Record<string, string> = Object.create(null);
    this.forEach((value, name) => {
      const earlier = object[name];
      object[name] = earlier === undefined ? value : mergeValues(name, earlier, value);
    });
    return object;
  }
}
