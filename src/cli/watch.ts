/** Watches the folders of an application for changes of its code. */

import { type FSWatcher, readdirSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { errorLine } from "./console.ts";
import { messageOf } from "./failure.ts";

/** What counts as code. */
const CODE = /\.(?:[cm]?[jt]sx?|jsonc?|wasm)$/;
/** Folders of which nothing is code of the application's own, besides those whose name begins with a dot. */
const NOT_WATCHED = new Set(["node_modules", "coverage"]);
/** Saving is several changes. */
const QUIET_MS = 100;
/** Each folder takes one of the system's watches, of which there is a bounded number. */
const MAX_FOLDERS = 2000;

/**
 * Calls `changed` a moment after code has changed in the entry's folder or below; gives back what ends that.
 *
 * Each folder is watched by itself: a watch on a file loses it when it is replaced, and Node's recursive ones do, too.
 */
export function watchCode(entry: string, changed: () => void): () => void {
  const watchers = new Map<string, FSWatcher>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether code has changed since the last call; what changes after it, such as a temporary file, does not undo that. */
  let isChanged = false;
  let isTold = false;
  const onChange = (name: string | null): void => {
    // A folder has no extension as a rule; what was made in it is found by looking.
    if (name !== null && name.includes(".") && !CODE.test(name)) return;
    isChanged ||= name === null || CODE.test(name);
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!update() && !isChanged) return;
      isChanged = false;
      changed();
    }, QUIET_MS);
  };
  /** Watches what is new, and forgets what is gone; says whether anything is new. */
  const update = (): boolean => {
    const folders = foldersOf(dirname(entry));
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    const added = [...folders].filter((folder) => !watchers.has(folder));
    try {
      for (const folder of added) {
        const watcher = watch(folder, (_, name) => onChange(name));
        // It has gone, which its own folder's watch tells.
        watcher.on("error", () => {});
        watchers.set(folder, watcher);
      }
    } catch (error) {
      if (!isTold) errorLine(`not all folders are watched: ${messageOf(error)}`);
      isTold = true;
    }
    return added.length > 0;
  };
  update();
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
  };
}

function foldersOf(root: string): ReadonlySet<string> {
  const folders = new Set([root]);
  for (const folder of folders) {
    if (folders.size > MAX_FOLDERS) break;
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const { name } = entry;
        if (entry.isDirectory() && !name.startsWith(".") && !NOT_WATCHED.has(name)) folders.add(join(folder, name));
      }
    } catch {
      // It has gone meanwhile, or is not for this user to read.
    }
  }
  return folders;
}
