/** A site's files by `node:fs`, on every runtime. */

import { open, realpath, stat } from "node:fs/promises";
import type { Files } from "./files.ts";

interface BunApi {
  readonly file?: (path: string) => Blob;
}

/** What says that nothing is there, of names that cannot be too. */
const NOTHING_THERE = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"]);

/** The file system as a site's files need it; for Deno as well. */
export const siteFiles: Files = {
  async find(path) {
    try {
      const found = await realpath(path);
      const stats = await stat(found);
      return { path: found, kind: stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other" };
    } catch (error) {
      if (NOTHING_THERE.has((error as { readonly code?: string }).code ?? "")) return undefined;
      throw error;
    }
  },

  async open(path) {
    const file = await open(path);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => closing ??= file.close();
    try {
      const { size, mtimeMs } = await file.stat();
      const { file: bunFile } = (globalThis as { readonly Bun?: BunApi }).Bun ?? {};
      return {
        ...(bunFile && { blob: (from, to) => bunFile(path).slice(from, to) }),
        size,
        modifiedMs: mtimeMs,
        read: async (memory, position) => (await file.read(memory, 0, memory.length, position)).bytesRead,
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  },
};
