/** The options of a bridge: what they mean, their defaults, and what is refused. */

import { checkFunction, checkNames, show } from "../options.ts";
import { type SiteRules, withoutSlash } from "./site_folder.ts";

/** Options of {@linkcode bridge}: which files there are, and what goes to the application. */
export interface BridgeOptions {
  /** The site's folder: its files are served, its scripts executed. Without it every request goes to the application. */
  readonly root?: string | URL;
  /**
   * The same folder as the application sees it, DOCUMENT_ROOT: in another container it may have another path.
   *
   * @default {the path of `root`, without links}
   */
  readonly documentRoot?: string;
  /**
   * The script of a folder, for URLs that end in `/`; a folder without it may have an `index.html`.
   *
   * @default {"index.php"}
   */
  readonly index?: string;
  /**
   * The script that answers every URL for which there is no file, as a path below the root. `""`: the application
   * answers by itself, without a script. `null`: the answer is 404.
   *
   * @default {"/index.php"}
   */
  readonly frontController?: string | null;
  /**
   * What the names of scripts end in, in any case. Nothing else is executed, and nothing so called is served.
   *
   * @default {[".php"]}
   */
  readonly scriptExtensions?: readonly string[];
  /**
   * Whether files are served, and scripts executed, that links lead to outside of the root.
   *
   * @default {false}
   */
  readonly followLinks?: boolean;
  /**
   * Whether clients use TLS: true behind a proxy that terminates it, and for a `Deno.serve` with a certificate, which
   * does not report it.
   *
   * @default {what Bun's or Node's server reports of the connection, else false}
   */
  readonly https?: boolean;
  /**
   * Called with errors; may make the response. Without it a line goes to the console, and the response says no more than
   * its status: 502, 503 if there is no room, 504 if the application takes too long, 400, 408, 413 or 431 if the request
   * is at fault, 500 if the site's folder cannot be read.
   */
  readonly onError?: (error: unknown, request: Request) => Response | void | Promise<Response | void>;
}

/** {@linkcode BridgeOptions} with nothing left out. */
export interface BridgeSettings {
  readonly site: SiteRules | undefined;
  readonly documentRoot: string | undefined;
  readonly frontController: string | null;
  readonly https: boolean | undefined;
  readonly onError: BridgeOptions["onError"];
}

const DEFAULTS = {
  index: "index.php",
  frontController: "/index.php",
  scriptExtensions: [".php"],
  followLinks: false,
} as const;
const NAMES = ["root", "documentRoot", "https", "onError", ...Object.keys(DEFAULTS)];
/** Names from elsewhere, and the options that they mean here. */
const OTHER_NAMES = {
  dir: "root",
  folder: "root",
  public: "root",
  docroot: "documentRoot",
  fallback: "frontController",
  script: "frontController",
  extensions: "scriptExtensions",
  symlinks: "followLinks",
  followSymlinks: "followLinks",
  tls: "https",
  error: "onError",
} as const;

/** Fills in the defaults. @throws {TypeError} If an option is invalid. */
export function resolveBridge(options: BridgeOptions): BridgeSettings {
  checkNames("Cannot make bridge", options, NAMES, OTHER_NAMES);
  const { root, documentRoot, https, onError } = options;
  const { index, frontController, scriptExtensions, followLinks } = { ...DEFAULTS, ...defined(options) };
  check("root", root, '"/srv/www" or a file URL', root === undefined || isFolder(root));
  check("documentRoot", documentRoot, '"/srv/www"', documentRoot === undefined || isText(documentRoot));
  check("index", index, '"index.php"', isText(index) && /^[^./\\][^/\\]*$/.test(index));
  check(
    "frontController",
    frontController,
    '"/index.php", "" or null',
    frontController === null || frontController === "" || isText(frontController) && isScript(frontController),
  );
  const isList = Array.isArray(scriptExtensions) && scriptExtensions.every((it) => /^\.[^/\\\s]+$/.test(it));
  check("scriptExtensions", scriptExtensions, '[".php"]', isList);
  check("followLinks", followLinks, "true or false", typeof followLinks === "boolean");
  check("https", https, "true or false", https === undefined || typeof https === "boolean");
  checkFunction("Cannot make bridge", "onError", onError);
  return {
    site: root === undefined ? undefined : {
      root,
      index,
      scriptExtensions: scriptExtensions.map((extension) => extension.toLowerCase()),
      followLinks,
    },
    documentRoot: documentRoot === undefined ? undefined : withoutSlash(documentRoot),
    frontController,
    https,
    onError,
  };
}

function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function check(name: string, value: unknown, right: string, isRight: boolean): void {
  if (!isRight) throw new TypeError(`Cannot make bridge: ${name} is ${show(value)}; write ${right}`);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !value.includes("\0");
}

function isFolder(root: unknown): boolean {
  return root instanceof URL ? root.protocol === "file:" : isText(root);
}

function isScript(path: string): boolean {
  return path.startsWith("/") && !/\/(?:\.{0,2}\/|\.{0,2}$)/.test(path);
}
