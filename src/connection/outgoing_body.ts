/** Checks of bodies that are sent, a request's and a response's. `what` begins the message of each error. */

/** The connection that a body is sent over. */
export interface BodyOutput {
  /** Sends what has been written; `false`: wait for `writable` before writing more. */
  flush(): boolean;
  /** Resolves when more can be written, or the connection is gone. */
  writable(): Promise<void>;
}

/** @throws {TypeError} If a stream gave anything but bytes. */
export function checkChunk(chunk: unknown, what: string): asserts chunk is Uint8Array {
  if (chunk instanceof Uint8Array) return;
  throw new TypeError(
    `${what}: its body's stream gave a chunk of type ${typeof chunk}, not a Uint8Array; encode text first`,
  );
}

/** The error of a body whose length is not its Content-Length; `sent` is how much of it has been read. */
export function wrongLength(what: string, sent: number, declared: number): TypeError {
  const how = sent > declared ? "has more than" : `has only ${sent} of`;
  return new TypeError(`${what}: its body ${how} the ${declared} bytes of its Content-Length`);
}
