/** Failures that a command foresees: a line for people, and the exit code that tells scripts which kind it was. */

/** Exit codes of `webfcgi`; `fetch` and `status` use curl's. */
export const EXIT = {
  /** It ended as it was asked to. */
  ok: 0,
  /** It failed while it ran. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** It could not listen. */
  listen: 3,
  /** The entry is missing, broken, or exports no handler. */
  entry: 4,
  /** curl's CURLE_COULDNT_CONNECT. */
  connect: 7,
  /** curl's CURLE_HTTP_RETURNED_ERROR: the status is 400 or more. */
  httpStatus: 22,
  /** curl's CURLE_WRITE_ERROR. */
  output: 23,
  /** curl's CURLE_OPERATION_TIMEDOUT. */
  timeout: 28,
  /** curl's CURLE_RECV_ERROR. */
  receive: 56,
} as const;

/** Ends a command with a line on standard error. */
export class Failure extends Error {
  /** The name that consoles print. */
  override name = "Failure";
  /** The exit code of the process. */
  readonly exitCode: number;

  /** Makes a failure of an exit code and a sentence that says what to do. */
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The message of an error, or of whatever else was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A failure with an error's message, unless the error is one already. */
export function failureOf(exitCode: number, error: unknown): Failure {
  return error instanceof Failure ? error : new Failure(exitCode, messageOf(error), { cause: error });
}
