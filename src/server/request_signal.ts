/** The signal of a request, made only when it is read: an AbortController is expensive. */

import type { RequestAbortedError } from "../errors.ts";

/** A signal that may never be made. */
export class RequestSignal {
  #controller: AbortController | null = null;
  #reason: RequestAbortedError | undefined;

  /** Why the request was aborted; undefined if it was not. */
  get reason(): RequestAbortedError | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: RequestAbortedError): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
