/** What a site needs of a file system: to look at a path, and to read the very file that it has looked at. */

/** What a path leads to, links followed. */
export interface FoundFile {
  /** The path without links in it. */
  readonly path: string;
  /** What is there; `"other"` is a socket, a device or the like. */
  readonly kind: "file" | "folder" | "other";
}

/** A regular file that is open for reading. It stays the same file, whatever happens to its path. */
export interface OpenFile {
  /** The open file's path, without links. */
  readonly path: string;
  /** Its length when it was opened, in bytes. */
  readonly size: number;
  /** When its content was last changed, as programs may set it, in milliseconds since 1970. */
  readonly modifiedMs: number;
  /** When the system last noted a change of it, in milliseconds since 1970; Deno knows whole seconds. */
  readonly changedMs: number;
  /** Reads into `memory` from `position` on; resolves with the number of bytes, 0 at the end. One call at a time. */
  read(memory: Uint8Array, position: number): Promise<number>;
  /** Closes it after the read under way; may be called again. */
  close(): Promise<void>;
}

/** A file system. Its errors have the system's `code`. */
export interface Files {
  /** Looks at a path, which may be relative to the working directory; `undefined`: nothing is there. */
  find(path: string | URL): Promise<FoundFile | undefined>;
  /**
   * Opens a path that has no links in it. Never waits for a pipe's other end. `undefined`: there is no regular file, or
   * it was exchanged meanwhile, in which case what was opened is closed.
   */
  open(path: string): Promise<OpenFile | undefined>;
}
