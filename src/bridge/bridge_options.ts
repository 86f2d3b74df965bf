/** The options of a bridge. */

import type { ScriptRules } from "./script_path.ts";

/** Options of {@linkcode bridge}: which files there are, and what goes to the application. */
export interface BridgeOptions extends Partial<Pick<ScriptRules, "index" | "scriptExtensions">> {
  /**
   * The site's folder: its files are served, its scripts executed. Without it every request goes to the application, by
   * the rules of the client.
   */
  readonly root?: string | URL;
  /**
   * The same folder as the application sees it, DOCUMENT_ROOT: in another container it may have another path.
   *
   * @default {the path of `root`, without links}
   */
  readonly documentRoot?: string;
  /**
   * The script that answers every URL for which there is no file, as a path below the root. `""`: the application
   * answers by itself, without a script. `null`: the answer is 404.
   *
   * @default {"/index.php"}
   */
  readonly frontController?: string | null;
  /**
   * Whether files and scripts are served that links lead to outside of the root.
   *
   * @default {false}
   */
  readonly followLinks?: boolean;
  /**
   * Told of errors; may make the response. Without it the error is written to the console, and a response says no more
   * than its status: 502, 503 if the application has no room, 504 if it takes too long, 413 or 431 if the request is too
   * large, 500 if it is none of the application's doing.
   */
  readonly onError?: (error: unknown, request: Request) => Response | void | Promise<Response | void>;
}
