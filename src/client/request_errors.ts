/** The errors of requests that cannot be sent, and of responses that cannot be read. */

import {
  AppStatusError,
  type ErrorSide,
  FastCgiError,
  LimitError,
  type LimitName,
  ProtocolError,
  RequestRefusedError,
} from "../errors.ts";

/** The caller's body comes too slowly. */
export function bodyTimeout(timeoutMs: number): LimitError {
  const message = `Cannot send request: its body gave too little within bodyTimeoutMs, ${timeoutMs}`;
  return new LimitError("bodyTimeoutMs", timeoutMs, message);
}

/** The request has taken too long; `side` is the one that it waited for. */
export function requestTimeout(timeoutMs: number, side: ErrorSide): LimitError {
  const message = `Cannot finish request: it took longer than requestTimeoutMs, ${timeoutMs}`;
  return new LimitError("requestTimeoutMs", timeoutMs, message, { side });
}

/** The application has reached a limit. */
export function upstreamLimit(limit: LimitName, max: number, message: string): LimitError {
  return new LimitError(limit, max, message, { side: "upstream" });
}

/** The application has broken the protocol, or its connection. */
export function upstreamFault(code: ProtocolError["code"], message: string, cause?: unknown): ProtocolError {
  return new ProtocolError(code, message, { side: "upstream", ...(cause === undefined ? {} : { cause }) });
}

/** The application has refused the request. */
export function refusal(protocolStatus: number): RequestRefusedError {
  const names = ["", "FCGI_CANT_MPX_CONN", "FCGI_OVERLOADED", "FCGI_UNKNOWN_ROLE"];
  const name = names[protocolStatus] ?? "an unknown protocolStatus";
  return new RequestRefusedError(
    protocolStatus,
    `Cannot read response: the application refused the request with ${name} (${protocolStatus})`,
  );
}

/** A copy of an error with a note, as several requests may have failed with the same error. */
export function withNote(error: unknown, note: string): unknown {
  if (note === "" || !(error instanceof FastCgiError)) return error;
  const { side } = error;
  const message = error.message + note;
  if (error instanceof ProtocolError) return upstreamFault(error.code, message, error.cause ?? error);
  if (error instanceof LimitError) return new LimitError(error.limit, error.max, message, { side });
  if (error instanceof RequestRefusedError) return new RequestRefusedError(error.protocolStatus, message);
  if (error instanceof AppStatusError) return new AppStatusError(error.appStatus, message);
  return error;
}
