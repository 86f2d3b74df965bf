/**
 * A site's files by `node:fs`, on every runtime.
 *
 * Between the check of a path and its use, a user who may write there can put a link in the place of the file, or of a
 * folder on the way. So a file is opened first, and the descriptor says which file it is.
 */

import { close, constants, fstat, open, read, readlink, type Stats } from "node:fs";
import { lstat, realpath, stat } from "node:fs/promises";
import { promisify } from "node:util";
import type { Files, OpenFile } from "./files.ts";

/** Error codes that mean "no such file", for names that cannot exist and for sockets too. */
const NOTHING_THERE = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "ENXIO", "ENODEV", "EISDIR"]);
/** A link at the end is refused, a pipe is not waited for, a terminal does not become the process's own. */
const READ_SAFELY = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0) |
  (constants.O_NOCTTY ?? 0);
/** Where descriptors have no paths: how many times a path must be found to lead to the open file. */
const LOOKS = 3;

const openFd = promisify(open);
const fstatFd = promisify(fstat);
const readFd = promisify(read);
const closeFd = promisify(close);
const readLink = promisify(readlink);

/** A file by its descriptor. A number, not a FileHandle, which ends the process if a body is dropped unread. */
class DescriptorFile implements OpenFile {
  static readonly #dropped = new FinalizationRegistry<number>((fd) => close(fd, () => {}));

  readonly path: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly changedMs: number;
  readonly #fd: number;
  #reading: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  constructor(fd: number, path: string, stats: Stats) {
    this.#fd = fd;
    this.path = path;
    this.size = stats.size;
    this.modifiedMs = stats.mtimeMs;
    this.changedMs = stats.ctimeMs;
    DescriptorFile.#dropped.register(this, fd, this);
  }

  async read(memory: Uint8Array, position: number): Promise<number> {
    if (this.#closing !== undefined) throw new Error("Cannot read file: it is closed");
    const reading = readFd(this.#fd, memory, 0, memory.length, position);
    this.#reading = reading;
    return (await reading).bytesRead;
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    DescriptorFile.#dropped.unregister(this);
    // Closed under a read, the number could already be another file's when the system comes to read.
    await this.#reading?.catch(() => {});
    await closeFd(this.#fd);
  }
}

/**
 * Makes the file system of a site. `descriptors` is the folder in which the system keeps a link from each descriptor to
 * its file; where there is none, or Deno's permissions hide it, paths are compared before and after, which leaves an
 * attacker who can exchange folders a very small chance.
 */
export function createSiteFiles(descriptors = "/proc/self/fd"): Files {
  return {
    find: (path) =>
      unlessMissing(async () => {
        const found = await realpath(path);
        const stats = await stat(found);
        return { path: found, kind: stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other" };
      }),

    open: (path) =>
      unlessMissing(async () => {
        const fd = await openFd(path, READ_SAFELY);
        try {
          const stats = await fstatFd(fd);
          const found = stats.isFile() ? await pathOf(fd, stats, path, descriptors) : undefined;
          if (found !== undefined) return new DescriptorFile(fd, found, stats);
        } catch (error) {
          await closeFd(fd);
          throw error;
        }
        await closeFd(fd);
        return undefined;
      }),
  };
}

/** The path of the file that is open; `undefined` if it is uncertain. */
async function pathOf(fd: number, stats: Stats, path: string, descriptors: string): Promise<string | undefined> {
  const found = await readLink(`${descriptors}/${fd}`).catch(() => undefined);
  // A file that was replaced after it was opened is still the one that was asked for.
  if (found !== undefined) return found.replace(/ \(deleted\)$/, "");
  for (let look = 0; look < LOOKS; look++) {
    if (await realpath(path) !== path) return undefined;
    const { dev, ino } = await lstat(path);
    if (dev !== stats.dev || ino !== stats.ino) return undefined;
  }
  return path;
}

async function unlessMissing<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    const { code, name, message } = error as {
      readonly code?: string;
      readonly name?: string;
      readonly message?: string;
    };
    if (code !== undefined && NOTHING_THERE.has(code)) return undefined;
    // Deno's own permissions have no code.
    if (name === "NotCapable") throw Object.assign(new Error(message, { cause: error }), { code: "EACCES" });
    throw error;
  }
}
