/** A file of a configuration, and what is done with files. */

/** A file of a configuration. */
export interface ConfigFile {
  /** Where it belongs, on Debian. */
  readonly path: string;
  /** Whether it is a file of its own there, and if not, what of that file it is. */
  readonly placement: "a file of its own" | "in place of the file" | "at the end of the file" | "in place of hosts:";
  /** What it says. */
  readonly text: string;
}

/** Files, and the commands that put them in force, on Debian. */
export interface ConfigFiles {
  /** In the order in which they are read. */
  readonly files: readonly ConfigFile[];
  /** Modules that the package does not load by itself. */
  readonly modules: readonly string[];
  /** Commands to be run first, the last one of which checks what is written. */
  readonly check: readonly string[];
  /** The command that loads it after that. */
  readonly load: string;
}
