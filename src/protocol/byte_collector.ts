/** Bytes that arrive in parts and are needed in one piece. */

/** Collects parts: uses at most twice the bytes received, and copies each byte at most three times (amortised). */
export class ByteCollector {
  #bytes: Uint8Array = none;
  #length = 0;
  /** Whether `#bytes` is the caller's memory, lent until {@linkcode own}. */
  #lent = false;

  /** Bytes collected so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of memory in use. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Adds a part, which is lent: if it is the first, {@linkcode own} must be called before the loan ends. */
  add(part: Uint8Array): void {
    if (this.#length === 0) {
      this.#bytes = part;
      this.#lent = true;
    } else {
      const length = this.#length + part.length;
      if (this.#lent || length > this.#bytes.length) this.#copy(2 * length);
      this.#bytes.set(part, this.#length);
    }
    this.#length += part.length;
  }

  /** Ends the loan of the part that was added last. */
  own(): void {
    if (this.#lent) this.#copy(this.#length);
  }

  /** What has been collected so far, lent until the next call. */
  peek(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length);
  }

  /** Hands over what has been collected, lent as the parts were, and starts anew. */
  take(): Uint8Array {
    const bytes = this.peek();
    this.#bytes = none;
    this.#length = 0;
    this.#lent = false;
    return bytes;
  }

  #copy(capacity: number): void {
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
    this.#lent = false;
  }
}

/** All parts in one piece of memory; a single part itself. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const none = new Uint8Array(0);
