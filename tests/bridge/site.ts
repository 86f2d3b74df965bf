/** A site's folder for one test, and an application that tells what it was asked. */

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bridge, type BridgeInfo, type BridgeOptions } from "@webfcgi/webfcgi/bridge";
import type { FastCgiRequestInit } from "@webfcgi/webfcgi/client";

/** When every file was changed. */
export const CHANGED: Date = new Date("2024-05-06T07:08:09.500Z");
/** The same as a header field has it. */
export const LAST_MODIFIED = "Mon, 06 May 2024 07:08:09 GMT";

/** What a test has. */
export interface BridgeScene {
  /** The site's folder, without links in its path. */
  readonly root: string;
  /** What the application was asked with, in order. */
  readonly asked: FastCgiRequestInit[];
  /** The bridge itself. */
  readonly handler: ReturnType<typeof bridge>;
  /** Answers a request for a path; the URL is made as the runtime makes it. */
  ask(path: string, init?: RequestInit, info?: BridgeInfo): Promise<Response>;
}

/** Writes files, and links where a text begins with `->`, below a new folder `www`; removes all afterwards. */
export async function withFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (root: string) => Promise<void>,
): Promise<void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "webfcgi-site-")));
  try {
    const root = join(folder, "www");
    mkdirSync(root);
    for (const [name, content] of Object.entries(files)) {
      const path = join(root, name);
      mkdirSync(join(path, ".."), { recursive: true });
      if (typeof content === "string" && content.startsWith("->")) {
        symlinkSync(content.slice(2), path);
      } else {
        writeFileSync(path, content);
        utimesSync(path, CHANGED, CHANGED);
      }
    }
    await body(root);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Defines a test that has a bridge over a folder, and an application that answers `APP` and its script. */
export function bridgeTest(
  name: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  options: BridgeOptions,
  body: (scene: BridgeScene) => Promise<void>,
): void {
  Deno.test(name, () =>
    withFolder(files, async (root) => {
      const asked: FastCgiRequestInit[] = [];
      const client = {
        fetch(_request: string | URL | Request, init: FastCgiRequestInit = {}): Promise<Response> {
          asked.push(init);
          return Promise.resolve(new Response(`APP ${init.scriptName ?? "none"}${init.pathInfo ?? ""}`));
        },
      };
      const handler = bridge(client, { root, ...options });
      const ask = (path: string, init?: RequestInit, info?: BridgeInfo): Promise<Response> =>
        handler(new Request("http://localhost" + path, init), info);
      await body({ root, asked, handler, ask });
    }));
}

/** The files below a folder that this process has open; none where the system does not say. */
export function openBelow(folder: string): string[] {
  const links = (path: string): string[] => {
    try {
      return readdirSync(path).map((fd) => `${path}/${fd}`);
    } catch {
      return [];
    }
  };
  return links("/proc/self/fd").flatMap((link) => {
    try {
      const path = readlinkSync(link);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });
}
