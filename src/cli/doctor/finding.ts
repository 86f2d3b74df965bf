/** What doctor has found, and what it looks at. */

import {
  type ConfigLines,
  mendingLines,
  type Need,
  type WebServerConfigOptions,
  type WebServerName,
} from "../../config.ts";
import type { StaticFolder } from "../../config.ts";
import { type Answer, ask, type Question, type Site } from "./http.ts";
import { DOCTOR_HEADER, type Seen } from "./probe.ts";

/**
 * How bad it is.
 *
 * | level | meaning |
 * |---|---|
 * | `wrong` | it is wrong for visitors, or unsafe |
 * | `consider` | it is a limit that many applications meet, or slower than need be |
 * | `note` | worth knowing: no line mends it, or few need the line |
 * | `right` | as it should be |
 * | `unseen` | it cannot be seen from here |
 */
export type Level = "wrong" | "consider" | "note" | "right" | "unseen";

/** What one check has found. */
export interface Finding {
  readonly check: string;
  readonly level: Level;
  /** What was seen, and what should be. */
  readonly saw: string;
  /** The lines that mend it, in the web server's own words. */
  readonly lines: readonly ConfigLines[];
  /** What to do where no line does. */
  readonly remedy?: string;
}

/** What one check gives back; the check's name is put in. */
export type Result = Omit<Finding, "check">;

/** What the command line says. */
export interface Order {
  readonly url: URL;
  readonly site: Site;
  readonly token: string;
  /** The path that the application is served under; `""` at the root. */
  readonly mount: string;
  /** Where the application listens, as text; unknown beside a running one unless told. */
  readonly listen: string | undefined;
  readonly folders: readonly StaticFolder[];
  /** Bytes, if the command line says. */
  readonly upload: number | undefined;
  readonly denied: readonly string[];
  readonly auth: string | undefined;
  /** How long the application may be silent, in milliseconds, if that is to be tried. */
  readonly slowMs: number | undefined;
}

/** What a check works with. */
export class Patient {
  readonly order: Order;
  /** Which web server it is, once it has told. */
  server: WebServerName | undefined;
  /** Its own name and version. */
  software = "";

  constructor(order: Order) {
    this.order = order;
  }

  /** Asks for a path below the mount, with what the probe is to do. */
  ask(path: string, probe: string, question: Omit<Question, "target"> = {}): Promise<Answer> {
    return this.askTarget(this.order.mount + path, probe, question);
  }

  /** Asks for any target. */
  askTarget(target: string, probe: string, question: Omit<Question, "target"> = {}): Promise<Answer> {
    const headers = { ...question.headers, [DOCTOR_HEADER]: `${this.order.token} ${probe}` };
    return ask(this.order.site, { ...question, target, headers });
  }

  /** What the probe saw of a request; nothing if it did not answer. */
  async see(path: string, question: Omit<Question, "target"> = {}): Promise<Seen | undefined> {
    return seenIn(await this.ask(path, "see", question));
  }

  /** The lines that mend something, or why none does. */
  mend(need: Need, options: WebServerConfigOptions = {}): Pick<Finding, "lines" | "remedy"> {
    if (this.server === undefined) return { lines: [] };
    const { mount, listen, folders } = this.order;
    const { lines, cannot } = mendingLines(this.server, need, {
      ...mount !== "" && { mount },
      ...listen !== undefined && { listen },
      ...folders.length > 0 && { static: folders },
      ...options,
    });
    return cannot === undefined ? { lines } : { lines: [], remedy: cannot };
  }
}

/** Whether the application answered, whatever the status says. */
export function isMarked(answer: Answer): boolean {
  return answer.headers.get(DOCTOR_HEADER.toLowerCase()) === "yes";
}

/** What the probe told; nothing if it did not answer. */
export function seenIn(answer: Answer): Seen | undefined {
  if (!isMarked(answer)) return undefined;
  try {
    return JSON.parse(answer.body);
  } catch {
    return undefined;
  }
}

/** Nothing to mend. */
export const RIGHT: Result = { level: "right", saw: "", lines: [] };

/** What cannot be seen, and why. */
export function unseen(saw: string): Result {
  return { level: "unseen", saw, lines: [] };
}
