/**
 * The one reading of a request's path.
 *
 * Web servers decode a path, merge its slashes and remove its dot segments before they look for a location and its
 * access rules, and then send the target as it came. An application that removes the dot segments in another way can be
 * led past those rules: `/admin//../secret` is `/secret` to nginx and `/admin/secret` to `new URL`. Browsers send no dot
 * segments, so a path that can be read in two ways is refused.
 */

import type { Params } from "./params.ts";
import { percentDecode, percentEncode } from "./percent.ts";

/** What a URL's path has encoded: the URL standard's set, and `\`, which URL parsers would take for `/`. */
const notInPath = /[^!-~]|["<>\\^`{}]/g;

const dotSegment = /(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)/i;
/** nginx takes `%2F` for a separator, Apache as it is set; on Windows both take `\` for one. */
const encodedSeparator = /%2f|%5c/i;
const oneDot = /^(?:\.|%2e)$/i;
const twoDots = /^(?:\.|%2e){2}$/i;
const encodedSlash = /%2f/gi;
const separator = /%2f|\\/gi;

/** Makes one slash of several in a row. */
function mergeSlashes(path: string): string {
  return path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
}

/** Removes dot segments as the URL standard does: `..` takes an empty segment away like any other. */
function removeDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/");
  for (let index = 1; index < segments.length; index++) {
    const segment = segments[index]!;
    const isDots = oneDot.test(segment) || twoDots.test(segment);
    if (!isDots) kept.push(segment);
    else if (twoDots.test(segment)) kept.pop();
    if (isDots && index === segments.length - 1) kept.push("");
  }
  return "/" + kept.join("/");
}

/**
 * The path of a target (a latin1 string that begins with `/`, without query) as it is in a URL: encoded where it must be,
 * else as the client wrote it, and without dot segments.
 *
 * `undefined` when it has dot segments and web servers differ in what is left without them, or when this web server has
 * not removed them: HAProxy's rules are for the path as it came.
 */
export function readPath(raw: string, params: Params): string | undefined {
  const path = percentEncode(raw, notInPath);
  if (!dotSegment.test(path)) return path;
  const read = (params.get("SCRIPT_NAME") ?? "") + (params.get("PATH_INFO") ?? "");
  if (encodedSeparator.test(path) || dotSegment.test(read)) return undefined;
  const resolved = removeDots(path);
  return mergeSlashes(resolved) === removeDots(mergeSlashes(path)) ? resolved : undefined;
}

/** Decodes a path of `readPath`, so that each segment stays one: `%2F` is left as it is. */
export function decodePath(path: string): string {
  return path.includes("%") ? path.split(encodedSlash).map(percentDecode).join("%2F") : path;
}

/**
 * What all readings of a decoded path have in common: equal for two that differ only in what a web server makes of `//`,
 * `%2F` and, on Windows, `\`.
 */
export function looselyRead(path: string): string {
  return mergeSlashes(path.replace(separator, "/"));
}
