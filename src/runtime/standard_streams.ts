/** Standard input, output and error of a process that talks over them. */

import process from "node:process";
import { plainBytes } from "./plain_bytes.ts";

const READ_BYTES = 65_536;

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
  const input = denoInput() ?? nodeInput();
  let output: typeof process.stdout | undefined;
  return {
    read: input.read,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        // A web server that has left is an error of the write, and an event that would end the process.
        output ??= process.stdout.on("error", () => {});
        output.write(bytes, (error) => error ? reject(error) : resolve());
      }),
    log: (bytes) => void process.stderr.write(bytes),
    close: input.close,
    fail: () => void (process.exitCode = 1),
  };
}

type Input = Pick<StandardStreams, "read" | "close">;

/** Of Deno, whose `process.stdin` reads ahead and keeps the process alive. */
function denoInput(): Input | undefined {
  const { Deno } = globalThis as {
    readonly Deno?: {
      readonly version?: { readonly deno?: unknown };
      readonly stdin: { read(into: Uint8Array): Promise<number | null> };
    };
  };
  if (typeof Deno?.version?.deno !== "string") return undefined;
  const { stdin } = Deno;
  return {
    async read() {
      const buffer = new Uint8Array(READ_BYTES);
      const length = await stdin.read(buffer);
      return length === null ? undefined : buffer.subarray(0, length);
    },
    close() {},
  };
}

function nodeInput(): Input {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  return {
    async read() {
      chunks ??= (process.stdin as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      const { done, value } = await chunks.next();
      return done === true ? undefined : plainBytes(value);
    },
    close() {
      if (chunks !== undefined) process.stdin.destroy();
    },
  };
}
