/** The status for the browser when an application that was asked by a client has given no response. */

import { LimitError, type LimitName, RequestRefusedError } from "../errors.ts";

/** Statuses for the limits of a client; any other is a 502. */
const BY_LIMIT: Readonly<Partial<Record<LimitName, number>>> = {
  maxQueued: 503,
  queueTimeoutMs: 503,
  maxBufferedBodyBytes: 413,
  maxParamsBytes: 431,
  connectTimeoutMs: 504,
  headTimeoutMs: 504,
  requestTimeoutMs: 504,
};

/** The status for an error of a client's `fetch`. */
export function failureStatus(error: unknown): number {
  if (error instanceof LimitError) return BY_LIMIT[error.limit] ?? 502;
  return error instanceof RequestRefusedError ? 503 : 502;
}
