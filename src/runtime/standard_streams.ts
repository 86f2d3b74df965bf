/** Standard input, output and error of a process that talks over them. */

import process from "node:process";
import { plainBytes } from "./plain_bytes.ts";

/** What a CGI process reads and writes. */
export interface StandardStreams {
  /** The next bytes of standard input; undefined at its end. */
  read(): Promise<Uint8Array | undefined>;
  /** Writes to standard output; resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes to standard error. */
  log(bytes: Uint8Array): void;
  /** Reads no more: the process may end in spite of what is left. */
  close(): void;
  /** Makes the process end with an exit code that says so. */
  fail(): void;
}

/** Takes the standard streams of this process. */
export function standardStreams(): StandardStreams {
  let input: AsyncIterator<Uint8Array> | undefined;
  let output: typeof process.stdout | undefined;
  return {
    async read() {
      input ??= (process.stdin as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      const { done, value } = await input.next();
      return done === true ? undefined : plainBytes(value);
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        // A web server that has left is an error of the write, and an event that would end the process.
        output ??= process.stdout.on("error", () => {});
        output.write(bytes, (error) => error ? reject(error) : resolve());
      }),
    log: (bytes) => void process.stderr.write(bytes),
    close() {
      if (input !== undefined) process.stdin.destroy();
    },
    fail: () => void (process.exitCode = 1),
  };
}
