/** Files that a server must not leave behind: its sockets and its pid file. */

import { lstatSync, unlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { EXIT, Failure, messageOf } from "./failure.ts";

/** A file, and which one it was: another may have taken its place. */
export interface OwnFile {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/** Notes which file is at a path. */
export function ownFile(path: string): OwnFile {
  const { dev, ino } = lstatSync(path);
  return { path: resolve(path), dev, ino };
}

/** Removes files that are still the same; now, since the process may end. */
export function removeFiles(files: readonly OwnFile[]): void {
  for (const { path, dev, ino } of files) {
    try {
      const now = lstatSync(path);
      if (now.dev === dev && now.ino === ino) unlinkSync(path);
    } catch {
      // It is gone, or this user may not remove it.
    }
  }
}

/** Writes a process's number to a file. @throws {Failure} If that is not possible. */
export function writePid(path: string, pid: number): OwnFile {
  try {
    writeFileSync(path, `${pid}\n`);
    return ownFile(path);
  } catch (error) {
    throw new Failure(
      EXIT.failed,
      `Cannot write --pid ${path}: ${messageOf(error)}; choose a folder that this user may write to`,
    );
  }
}
