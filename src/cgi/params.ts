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

/** The parameters that every request is asked for: of each the last value counts. */
const usualNames = ["REQUEST_METHOD", "CONTENT_LENGTH", "REQUEST_URI", "REQUEST_SCHEME", "HTTPS", "HTTP_HOST"];
const NONE_FOUND: readonly number[] = usualNames.map(() => -1);
const LONGEST_USUAL = 14;
/** Their places in that list by length and last char, in which no two are alike; -1 for all others. */
const usualByEnd = new Int8Array((LONGEST_USUAL + 1) << 7).fill(-1);
for (const [place, name] of usualNames.entries()) usualByEnd[endOf(name)] = place;

function endOf(name: string): number {
  return name.length << 7 | name.charCodeAt(name.length - 1) & 0x7f;
}

const FIELD_PREFIX = "HTTP_";

/**
 * Merges two values that came under one name, in wire order.
 *
 * nginx, HAProxy and h2o send repeated header fields as repeated HTTP_* parameters: those are joined as RFC 9110 §5.3
 * and RFC 6265 §5.4 say, and an empty one adds nothing. Of anything else the later value counts: nginx sends SCRIPT_NAME
 * twice when a location overrides it.
 */
export function mergeValues(name: string, earlier: string, later: string): string {
  if (!name.startsWith(FIELD_PREFIX) || SINGLE_VALUED.has(name)) return later;
  if (earlier === "" || later === "") return earlier + later;
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
  #text: string;
  /** Of each pair three offsets in the text: where its name begins, where its value begins, where its value ends. */
  #offsets: readonly number[];
  /** Of each usual name the index of its last pair, negative if there is none; found when the first is asked for. */
  #usual: readonly number[] | undefined;

  /**
   * Makes parameters of a flat list: name, value, name, value, and so on, in wire order.
   *
   * @throws {TypeError} If the last name has no value.
   */
  constructor(flat: readonly string[]) {
    if (flat.length % 2 !== 0) {
      throw new TypeError(`Cannot make Params: the list has ${flat.length} strings, and the last name has no value`);
    }
    this.#text = flat.join("");
    const offsets: number[] = [];
    let at = 0;
    for (let index = 0; index < flat.length; index += 2) {
      const valueAt = at + flat[index]!.length;
      offsets.push(at, valueAt, at = valueAt + flat[index + 1]!.length);
    }
    this.#offsets = offsets;
  }

  /** Makes parameters of a text in which they have been found. */
  static fromOffsets({ text, offsets }: { readonly text: string; readonly offsets: readonly number[] }): Params {
    const params = new Params([]);
    params.#text = text;
    params.#offsets = offsets;
    return params;
  }

  /**
   * What `add` makes of the values of a header field, one after another in wire order; `undefined` if there is none.
   *
   * The field's name is in lower case. Its parameters are `HTTP_` and that name in any case, with `_` or `-` for `-`.
   */
  static reduceField(
    params: Params,
    field: string,
    add: (field: string, value: string | undefined, next: string) => string | undefined,
  ): string | undefined {
    let value: string | undefined;
    for (let index = 0; index < params.#offsets.length; index += 3) {
      if (params.#isField(index, field)) value = add(field, value, params.#value(index));
    }
    return value;
  }

  /** How many pairs the web server sent, duplicates counted. */
  get size(): number {
    return this.#offsets.length / 3;
  }

  /** The value of a parameter, merged if it was sent more than once; `undefined` if it was not sent. */
  get(name: string): string | undefined {
    const usual = usualByEnd[endOf(name)] ?? -1;
    if (usual >= 0 && usualNames[usual] === name) {
      const index = (this.#usual ??= this.#findUsual())[usual]!;
      return index < 0 ? undefined : this.#value(index);
    }
    let index = this.#findBefore(name, this.#offsets.length);
    if (index < 0) return undefined;
    let value = this.#value(index);
    if (!name.startsWith(FIELD_PREFIX) || SINGLE_VALUED.has(name)) return value;
    while ((index = this.#findBefore(name, index)) >= 0) value = mergeValues(name, this.#value(index), value);
    return value;
  }

  /** Whether a parameter was sent, be it empty. */
  has(name: string): boolean {
    return this.#findBefore(name, this.#offsets.length) >= 0;
  }

  /** Calls back with each pair whose name begins with `prefix` as it was sent, in wire order, duplicates included. */
  forEach(callback: (value: string, name: string) => void, prefix = ""): void {
    const offsets = this.#offsets;
    for (let index = 0; index < offsets.length; index += 3) {
      const at = offsets[index]!;
      // A name that is shorter could go on in its value.
      if (offsets[index + 1]! - at < prefix.length || !this.#text.startsWith(prefix, at)) continue;
      callback(this.#value(index), this.#name(index));
    }
  }

  /** The pairs as they were sent, in wire order, duplicates included. */
  *[Symbol.iterator](): IterableIterator<[string, string]> {
    for (let index = 0; index < this.#offsets.length; index += 3) yield [this.#name(index), this.#value(index)];
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

  /**
   * The index of the last pair of a name before another; negative if there is none. From the back, so that the value that
   * counts comes first. A request reads a handful of some 30 parameters: a scan costs less than a map would cost to build.
   */
  #findBefore(name: string, index: number): number {
    const offsets = this.#offsets;
    const text = this.#text;
    const { length } = name;
    const last = name.charCodeAt(length - 1);
    for (index -= 3; index >= 0; index -= 3) {
      const end = offsets[index + 1]!;
      // Most names of the same length have another last char, which is seen without a call.
      if (end - offsets[index]! !== length || text.charCodeAt(end - 1) !== last && length > 0) continue;
      if (text.startsWith(name, end - length)) break;
    }
    return index;
  }

  #findUsual(): readonly number[] {
    const offsets = this.#offsets;
    const text = this.#text;
    const found = NONE_FOUND.slice();
    for (let index = 0; index < offsets.length; index += 3) {
      const at = offsets[index]!;
      const length = offsets[index + 1]! - at;
      if (length === 0 || length > LONGEST_USUAL) continue;
      const usual = usualByEnd[length << 7 | text.charCodeAt(at + length - 1) & 0x7f]!;
      if (usual >= 0 && text.startsWith(usualNames[usual]!, at)) found[usual] = index;
    }
    return found;
  }

  #isField(index: number, field: string): boolean {
    const at = this.#offsets[index]!;
    if (this.#offsets[index + 1]! - at !== FIELD_PREFIX.length + field.length) return false;
    // From the end, where names differ soonest.
    for (let from = at + FIELD_PREFIX.length, char = field.length - 1; char >= 0; char--) {
      if (fieldChar(this.#text.charCodeAt(from + char)) !== field.charCodeAt(char)) return false;
    }
    return this.#text.startsWith(FIELD_PREFIX, at);
  }

  #name(index: number): string {
    return this.#text.substring(this.#offsets[index]!, this.#offsets[index + 1]);
  }

  #value(index: number): string {
    return this.#text.substring(this.#offsets[index + 1]!, this.#offsets[index + 2]);
  }
}

/** A char of a parameter's name as the field's name has it: in lower case, `-` for `_`. */
function fieldChar(code: number): number {
  if (code === 0x5f) return 0x2d;
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}
