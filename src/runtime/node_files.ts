/** The file system by `node:fs`, for Node and Bun. (On Deno, loading `node:fs` would double the start-up time.) */
import { chmodSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import type { UnixFiles } from "./unix_socket.ts";

/** The file system as a listener on a path needs it. */
export const nodeFiles: UnixFiles = {
  lstat(path) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat && { dev: stat.dev, ino: stat.ino, isSocket: stat.isSocket() };
  },
  chmod: chmodSync,
  rename: renameSync,
  remove: unlinkSync,
};
