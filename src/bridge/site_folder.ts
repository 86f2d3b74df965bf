/**
 * What a URL's path names in a site's folder: a script, a file, or a folder that has an index.
 *
 * No link leads out of the folder unless `followLinks` is set, and nothing hidden is found and no script's source,
 * whether by the name in the URL or behind a link. A file is judged again once it is open, by where it really lies.
 */

import type { Files, FoundFile, OpenFile } from "../runtime/files.ts";
import { fileFailureStatus } from "./failure_status.ts";
import { isPlain, readSitePath, scriptNames, type SitePath } from "./site_path.ts";

/** A site's folder, and what may be served of it. */
export interface SiteRules {
  /** The site's folder. */
  readonly root: string | URL;
  /** The script of a folder. */
  readonly index: string;
  /** What the names of scripts end in, in lower case. */
  readonly scriptExtensions: readonly string[];
  /** Whether links may lead out of the folder. */
  readonly followLinks: boolean;
}

/** What a URL's path names. */
export type Found =
  /** A script, by its decoded path in the URL space, and the rest of the URL's path. */
  | { readonly scriptName: string; readonly pathInfo: string }
  /** A file. */
  | { readonly file: OpenFile }
  /** A folder with an index, though the URL does not end in `/`. */
  | "folder";

/** The index of folders that have no script as one. */
const STATIC_INDEX = "index.html";
/** A name with one of these anywhere is that of a PHP source or its copy: `x.php74`, `x.phpOLD`, `x.php~`, `x.php.bak`. */
const SOURCES = [".php", ".phtml"];
/** The same, unless small letters follow, as in `x.pharmacy`. */
const SOURCE_EXTENSIONS = [".pht", ".phar", ".inc"];

/** A site's folder. */
export class SiteFolder {
  readonly #files: Files;
  readonly #rules: SiteRules;
  readonly #source: RegExp;

  constructor(files: Files, rules: SiteRules) {
    this.#files = files;
    this.#rules = rules;
    this.#source = sourcePattern(rules.scriptExtensions);
  }

  /**
   * The folder's path; looked up for each request, because it may be a link to the release of the day.
   *
   * @throws {Error} If there is no such folder, or it may not be looked at, which is never the fault of a request.
   */
  async path(): Promise<string> {
    const { root } = this.#rules;
    const found = await this.#files.find(root).catch((error) => {
      if (fileFailureStatus(error) !== 403) throw error;
      throw new Error(`Cannot serve files: root, ${root}, may not be looked at: ${error.message}`, { cause: error });
    });
    if (found?.kind !== "folder") throw new Error(`Cannot serve files: root, ${root}, is no folder`);
    return withoutSlash(found.path);
  }

  /** Finds what a percent-encoded path names below `root`; a file is open. `undefined`: nothing that may be served. */
  async find(pathname: string, root: string): Promise<Found | undefined> {
    const path = readSitePath(pathname);
    if (path === undefined) return undefined;
    const script = await this.#findScript(path, root);
    if (script !== undefined) return script === "none" ? undefined : script;
    if (!isPlain(path)) return undefined;
    const { text } = path;
    const looked = await this.#look(root, text.endsWith("/") ? text + STATIC_INDEX : text);
    if (looked?.kind === "file") return await this.#open(root, looked.path);
    if (looked?.kind !== "folder" || text.endsWith("/")) return undefined;
    for (const index of [this.#rules.index, STATIC_INDEX]) {
      if ((await this.#look(root, `${text}/${index}`))?.kind === "file") return "folder";
    }
    return undefined;
  }

  /** `"none"`: a start of the path leads nowhere, so the whole names no file either. */
  async #findScript(path: SitePath, root: string): Promise<Found | "none" | undefined> {
    for (const scriptName of scriptNames(path, this.#rules.scriptExtensions)) {
      const looked = await this.#look(root, scriptName);
      if (looked?.kind === "file") return { scriptName, pathInfo: path.text.slice(scriptName.length) };
      if (looked?.kind !== "folder") return "none";
    }
    if (!path.text.endsWith("/") || !isPlain(path)) return undefined;
    const scriptName = path.text + this.#rules.index;
    return (await this.#look(root, scriptName))?.kind === "file" ? { scriptName, pathInfo: "" } : undefined;
  }

  /** Looks at a path below the root, if it may be looked at. */
  async #look(root: string, path: string): Promise<FoundFile | undefined> {
    if (isHidden(path)) return undefined;
    const found = await this.#files.find(root + path);
    return found !== undefined && this.#isPublic(found.path, root) ? found : undefined;
  }

  async #open(root: string, path: string): Promise<Found | undefined> {
    if (this.#isSource(path)) return undefined;
    const file = await this.#files.open(path);
    if (file === undefined) return undefined;
    if (this.#isPublic(file.path, root) && !this.#isSource(file.path)) return { file };
    await file.close();
    return undefined;
  }

  /** Whether the existence of a path without links may be revealed. */
  #isPublic(path: string, root: string): boolean {
    if (path === root) return true;
    if (path.startsWith(`${root}/`)) return !isHidden(path.slice(root.length));
    return this.#rules.followLinks && !isHidden(path.slice(path.lastIndexOf("/")));
  }

  /** Whether a path's last name is that of a script, or nearly. */
  #isSource(path: string): boolean {
    return this.#source.test(path.slice(path.lastIndexOf("/") + 1));
  }
}

/** Matches the names of sources and scripts, in any case. */
function sourcePattern(scriptExtensions: readonly string[]): RegExp {
  const anyOf = (texts: readonly string[]): string =>
    texts.map((text) =>
      text.replace(/[^a-z\d]/gi, "\\$&").replace(/[a-z]/gi, (it) => `[${it.toLowerCase()}${it.toUpperCase()}]`)
    ).join("|");
  return new RegExp(`${anyOf(SOURCES)}|(?:${anyOf([...SOURCE_EXTENSIONS, ...scriptExtensions])})(?![a-z])`);
}

/** A folder's path without slashes at its end. */
export function withoutSlash(folder: string): string {
  return folder.replace(/\/+$/, "");
}

/** Whether a path has a name with a dot before it, as `.env` and `.git`; `/.well-known/` is public (RFC 8615). */
function isHidden(path: string): boolean {
  return /\/\./.test(path.replace(/^\/\.well-known(?=\/|$)/, ""));
}
