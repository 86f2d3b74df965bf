/** The promise of a response's fate, `info.completed`. */

/** A promise that settles once. */
export class Completion {
  readonly promise: Promise<void>;
  #resolve!: () => void;
  #reject!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Most handlers that read it only want to know when, and an unhandled rejection would end the process.
    this.promise.catch(() => {});
  }

  /** Settles it: with a failure, if the response was not sent whole. */
  settle(failure: { readonly reason: unknown } | undefined): void {
    if (failure === undefined) this.#resolve();
    else this.#reject(failure.reason);
  }
}
