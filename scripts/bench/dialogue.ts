/** What a load generator's connection says and hears, in either protocol. */

/** A load: what is asked of a server, and how. */
export interface Job {
  readonly protocol: "fastcgi" | "http";
  /** Path of a unix socket, or port of 127.0.0.1. */
  readonly addr: string | number;
  /** Processes whose CPU time (with their descendants') is measured; the memory of the first. */
  readonly pids: readonly number[];
  /** Connections open at a time. */
  readonly connections: number;
  /** Connections that have requests under way at a time: they take turns. */
  readonly busy: number;
  /** Requests under way at a time on a connection that has any. */
  readonly perConnection: number;
  /** Whether connections are kept; else each request has one of its own. */
  readonly keep: boolean;
  /** The path of the URL; a query that differs in each request is added. */
  readonly path: string;
  /** SCRIPT_FILENAME. */
  readonly script: string;
  /** Length of the request's body; 0, or whole MiB: POST. */
  readonly bodyBytes: number;
  /** Length that a response's body must have. */
  readonly expectedBytes: number;
  /** Requests that warm the server up, as far as they can be made in `warmUpSeconds`. */
  readonly warmUp: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Ends the load before `seconds` have passed. */
  readonly maxRequests: number;
}

/** What came of a load. Times in microseconds, sizes in bytes; NaN (JSON's null) where the system tells nothing. */
export interface Result {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** CPU time for each request, of each of the job's `pids`. */
  readonly cpu: readonly (number | null)[];
  /** How far memory went above what it was before the measured requests, at most. */
  readonly peakBytes: number | null;
  /** What memory each further open connection took, if the job opens more than are busy. */
  readonly idleBytes: number | null;
}

/** Called with the slot whose request has been answered, rightly. */
export type Answered = (slot: number) => void;

/** One connection's requests, each in a slot of its own, and the checks of what comes back. */
export interface Dialogue {
  /** What is sent after each request. */
  readonly body: readonly Uint8Array[];
  /** The request of a slot, with `number` in its URL. The memory is the slot's. */
  request(slot: number, number: number): Uint8Array;
  /** Takes what has come, which is lent. @throws {Error} If it is not as it must be. */
  received(chunk: Uint8Array): void;
}

/** Stands where a request's number goes. */
export const numberAt = "0000000000";

/** Writes a request's number over what stands at `at`. */
export function setNumber(request: Uint8Array, at: number, number: number): void {
  for (let digit = numberAt.length - 1; digit >= 0; digit--) {
    request[at + digit] = 0x30 + number % 10;
    number = Math.trunc(number / 10);
  }
}

/** Makes one piece of memory of several. */
export function gather(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
