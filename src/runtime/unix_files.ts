/** What a listener on a unix socket needs of `node:fs`, on Node and Bun. (Deno starts a third slower with `node:fs`.) */

import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import type { UnixFiles } from "./unix_socket.ts";

/** The file system as a listener on a path needs it. */
export const unixFiles: UnixFiles = {
  lstat(path) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat &&
      { dev: stat.dev, ino: stat.ino, isSocket: stat.isSocket(), mode: stat.mode, uid: stat.uid, gid: stat.gid };
  },
  makeFolder: (path, mode) => void mkdirSync(path, { mode }),
  chown: chownSync,
  chmod: chmodSync,
  rename: renameSync,
  remove: unlinkSync,
  removeFolder: rmdirSync,
  readText: (path) => readFileSync(path, "utf8"),
};
