/** The status of the response to a request that failed. */

import { FastCgiError, LimitError, type LimitName, RequestRefusedError } from "../errors.ts";

/** Where the application, or the way to it, is at fault; 502 for the rest. */
const UPSTREAM_LIMITS: Partial<Record<LimitName, number>> = {
  maxBufferedBytes: 503,
  maxQueuedRequests: 503,
  queueTimeoutMs: 503,
  connectTimeoutMs: 504,
  headTimeoutMs: 504,
  bodyTimeoutMs: 504,
  requestTimeoutMs: 504,
};

/** Where the request is at fault; 400 for the rest. */
const REQUEST_LIMITS: Partial<Record<LimitName, number>> = {
  bodyTimeoutMs: 408,
  requestTimeoutMs: 408,
  maxBodyBytes: 413,
  maxBufferedBodyBytes: 413,
  maxParamsBytes: 431,
};

/** System errors of files; 500 for the rest. */
const FILE_ERRORS: Readonly<Record<string, number>> = {
  EACCES: 403,
  EPERM: 403,
  EAGAIN: 503,
  EMFILE: 503,
  ENFILE: 503,
  ENOMEM: 503,
};

/** The status for an error of a client's `fetch`. */
export function fetchFailureStatus(error: unknown): number {
  if (error instanceof RequestRefusedError) return 503;
  // A TypeError says that the client was misused, in this process: closed, or given a body that has been read.
  if (!(error instanceof FastCgiError)) return error instanceof TypeError ? 500 : 502;
  const isRequest = error.side === "request";
  const byLimit = isRequest ? REQUEST_LIMITS : UPSTREAM_LIMITS;
  return (error instanceof LimitError ? byLimit[error.limit] : undefined) ?? (isRequest ? 400 : 502);
}

/** The status for an error of the file system. */
export function fileFailureStatus(error: unknown): number {
  return FILE_ERRORS[(error as { readonly code?: string } | null)?.code ?? ""] ?? 500;
}
