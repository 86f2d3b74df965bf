/**
 * The memory that unfinished requests hold over all connections of a server: each is within its limits, their sum may
 * not be.
 */

import { LimitError } from "../errors.ts";
import type { Settings } from "./server_options.ts";

/** Greatest sum, in bytes; about. A busy server's requests arrive whole, in one read, and hold nothing. */
export const MAX_HELD_PARAMS_BYTES = 67_108_864;

/** A connection that can be closed to free its memory. */
export interface ParamsHolder {
  readonly heldParamsBytes: number;
  /** Closes it. */
  destroy(error: LimitError): void;
}

/** The sum over connections. Owns it. */
export class HeldParams {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ maxParamsBytes }: Settings) {
    // One request of the greatest size there may be always has room: collecting takes twice of it.
    this.#maxBytes = Math.max(MAX_HELD_PARAMS_BYTES, 2 * maxParamsBytes);
  }

  /**
   * A connection holds more, or less. Beyond the limit, the connection that holds most is closed: it is the likely
   * cause.
   */
  add(bytes: number, holders: Iterable<ParamsHolder>): void {
    this.#bytes += bytes;
    if (bytes <= 0) return;
    while (this.#bytes > this.#maxBytes) {
      let most: ParamsHolder | undefined;
      for (const holder of holders) if (holder.heldParamsBytes > (most?.heldParamsBytes ?? 0)) most = holder;
      if (most === undefined) return;
      const what =
        `Cannot hold the parameters of unfinished requests: they take ${this.#bytes} bytes over all connections`;
      most.destroy(new LimitError("maxHeldParamsBytes", this.#maxBytes, `${what}; the one that holds most is closed`));
    }
  }
}
