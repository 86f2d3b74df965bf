/** A `Response` that keeps what it was made of, so that a body in memory is sent without a stream. */

import { copyHeaders } from "./header_pairs.ts";
import { makeLookalike } from "./native_lookalike.ts";
import { type Body, responseClass } from "./response_class.ts";
import { type Head, readHead } from "./response_init.ts";
import type { ResponseParts } from "./response_parts.ts";

const NativeResponse = Response;

/**
 * What `new FastResponse` makes: it passes for a `Response`, and the native one, made on demand, does what it cannot.
 */
export class FastInstance {
  readonly #body: string | Uint8Array | null;
  readonly #head: Head;
  #headers: Headers | null = null;
  #native: Response | null = null;

  /** Makes a response of a body and a head that {@linkcode readHead} has read. */
  constructor(body: string | Uint8Array | null, head: Head) {
    this.#body = body;
    this.#head = head;
  }

  /** Whether `value` is one, and does not only inherit from one. */
  static is(value: unknown): value is FastInstance {
    return typeof value === "object" && value !== null && #head in value;
  }

  /** What the response was made of; undefined once the native one has the body. */
  static parts(response: FastInstance): ResponseParts | undefined {
    if (response.#native !== null) return undefined;
    // Not from #head: a handler may have defined properties on the response.
    const { status, statusText } = response;
    return { status, statusText, headers: response.#headers ?? response.#head.headers, body: response.#body };
  }

  /** The native response of the same contents. It has the body from now on. */
  static toNative(response: FastInstance): Response {
    const { status, statusText, headers } = response.#head;
    response.#native ??= new NativeResponse(response.#body as Body, {
      status,
      statusText,
      headers: headers as [string, string][],
    });
    if (response.#headers !== null) copyHeaders(response.#headers, response.#native.headers);
    return response.#native;
  }

  get status(): number {
    return this.#head.status;
  }

  get statusText(): string {
    return this.#head.statusText;
  }

  get ok(): boolean {
    return this.status < 300;
  }

  get headers(): Headers {
    return this.#headers ??= new Headers(this.#head.headers as [string, string][]);
  }

  get redirected(): false {
    return false;
  }

  get type(): "default" {
    return "default";
  }

  get url(): "" {
    return "";
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#body === null ? null : FastInstance.toNative(this).body;
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? false;
  }

  async text(): Promise<string> {
    return FastInstance.toNative(this).text();
  }

  async json(): Promise<unknown> {
    return FastInstance.toNative(this).json();
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return FastInstance.toNative(this).arrayBuffer();
  }

  async blob(): Promise<Blob> {
    return FastInstance.toNative(this).blob();
  }

  async formData(): Promise<FormData> {
    return FastInstance.toNative(this).formData();
  }

  clone(): Response {
    return FastInstance.toNative(this).clone();
  }
}

makeLookalike(FastInstance, NativeResponse);

/**
 * A `Response` whose body, if it is a string or bytes, is sent without a stream: twice as fast as the runtime's own on
 * Node. The same constructor and statics; `instanceof Response`.
 *
 * Bytes are sent as they are when the response leaves: do not change them after returning it. For frameworks that make
 * their responses themselves there is the option `fastResponse`.
 *
 * @example
 * ```ts
 * import { FastResponse } from "@webfcgi/webfcgi";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const response = new FastResponse("Hello", { headers: { "content-type": "text/html" } });
 * assert(response instanceof Response);
 * assertEquals(await response.text(), "Hello");
 * ```
 */
export const FastResponse: typeof Response = responseClass((body, init) => {
  if (body !== null && typeof body !== "string" && !(body instanceof Uint8Array)) return undefined;
  const head = readHead(body, init);
  return head && new FastInstance(body, head) as unknown as Response;
});
