/**
 * A `Request` that makes its parts when they are first read: most handlers read two of them, and a native Request with
 * all of them costs more than the rest of the server.
 *
 * It passes for a Request: `instanceof`, every property and method. The two things that look behind the prototype,
 * `fetch(request)` and `new Request(request)`, are given the native one by `patch_globals.ts`.
 */

import { copyHeaders } from "./header_pairs.ts";
import { passFor } from "./native_lookalike.ts";
import type { IncomingBody } from "../connection/incoming_body.ts";

/** What a {@linkcode LazyRequest} is made from. */
export interface RequestSource {
  /** The method, any token. */
  readonly method: string;
  /** The URL, absolute and normalised. */
  readonly url: string;
  /** The headers as `[name, value, …]`. */
  readonly headerPairs: readonly string[];
  /** The body; null if the request has none. */
  readonly body: IncomingBody | null;
  /** Aborted when the web server gives the request up. */
  readonly signal: AbortSignal;
}

const behind = Symbol("webfcgi request");
const NativeRequest = Request;
const NativeResponse = Response;

/** Passes for a `Request`. */
export class LazyRequest {
  readonly #source: RequestSource;
  #headers: Headers | null = null;
  /** The native request that has taken the body over. */
  #native: Request | null = null;
  /** The body has gone to someone else. */
  #handedOver = false;

  /** Makes the request of an exchange. */
  constructor(source: RequestSource) {
    this.#source = source;
  }

  /** Whether `value` is a LazyRequest, and not only looks like one. */
  static is(value: unknown): value is LazyRequest {
    return typeof value === "object" && value !== null && #source in value;
  }

  /** The LazyRequest that `value` is, or is a Proxy around: itty-router's handlers have one. */
  static behind(value: unknown): LazyRequest | undefined {
    if (LazyRequest.is(value)) return value;
    const self = value instanceof NativeRequest ? (value as { readonly [behind]?: unknown })[behind] : undefined;
    return LazyRequest.is(self) ? self : undefined;
  }

  /**
   * The native Request of the same contents, for who looks behind the prototype. It has the body from now on; with
   * `withBody` false it is one without, and the body stays.
   *
   * @throws {TypeError} If the body has been used, or the runtime can make no such request.
   */
  static toNative(request: LazyRequest, withBody = true): Request {
    const body = withBody ? request.#source.body : null;
    if (body !== null && request.bodyUsed) throw used();
    if (request.#native !== null) {
      if (request.#headers !== null) copyHeaders(request.#headers, request.#native.headers);
      return request.#native;
    }
    const { method, url, signal } = request.#source;
    const init: RequestInit & { duplex: "half" } = { method, headers: request.headers, signal, duplex: "half" };
    if (body !== null) init.body = body.stream;
    const native = keepMethod(new NativeRequest(url, init), method);
    if (withBody) request.#native = native;
    return native;
  }

  /** Someone else has the body from now on: Bun's own classes would leave it to the request as well. */
  static handOver(request: LazyRequest): void {
    request.#handedOver = request.#source.body !== null;
  }

  get method(): string {
    return this.#source.method;
  }

  get url(): string {
    return this.#source.url;
  }

  get headers(): Headers {
    if (this.#headers === null) {
      this.#headers = new Headers();
      const pairs = this.#source.headerPairs;
      for (let at = 0; at < pairs.length; at += 2) this.#headers.append(pairs[at]!, pairs[at + 1]!);
    }
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#source.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#native !== null ? this.#native.body : this.#source.body?.stream ?? null;
  }

  get bodyUsed(): boolean {
    if (this.#handedOver) return true;
    return this.#native !== null ? this.#native.bodyUsed : this.#source.body?.disturbed ?? false;
  }

  // What a request that a server receives has by the Fetch standard, and nothing can change:
  get cache(): "default" {
    return "default";
  }

  get credentials(): "same-origin" {
    return "same-origin";
  }

  get destination(): "" {
    return "";
  }

  get duplex(): "half" {
    return "half";
  }

  get integrity(): "" {
    return "";
  }

  get isHistoryNavigation(): false {
    return false;
  }

  get isReloadNavigation(): false {
    return false;
  }

  get keepalive(): false {
    return false;
  }

  get mode(): "cors" {
    return "cors";
  }

  get redirect(): "follow" {
    return "follow";
  }

  get referrer(): "about:client" {
    return "about:client";
  }

  get referrerPolicy(): "" {
    return "";
  }

  text(): Promise<string> {
    return this.#read((bytes) => utf8.decode(bytes));
  }

  json(): Promise<unknown> {
    return this.#read((bytes) => JSON.parse(utf8.decode(bytes)));
  }

  bytes(): Promise<Uint8Array> {
    return this.#read(owned);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#read((bytes) => owned(bytes).buffer);
  }

  blob(): Promise<Blob> {
    const type = this.headers.get("content-type") ?? "";
    return this.#read((bytes) => new Blob([owned(bytes)], { type }));
  }

  formData(): Promise<FormData> {
    const headers = { "content-type": this.headers.get("content-type") ?? "" };
    return this.#read((bytes) => new NativeResponse(owned(bytes), { headers }).formData());
  }

  clone(): Request {
    if (this.bodyUsed || this.body?.locked) throw used();
    return keepMethod(LazyRequest.toNative(this).clone(), this.method);
  }

  /** Reads the body. A handler that answers without waiting for it must not leave an unhandled rejection behind. */
  #read<T>(make: (bytes: Uint8Array) => T | Promise<T>): Promise<T> {
    const reading = this.#bytes().then(make);
    reading.catch(() => {});
    return reading;
  }

  /** The whole body, once; straight from the parser unless a native request has taken it over. */
  async #bytes(): Promise<Uint8Array> {
    if (this.#handedOver) throw used();
    if (this.#native !== null) return new Uint8Array(await this.#native.arrayBuffer());
    const body = this.#source.body;
    if (body === null) return new Uint8Array(0);
    if (body.disturbed || body.locked) throw used();
    return body.readAll();
  }
}

passFor(LazyRequest, NativeRequest);

Object.defineProperty(LazyRequest.prototype, behind, {
  get(): unknown {
    return this;
  },
});

// For Bun's `console.log`; the others' native prototype has one that shows a lazy request just as well.
const inspectSymbol = Symbol.for("nodejs.util.inspect.custom");
if (!(inspectSymbol in NativeRequest.prototype)) {
  Object.defineProperty(LazyRequest.prototype, inspectSymbol, {
    value(this: LazyRequest): Request {
      return LazyRequest.toNative(this, false);
    },
  });
}

/** Bun makes GET of the methods that it does not know. */
export function keepMethod(request: Request, method: string): Request {
  if (request.method !== method) Object.defineProperty(request, "method", { value: method, configurable: true });
  return request;
}

const utf8 = new TextDecoder();

/** Memory of the caller's own: it may be transferred. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = bytes.length === bytes.buffer.byteLength;
  return (whole ? bytes : bytes.slice()) as Uint8Array<ArrayBuffer>;
}

function used(): TypeError {
  return new TypeError("Cannot read request body: it has been read, or is being read, already");
}
