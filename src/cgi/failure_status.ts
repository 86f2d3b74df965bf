/** The status of the response to a failed request, by whose fault it was. */

import { type FastCgiError, LimitError, type LimitName, RequestRefusedError } from "../errors.ts";

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

/** The status for an error, by its side. */
export function failureStatus(error: FastCgiError): number {
  if (error instanceof RequestRefusedError) return 503;
  const isRequest = error.side === "request";
  const byLimit = isRequest ? REQUEST_LIMITS : UPSTREAM_LIMITS;
  return (error instanceof LimitError ? byLimit[error.limit] : undefined) ?? (isRequest ? 400 : 502);
}
