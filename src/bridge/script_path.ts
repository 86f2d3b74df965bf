/**
 * Which script answers a URL: the rules of a PHP site, as a web server's configuration has them.
 *
 * What a script is told of its own path is made here and nowhere else: SCRIPT_FILENAME always names the script alone,
 * never with a rest behind it that PHP would look for a file in (`/upload.jpg/x.php`, CVE-2019-11043).
 */

/** How a site finds the script for a URL. */
export interface ScriptRules {
  /**
   * The script of a folder, for URLs that end in `/`.
   *
   * @default {"index.php"}
   */
  readonly index: string;
  /**
   * The script that answers every URL that names no other, as a path below the document root; `null`: there is none.
   *
   * @default {"/index.php"}
   */
  readonly frontController: string | null;
  /**
   * What the names of scripts end in.
   *
   * @default {[".php"]}
   */
  readonly scriptExtensions: readonly string[];
  /**
   * Whether a path in the file system is that of a file (not a folder). With it a script must exist, and folders have
   * their own index. Without it the rules go by the URL alone, and below the root only the front controller is an index.
   */
  readonly isFile?: ((path: string) => boolean | Promise<boolean>) | undefined;
}

/** A script, as an application is told of it. */
export interface ScriptPath {
  /** The script's path in the URL space, decoded. */
  readonly scriptName: string;
  /** The rest of the URL's path, decoded. */
  readonly pathInfo: string;
  /** The script's path in the file system. */
  readonly scriptFilename: string;
}

/**
 * Finds the script for a URL's path, which is percent-encoded. `undefined` if there is none.
 *
 * A path is split where a segment ends in a script's extension, at the first such segment that is a file. Without
 * `isFile` no segment before it may look like a file's name, for PHP would execute *that* file if the script does not
 * exist. Paths with control characters, backslashes, encoded slashes' dot segments or anything but UTF-8 are the front
 * controller's.
 */
export async function findScript(
  pathname: string,
  documentRoot: string,
  rules: ScriptRules,
): Promise<ScriptPath | undefined> {
  const root = documentRoot.replace(/\/+$/, "");
  const path = safePath(pathname);
  if (path !== undefined) {
    for (const scriptName of candidates(path, rules)) {
      if (rules.isFile !== undefined && !await rules.isFile(root + scriptName)) continue;
      return { scriptName, pathInfo: path.slice(scriptName.length), scriptFilename: root + scriptName };
    }
  }
  const { frontController } = rules;
  if (frontController === null) return undefined;
  return { scriptName: frontController, pathInfo: "", scriptFilename: root + frontController };
}

/** The decoded path, if nothing in it could make another path of it. */
export function safePath(pathname: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  // deno-lint-ignore no-control-regex
  if (!path.startsWith("/") || /[\0-\x1f\x7f\\]/.test(path)) return undefined;
  if (path.split("/").some((segment) => segment === "." || segment === "..")) return undefined;
  return path;
}

/** The scripts that a path may name, as paths below the root, the likeliest first. */
function candidates(path: string, { scriptExtensions, index, frontController, isFile }: ScriptRules): string[] {
  const found: string[] = [];
  const extensions = scriptExtensions.map((extension) => extension.toLowerCase());
  for (let end = path.indexOf("/", 1);; end = path.indexOf("/", end + 1)) {
    const scriptName = end < 0 ? path : path.slice(0, end);
    const name = scriptName.slice(scriptName.lastIndexOf("/") + 1);
    const lowerCase = name.toLowerCase();
    if (extensions.some((extension) => lowerCase.endsWith(extension) && lowerCase !== extension)) {
      found.push(scriptName);
      if (isFile === undefined) return found;
    }
    if (end < 0 || isFile === undefined && name.includes(".")) break;
  }
  // Without a look at the files, whether a folder has an index of its own cannot be known; the root has.
  const ofFolder = path.endsWith("/") && (isFile !== undefined || path === "/" && frontController === null);
  return ofFolder ? [...found, path + index] : found;
}
