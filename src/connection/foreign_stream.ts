/**
 * A stream made by the caller: the body of a request or a response that is to be sent.
 *
 * Owns its reader. A stream that fails when it is read rejects the read; one that fails when it is cancelled is
 * ignored.
 */

/** The type that Node gives to a body made of FormData. */
const NODE_FORM_DATA = /boundary=-{4}formdata-undici-/;

/** What a read gives. */
export type ReadResult = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/** A stream that is read by one reader until its end. */
export class ForeignStream {
  readonly #stream: ReadableStream<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #fillsItself: boolean;
  #cancelled = false;

  /**
   * Locks a stream; `contentType` is that of its content.
   *
   * @throws {TypeError} If it is locked already.
   */
  constructor(stream: ReadableStream<Uint8Array>, contentType: string | null) {
    this.#stream = stream;
    this.#reader = stream.getReader();
    this.#fillsItself = NODE_FORM_DATA.test(contentType ?? "");
  }

  /** What comes next. */
  read(): Promise<ReadResult> {
    return this.#reader.read();
  }

  /** Whether it is a byte stream; to be asked after its last read. */
  endsAsByteStream(): boolean {
    this.#reader.releaseLock();
    try {
      this.#stream.getReader({ mode: "byob" }).releaseLock();
      return true;
    } catch {
      return false;
    }
  }

  /** Cancels it. A pending read ends, or fails. */
  cancel(reason: unknown): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    try {
      // Node 24 fills the stream of FormData whether or not it is read. If it is cancelled meanwhile, Node throws where
      // nothing can catch it, and the process ends. Such a stream has no source to be notified.
      if (this.#fillsItself) this.#reader.releaseLock();
      else this.#reader.cancel(reason).catch(() => {});
    } catch {
      // The source's own `cancel` has thrown.
    }
  }
}

/** Cancels a stream that nobody reads; `contentType` is that of its content. */
export function cancelUnread(stream: ReadableStream<Uint8Array>, contentType: string | null): void {
  new ForeignStream(stream, contentType).cancel(undefined);
}
