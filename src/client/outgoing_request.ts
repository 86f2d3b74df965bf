/** What of a request is sent, read from whatever `fetch` was given. */

import { isForbiddenMethod, isToken } from "../cgi/field.ts";
import { LimitError } from "../errors.ts";
import type { Site } from "../cgi/request_params.ts";
import { joinBytes } from "../protocol/byte_collector.ts";

/** What a client's `fetch` takes besides the request: what the global `fetch` takes, and what FastCGI knows more. */
export interface FastCgiRequestInit extends RequestInit, Site {
  /**
   * What the application is to be (§6).
   *
   * @default {"responder"}
   */
  readonly role?: "responder" | "authorizer" | "filter";
  /** The file that a Filter is to filter. */
  readonly data?: NonNullable<ConstructorParameters<typeof Response>[0]>;
  /** When that file was last changed. */
  readonly dataLastModified?: Date;
  /** Told how the application ended the request, once it has. */
  readonly onEnd?: (end: RequestEnd) => void;
  /** As in the global `fetch`, for bodies that are streams; they may always be sent while the response comes. */
  readonly duplex?: "half";
}

/** How an application ended a request (§5.5). */
export interface RequestEnd {
  /** What the request came to, like a program's exit status. */
  readonly appStatus: number;
}

/** A stream that is sent: in memory, or a stream of `length` bytes, or of an unknown number. */
export interface OutgoingContent {
  readonly content: Uint8Array | ReadableStream<Uint8Array> | null;
  readonly length: number | undefined;
}

/** A request, ready to be sent. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  /** With Content-Length if the body's length is known, and only then. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: OutgoingContent;
  readonly data: OutgoingContent;
  readonly signal: AbortSignal | undefined;
}

/** How bodies of unknown length are treated. */
export interface BodyRules {
  readonly chunkedBodies: "buffer" | "stream";
  readonly maxBufferedBodyBytes: number;
}

/** What is read of a `Request`, or of anything like one. */
interface RequestLike {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  readonly signal: AbortSignal;
}

/** Methods that the Fetch standard writes in capitals. */
const NORMALIZED_METHOD = /^(?:delete|get|head|options|post|put)$/i;
const utf8 = new TextEncoder();
const NOTHING: OutgoingContent = { content: null, length: 0 };

/**
 * Reads a request, never through a native `Request`: requests of our own server, and methods and headers that a runtime
 * would change, go through as they are.
 *
 * @throws {TypeError} If it is no request that can be sent.
 * @throws {LimitError} If its body has no known length and is longer than `maxBufferedBodyBytes`.
 */
export async function readRequest(
  input: string | URL | Request,
  init: FastCgiRequestInit,
  rules: BodyRules,
): Promise<OutgoingRequest> {
  const request = typeof input === "object" && !(input instanceof URL) ? input as RequestLike : undefined;
  const method = normalize(init.method ?? request?.method ?? "GET");
  const url = request?.url ?? absolute(String(input));
  const signal = init.signal === null ? undefined : init.signal ?? request?.signal;
  signal?.throwIfAborted();
  // Only the type of a new body is ever added to them.
  const ownHeaders = init.headers === undefined && init.body === undefined ? request?.headers : undefined;
  const headers = ownHeaders ?? new Headers(init.headers ?? request?.headers);
  let body = await readContent(init.body, headers);
  if (init.body === undefined && request?.body) {
    if (request.bodyUsed || request.body.locked) {
      throw new TypeError("Cannot fetch: the request's body has been read, or is being read, already");
    }
    body = { content: request.body, length: declaredLength(headers) };
  }
  if (body.content !== null && /^(?:GET|HEAD)$/.test(method)) {
    throw new TypeError(`Cannot fetch: a ${method} request has no body`);
  }
  if (rules.chunkedBodies === "buffer") body = await buffered(body, rules, signal);
  const data = await buffered(await readContent(init.data, new Headers()), rules, signal);
  const pairs = [...headers].filter(([name]) => name !== "content-length");
  const { length } = body;
  if (length !== undefined && (length > 0 || !/^(?:GET|HEAD|OPTIONS)$/.test(method))) {
    pairs.push(["content-length", String(length)]);
  }
  return { method, url, headers: pairs, body, data, signal };
}

function normalize(method: string): string {
  if (!isToken(method)) throw new TypeError(`Cannot fetch: method ${JSON.stringify(method)} is no token`);
  if (isForbiddenMethod(method)) throw new TypeError(`Cannot fetch: method ${method} is forbidden`);
  return NORMALIZED_METHOD.test(method) ? method.toUpperCase() : method;
}

/** A path alone is one of `http://localhost`: who probes an application cares for no host. */
function absolute(url: string): string {
  return url.startsWith("/") ? `http://localhost${url}` : url;
}

/** The length that a Content-Length field tells; `undefined` if there is none. */
function declaredLength(headers: Headers): number | undefined {
  const value = headers.get("content-length");
  if (value === null) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw new TypeError(`Cannot fetch: Content-Length is ${JSON.stringify(value)}`);
  return Number(value);
}

/** Reads any kind of body; sets Content-Type if the kind has one and there is none yet. */
async function readContent(
  body: ConstructorParameters<typeof Response>[0],
  headers: Headers,
): Promise<OutgoingContent> {
  if (body === null || body === undefined) return NOTHING;
  const typed = (type: string): void => {
    if (type !== "" && !headers.has("content-type")) headers.set("content-type", type);
  };
  if (typeof body === "string") {
    typed("text/plain;charset=UTF-8");
    return inMemory(utf8.encode(body));
  }
  if (body instanceof URLSearchParams) {
    typed("application/x-www-form-urlencoded;charset=UTF-8");
    return inMemory(utf8.encode(String(body)));
  }
  if (body instanceof Blob) {
    typed(body.type);
    return { content: body.stream(), length: body.size };
  }
  if (body instanceof FormData) {
    const response = new Response(body);
    // Not the type of a blob where the header tells it: that one is in lower case, the boundary in the body is not.
    const type = response.headers.get("content-type");
    const blob = await response.blob();
    typed(type ?? blob.type);
    return { content: blob.stream(), length: blob.size };
  }
  // Copies: the caller may change his memory as soon as `fetch` has returned.
  if (body instanceof ArrayBuffer) return inMemory(new Uint8Array(body.slice(0)));
  if (ArrayBuffer.isView(body)) return inMemory(new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice());
  if (body instanceof ReadableStream) {
    if (body.locked) throw new TypeError("Cannot fetch: the body's stream is being read already");
    return { content: body, length: declaredLength(headers) };
  }
  throw new TypeError(`Cannot fetch: the body is ${Object.prototype.toString.call(body)}, which cannot be sent`);
}

function inMemory(content: Uint8Array): OutgoingContent {
  return { content, length: content.length };
}

/** The content itself if its length is known, else all of it in memory. */
async function buffered(
  outgoing: OutgoingContent,
  { maxBufferedBodyBytes }: BodyRules,
  signal: AbortSignal | undefined,
): Promise<OutgoingContent> {
  const { content, length } = outgoing;
  if (length !== undefined || !(content instanceof ReadableStream)) return outgoing;
  const reader = content.getReader();
  const onAbort = (): void => void reader.cancel(signal!.reason).catch(() => {});
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (let result = await reader.read(); !result.done; result = await reader.read()) {
      checkChunk(result.value);
      parts.push(result.value);
      size += result.value.length;
      if (size > maxBufferedBodyBytes) throw tooLong(maxBufferedBodyBytes);
    }
    signal?.throwIfAborted();
    return inMemory(joinBytes(parts));
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

function tooLong(max: number): LimitError {
  return new LimitError(
    "maxBufferedBodyBytes",
    max,
    `Cannot send request: its body has no Content-Length and is longer than maxBufferedBodyBytes, ${max}; raise it, ` +
      `give a Content-Length, or set chunkedBodies to "stream" if the application reads to the end of STDIN`,
  );
}

/** @throws {TypeError} If a stream gave anything but bytes. */
export function checkChunk(chunk: unknown): asserts chunk is Uint8Array {
  if (!(chunk instanceof Uint8Array)) {
    throw new TypeError(`Cannot send request: its body's stream gave a ${typeof chunk}, not a Uint8Array`);
  }
}
