/** What the library knows of files: enough to serve a site's, links followed. */

/** What a path leads to. */
export interface FoundFile {
  /** The path without links in it. */
  readonly path: string;
  /** What is there; `"other"` is a socket, a device or the like. */
  readonly kind: "file" | "folder" | "other";
}

/** A file that is open for reading. */
export interface OpenFile {
  /** Its length when it was opened, in bytes. */
  readonly size: number;
  /** When it was last changed, in milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Reads into `memory` what stands from `position` on; resolves with the number of bytes, 0 at the end. */
  read(memory: Uint8Array, position: number): Promise<number>;
  /**
   * A part of it as a body, read when it is sent, even after `close`; only where the runtime sends such a body better than
   * a stream (Bun: from the kernel, and with its Content-Length, which a stream loses).
   */
  blob?(from: number, to: number): Blob;
  /** Closes it when what is under way is done; may be called again. */
  close(): Promise<void>;
}

/** A file system. What it throws has the system's `code`. */
export interface Files {
  /** What is at a path, which may be relative to the working directory; `undefined`: nothing. */
  find(path: string | URL): Promise<FoundFile | undefined>;
  /** Opens a file. */
  open(path: string): Promise<OpenFile>;
}
