/**
 * The sending half of a transport over a socket that may take only a part of what is written.
 *
 * Owns the queue, whether our side is to end, and whether a writer waits for the queue to drain. Knows no runtime.
 */

import { HIGH_WATER_BYTES, WriteQueue } from "./write_queue.ts";

/** The socket below, and the sink above. */
export interface QueuedSocket {
  /** Starts to send the queue, which has something to send; {@linkcode QueuedOutput.sent} reports that all is sent. */
  send(queue: WriteQueue): void;
  /** Ends our side of the connection. */
  sendFin(): void;
  /** The queue has drained; writing may continue. */
  drained(): void;
}

/** A queue that a socket is sent from. */
export class QueuedOutput {
  readonly queue: WriteQueue = new WriteQueue();
  readonly #socket: QueuedSocket;
  #state: "open" | "ending" | "ended" | "closed" = "open";
  #wantsDrained = false;

  /** Makes the output of a socket that has just connected. */
  constructor(socket: QueuedSocket) {
    this.#socket = socket;
  }

  /** Whether the FIN has been sent, on a socket that is still open. */
  get ended(): boolean {
    return this.#state === "ended";
  }

  /** As {@linkcode Transport.write}. */
  write(pieces: readonly Uint8Array[]): boolean {
    if (this.#state !== "open") return true;
    const idle = this.queue.bytes === 0;
    for (const piece of pieces) this.queue.push(piece);
    if (idle && this.queue.bytes > 0) this.#socket.send(this.queue);
    const below = this.queue.bytes <= HIGH_WATER_BYTES;
    if (!below) this.#wantsDrained = true;
    return below;
  }

  /** As {@linkcode Transport.shutdown}. */
  shutdown(): boolean {
    if (this.#state !== "open") return true;
    this.#state = "ending";
    if (this.queue.bytes > 0) this.#wantsDrained = true;
    else this.#sendFin();
    return !this.#wantsDrained;
  }

  /** The queue has run empty. */
  sent(): void {
    if (this.#state === "ending") this.#sendFin();
    if (this.#state === "closed" || !this.#wantsDrained) return;
    this.#wantsDrained = false;
    this.#socket.drained();
  }

  /** The socket is gone: drops what is queued, and all that will be written. */
  close(): void {
    this.#state = "closed";
    this.queue.clear();
  }

  #sendFin(): void {
    this.#state = "ended";
    this.#socket.sendFin();
  }
}
