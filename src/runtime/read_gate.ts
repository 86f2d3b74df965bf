/** Where a loop that reads from a transport waits while the transport is paused. */

/** A gate, open at first. */
export class ReadGate {
  #open = true;
  #pass: (() => void) | undefined;

  /** Whether a loop has to wait. */
  get closed(): boolean {
    return !this.#open;
  }

  /** Resolves when the gate is opened. */
  opened(): Promise<void> {
    return new Promise((resolve) => this.#pass = resolve);
  }

  /** As {@linkcode Transport.pause}. */
  close(): void {
    this.#open = false;
  }

  /** As {@linkcode Transport.resume}. */
  open(): void {
    this.#open = true;
    this.#pass?.();
    this.#pass = undefined;
  }
}
