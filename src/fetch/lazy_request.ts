/**
 * A `Request` that makes its parts when they are first read: most handlers read two of them, and a native Request with
 * all of them costs more than the rest of the server.
 *
 * It passes for a Request: `instanceof`, every property and method. `fetch(request)` and `new Request(request)` bypass the
 * prototype chain: where `patch_globals.ts` has not patched them, `fetch(request.url, request)`,
 * `new Request(request.url, request)` and `request.clone()`, which is a native one, do the same.
 */

import { decodeText } from "./decode_text.ts";
import { copyHeaders } from "./header_pairs.ts";
import { LazyHeaders } from "./lazy_headers.ts";
import { makeInspectable, makeLookalike } from "./native_lookalike.ts";
import type { Params } from "../cgi/params.ts";
import type { BodyCollector, BodyTerms, IncomingBody } from "../connection/incoming_body.ts";
import type { BodyMemory } from "./body_memory.ts";
import { BytesMade, OwnBytes, TextMade } from "./whole_body.ts";

/** What a {@linkcode LazyRequest} is made from. */
export interface RequestSource {
  /** The method, any token. */
  readonly method: string;
  /** The URL, absolute and normalised. */
  readonly url: string;
  /** The parameters, which have the headers. */
  readonly params: Params;
  /** The body; null if the request has none. */
  readonly body: IncomingBody | null;
  /** Where bodies are collected of which the handler gets no bytes. */
  readonly bodyMemory: BodyMemory;
  /** Aborted when the web server gives the request up. */
  readonly signal: AbortSignal;
}

const NativeRequest = Request;
const NativeResponse = Response;

/** Passes for a `Request`. */
export class LazyRequest {
  readonly #source: RequestSource;
  #headers: LazyHeaders | null = null;
  /** The native request, which has the body. */
  #native: Request | null = null;
  /** The body belongs to another request. */
  #bodyTransferred = false;

  /** Makes the request of an exchange. */
  constructor(source: RequestSource) {
    this.#source = source;
  }

  /** Whether `value` is a LazyRequest, and not only looks like one. */
  static is(value: unknown): value is LazyRequest {
    return typeof value === "object" && value !== null && #source in value;
  }

  /**
   * The native Request of the same contents. It has the body from now on.
   *
   * @throws {TypeError} If the body has been used, or the runtime cannot make such a request.
   */
  static toNative(request: LazyRequest): Request {
    const { body } = request.#source;
    if (body !== null && request.bodyUsed) throw used();
    if (request.#native === null) request.#native = request.#makeNative(body?.stream ?? null);
    else if (request.#headers !== null) copyHeaders(LazyHeaders.toNative(request.#headers), request.#native.headers);
    return request.#native;
  }

  /** A native Request of the same contents but the body, which stays. */
  static withoutBody(request: LazyRequest): Request {
    return request.#makeNative(null);
  }

  /** Notes that another request has the body: Bun's own classes would leave it readable here as well. */
  static markBodyTransferred(request: LazyRequest): void {
    request.#bodyTransferred = request.#source.body !== null;
  }

  #makeNative(body: ReadableStream<Uint8Array> | null): Request {
    const { method, url, signal } = this.#source;
    const headers = LazyHeaders.toNative(this.#lazyHeaders);
    const init: RequestInit & { duplex: "half" } = { method, headers, signal, duplex: "half" };
    if (body !== null) init.body = body as ReadableStream<Uint8Array<ArrayBuffer>>;
    return restoreMethod(new NativeRequest(url, init), method);
  }

  get method(): string {
    return this.#source.method;
  }

  get url(): string {
    return this.#source.url;
  }

  get headers(): Headers {
    return this.#lazyHeaders as unknown as Headers;
  }

  get #lazyHeaders(): LazyHeaders {
    return this.#headers ??= new LazyHeaders(this.#source.params);
  }

  get signal(): AbortSignal {
    return this.#source.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#native !== null ? this.#native.body : this.#source.body?.stream ?? null;
  }

  get bodyUsed(): boolean {
    if (this.#bodyTransferred) return true;
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
    return this.#readText((text) => text);
  }

  json(): Promise<unknown> {
    return this.#readText((text) => JSON.parse(text));
  }

  bytes(): Promise<Uint8Array> {
    return this.#read((terms) => new OwnBytes(terms));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.bytes().then(({ buffer }) => buffer as ArrayBuffer);
  }

  blob(): Promise<Blob> {
    const type = this.headers.get("content-type") ?? "";
    // A Blob copies what it is made of.
    return this.#readMade((bytes) => new Blob([bytes], { type }));
  }

  formData(): Promise<FormData> {
    const headers = { "content-type": this.headers.get("content-type") ?? "" };
    // So does a Response.
    return this.#readMade((bytes) => new NativeResponse(bytes, { headers })).then((response) => response.formData());
  }

  clone(): Request {
    if (this.bodyUsed || this.body?.locked) throw used();
    return restoreMethod(LazyRequest.toNative(this).clone(), this.method);
  }

  #readText<T>(make: (text: string) => T): Promise<T> {
    if (isDeno) return this.#read(() => new TextMade(make));
    return this.#readMade((bytes) => make(decodeText(bytes)));
  }

  /** Reads the body for something that does not refer to its bytes. */
  #readMade<T>(make: (bytes: Uint8Array<ArrayBuffer>) => T): Promise<T> {
    return this.#read((terms) => new BytesMade(terms, this.#source.bodyMemory, make));
  }

  /** Reads the body. A handler that answers without waiting for it must not leave an unhandled rejection behind. */
  #read<T>(collectorFor: (terms: BodyTerms) => BodyCollector<T>): Promise<T> {
    const reading = this.#collect(collectorFor);
    reading.catch(() => {});
    return reading;
  }

  /** The whole body, once; straight from the parser unless a native request has taken it over. */
  async #collect<T>(collectorFor: (terms: BodyTerms) => BodyCollector<T>): Promise<T> {
    if (this.#bodyTransferred) throw used();
    const { body } = this.#source;
    if (body === null) return collectorFor(NO_TERMS).only(new Uint8Array(0));
    if (this.#native !== null) return collectorFor(NO_TERMS).only(new Uint8Array(await this.#native.arrayBuffer()));
    if (body.disturbed || body.locked) throw used();
    return body.readAll(collectorFor(body.terms));
  }
}

makeLookalike(LazyRequest, NativeRequest);
makeInspectable(LazyRequest, LazyRequest.withoutBody);

/** Bun turns methods that it does not know into GET. */
export function restoreMethod(request: Request, method: string): Request {
  if (request.method !== method) Object.defineProperty(request, "method", { value: method, configurable: true });
  return request;
}

const NO_TERMS: BodyTerms = { name: "request body" };
/** There a long string is dearer than many short ones. */
const isDeno = "Deno" in globalThis && !("Bun" in globalThis);

function used(): TypeError {
  return new TypeError("Cannot read request body: it has been read, or is being read, already");
}
