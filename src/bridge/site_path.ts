/**
 * A URL's path, read in the one way in which it can name files and scripts of a site.
 *
 * Access rules in front of a site match `/private/x`. So `//private/x`, `/private%2Fx` and their like, which
 * file systems would treat as the same, name no file here.
 */

/** A decoded path. */
export interface SitePath {
  /** All of it. */
  readonly text: string;
  /** What of it may name files: all before the first empty segment and the first that has an encoded slash. */
  readonly plain: string;
}

/** Greatest length of a path, in bytes (PATH_MAX of Linux). */
const MAX_PATH = 4096;

/** Decodes a path; `undefined` if it can name nothing: it is not UTF-8, or has control characters, `\`, `.` or `..`. */
export function readSitePath(pathname: string): SitePath | undefined {
  const [impure] = /\/(?=\/)[^]*|\/[^/]*%2f[^]*/i.exec(pathname) ?? [""];
  try {
    const text = decodeURIComponent(pathname);
    // deno-lint-ignore no-control-regex
    if (/[\0-\x1f\x7f\\]|\/\.\.?(?:\/|$)/.test(text)) return undefined;
    return { text, plain: decodeURIComponent(pathname.slice(0, pathname.length - impure.length)) };
  } catch {
    return undefined;
  }
}

/** Whether all of a path may name a file. */
export function isPlain({ text, plain }: SitePath): boolean {
  return plain.length === text.length && text.length <= MAX_PATH;
}

/**
 * The scripts that a path may name, the shortest first: each start of it whose last segment ends in an extension of
 * scripts. The rest is PATH_INFO.
 */
export function* scriptNames({ plain }: SitePath, extensions: readonly string[]): Generator<string> {
  for (let end = 0; end < plain.length;) {
    const start = end + 1;
    end = plain.indexOf("/", start);
    if (end < 0) end = plain.length;
    if (end > MAX_PATH) return;
    const name = plain.slice(start, end).toLowerCase();
    if (extensions.some((extension) => name.endsWith(extension) && name !== extension)) yield plain.slice(0, end);
  }
}
