/**
 * What a URL's path names in a site's folder: a script, a file, or a folder that has an index.
 *
 * Nothing is found outside the folder, nothing hidden, and no script's source, be it by the name in the URL or behind a
 * link.
 */

import { findScript, safePath, type ScriptPath, type ScriptRules } from "./script_path.ts";
import type { Files, FoundFile } from "../runtime/files.ts";

/** Which folder it is, and what may be served of it. */
export interface SiteFolderRules extends Pick<ScriptRules, "index" | "scriptExtensions"> {
  /** The site's folder. */
  readonly root: string | URL;
  /** Whether links may lead out of it. */
  readonly followLinks: boolean;
}

/** What a URL's path names. */
export type Found =
  | { readonly script: ScriptPath }
  /** The file's path, without links. */
  | { readonly file: string }
  /** A folder with an index, though the URL does not end in `/`. */
  | { readonly folder: string };

/** The index of folders that have no script for one. */
const STATIC_INDEX = "index.html";
/**
 * Names that PHP is known by, wherever a web server is set up for them: none is sent as it is, nor with something behind
 * it, as editors leave it (`x.php~`, `x.php.bak`) or file systems overlook it (`x.php.`, `x.php::$DATA`).
 */
const PHP_NAME = /\.ph(?:p\d?|ps|t|tml|ar)(?![a-z\d])/i;

/** A site's folder. */
export class SiteFolder {
  readonly files: Files;
  readonly #rules: SiteFolderRules;

  constructor(files: Files, rules: SiteFolderRules) {
    this.files = files;
    this.#rules = rules;
  }

  /** The folder's path; looked up for each request, for it may be a link to the release of the day. */
  async path(): Promise<string> {
    const { root } = this.#rules;
    const found = await this.files.find(root);
    if (found?.kind !== "folder") throw new Error(`Cannot serve files: root, ${root}, is no folder`);
    return found.path.replace(/\/+$/, "");
  }

  /** Finds what a percent-encoded path names below `root`; `undefined`: nothing that may be served. */
  async find(pathname: string, root: string): Promise<Found | undefined> {
    const path = safePath(pathname);
    if (path === undefined) return undefined;
    const isFile = async (path: string): Promise<boolean> =>
      (await this.#look(root, path.slice(root.length)))?.kind === "file";
    const script = await findScript(pathname, root, { ...this.#rules, frontController: null, isFile });
    if (script !== undefined) return { script };
    const looked = await this.#look(root, path.endsWith("/") ? path + STATIC_INDEX : path);
    if (looked?.kind === "file") return this.#isScriptName(looked.path) ? undefined : { file: looked.path };
    if (looked?.kind !== "folder") return undefined;
    const hasIndex = await isFile(`${root}${path}/${this.#rules.index}`) ||
      await isFile(`${root}${path}/${STATIC_INDEX}`);
    return hasIndex ? { folder: path } : undefined;
  }

  /** Looks at a path below the root, if it may be looked at. */
  async #look(root: string, path: string): Promise<FoundFile | undefined> {
    if (isHidden(path)) return undefined;
    const found = await this.files.find(root + path);
    if (found === undefined || found.path === root) return found;
    if (!found.path.startsWith(`${root}/`)) return this.#rules.followLinks ? found : undefined;
    return isHidden(found.path.slice(root.length)) ? undefined : found;
  }

  #isScriptName(path: string): boolean {
    const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
    const endsThere = (rest: string): boolean => !/^[a-z\d]/.test(rest);
    return PHP_NAME.test(name) ||
      this.#rules.scriptExtensions.some((end) => name.split(end.toLowerCase()).slice(1).some(endsThere));
  }
}

/** Whether a path has a name with a dot before it, as `.env` and `.git`; `/.well-known/` is public (RFC 8615). */
function isHidden(path: string): boolean {
  return /\/\./.test(path.replace(/^\/+\.well-known(?=\/|$)/, ""));
}
