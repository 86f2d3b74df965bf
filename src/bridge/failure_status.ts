/** The status of the response to a request that failed. */

import { failureStatus } from "../cgi/failure_status.ts";
import { FastCgiError } from "../errors.ts";

/** System errors of files; 500 for the rest. */
const FILE_ERRORS: Readonly<Record<string, number>> = {
  EACCES: 403,
  EPERM: 403,
  EAGAIN: 503,
  EMFILE: 503,
  ENFILE: 503,
  ENOMEM: 503,
};

/** The status for an error of a client's `fetch(request)`. */
export function fetchFailureStatus(error: unknown, request: Request): number {
  if (error instanceof FastCgiError) return failureStatus(error);
  // A TypeError says that the client was misused, in this process: closed, or given a body that has been read.
  if (error instanceof TypeError) return 500;
  // A connection that fails has the system's code; Deno's error of a malformed body, or of one that breaks off, has none.
  const isOfBody = request.bodyUsed && (error as { readonly code?: unknown } | null)?.code === undefined;
  return isOfBody ? 400 : 502;
}

/** The status for an error of the file system. */
export function fileFailureStatus(error: unknown): number {
  return FILE_ERRORS[(error as { readonly code?: string } | null)?.code ?? ""] ?? 500;
}
