/** What a web server's client is told when the application has given no response. */

import { LimitError, RequestRefusedError } from "../errors.ts";

/** Statuses for the client's limits. */
const BY_LIMIT: Readonly<Record<string, number>> = {
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
