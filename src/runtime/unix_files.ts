/** What a listener on a unix socket needs of `node:fs`, on Node and Bun. (Deno starts a third slower with `node:fs`.) */

import { chmodSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import type { UnixFiles } from "./unix_socket.ts";

/** The file system as a listener on a path needs it. */
export const unixFiles: UnixFiles = {
  lstat(path) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat && { dev: stat.dev, ino: stat.ino, isSocket: stat.isSocket() };
  },
  chmod: chmodSync,
  rename: renameSync,
  remove: unlinkSync,
};
