/** The parts of a request that are sent, read from the arguments of `fetch`. */

import { isForbiddenMethod, isToken, parseLength } from "../cgi/field.ts";
import type { CgiVariables } from "../cgi/request_params.ts";
import { ForeignStream } from "../connection/foreign_stream.ts";
import { checkNames, show } from "../options.ts";
import { checkVariables, VARIABLE_NAMES } from "./variables.ts";

/** What a client's `fetch` takes besides the request: what the global `fetch` takes, and what FastCGI adds. */
export interface FastCgiRequestInit extends RequestInit, CgiVariables {
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
  /** Called once the application has ended the request. */
  readonly onEnd?: (end: RequestEnd) => void;
  /** As in the global `fetch`, for bodies that are streams; they may always be sent while the response comes. */
  readonly duplex?: "half";
}

/** How an application ended a request (§5.5). */
export interface RequestEnd {
  /** The result of the request, like a program's exit status. */
  readonly appStatus: number;
}

/** A body to be sent: what is in memory, and then what a stream gives. */
export interface OutgoingBody {
  readonly content: Uint8Array | null;
  readonly source: ForeignStream | undefined;
  /** Bytes of both; `undefined` if that is not known. */
  readonly length: number | undefined;
  /** Whether the source waits for no peer: it is a Blob's. */
  readonly isLocal: boolean;
}

/** A request, ready to be sent. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  /** As given, except that Content-Length is the body's. */
  readonly headers: Headers;
  readonly body: OutgoingBody;
  readonly data: OutgoingBody;
  readonly signal: AbortSignal | undefined;
}

/** The members that are read of a `Request`, or of anything like one. */
interface RequestLike {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  readonly signal: AbortSignal;
}

/** What the global `fetch` takes, on any runtime. */
const FETCH_NAMES = [
  ...["body", "cache", "credentials", "headers", "integrity", "keepalive", "method", "mode", "redirect", "referrer"],
  ...["referrerPolicy", "signal", "window", "duplex", "priority", "dispatcher", "client", "proxy", "tls", "verbose"],
  ...["decompress", "timeout", "unix", "protocol", "cf", "next"],
];
const INIT_NAMES = [...VARIABLE_NAMES, "role", "data", "dataLastModified", "onEnd", ...FETCH_NAMES];
/** Methods that the Fetch standard writes in capitals. */
const NORMALIZED_METHOD = /^(?:delete|get|head|options|post|put)$/i;
/** Methods that may be repeated without harm (RFC 9110 §9.2.1). */
export const SAFE_METHOD: RegExp = /^(?:GET|HEAD|OPTIONS)$/;
const utf8 = new TextEncoder();
/** No body. */
export const NOTHING: OutgoingBody = { content: null, source: undefined, length: 0, isLocal: true };

/** @throws {TypeError} If `init` has an unknown member, or a variable of the wrong type. */
export function checkInit(init: FastCgiRequestInit): void {
  checkNames("Cannot fetch", init, INIT_NAMES);
  checkVariables("Cannot fetch", init);
}

/**
 * Reads a request, never through a native `Request`: requests of our own server, and methods and headers that a runtime
 * would change, go through as they are.
 *
 * @throws {TypeError} If it cannot be sent.
 */
export async function readRequest(
  input: string | URL | Request,
  init: FastCgiRequestInit,
): Promise<OutgoingRequest> {
  const request = typeof input === "object" && !(input instanceof URL) ? input as RequestLike : undefined;
  const method = normalize(init.method ?? request?.method ?? "GET");
  const url = request?.url ?? absolute(String(input));
  const signal = init.signal === null ? undefined : init.signal ?? request?.signal;
  signal?.throwIfAborted();
  // Only the type of a new body is ever added to them.
  const ownHeaders = init.headers === undefined && init.body === undefined ? request?.headers : undefined;
  const headers = ownHeaders ?? new Headers(init.headers ?? request?.headers);
  const content = init.body === undefined ? request?.body ?? null : init.body;
  if (content !== null && /^(?:GET|HEAD)$/.test(method)) {
    throw new TypeError(`Cannot fetch: a ${method} request has no body`);
  }
  if (content !== null && init.body === undefined && request!.bodyUsed) {
    throw new TypeError("Cannot fetch: the request's body has been read already");
  }
  const file = readBody(init.data, new Headers());
  const data = file instanceof Promise ? await file : file;
  const given = readBody(content, headers);
  const body = given instanceof Promise ? await given : given;
  return { method, url, headers, body, data, signal };
}

/** The header fields of a request whose body is `length` bytes long, or of unknown length. */
export function headerFields({ method, headers }: OutgoingRequest, length: number | undefined): [string, string][] {
  const fields = [...headers].filter(([name]) => name !== "content-length");
  if (length !== undefined && (length > 0 || !SAFE_METHOD.test(method))) {
    fields.push(["content-length", String(length)]);
  }
  return fields;
}

function normalize(method: string): string {
  if (!isToken(method)) throw new TypeError(`Cannot fetch: method ${show(method)} is no token`);
  if (isForbiddenMethod(method)) throw new TypeError(`Cannot fetch: method ${method} is forbidden`);
  return NORMALIZED_METHOD.test(method) ? method.toUpperCase() : method;
}

/** A path alone is one of `http://localhost`: probing an application takes no host. */
function absolute(url: string): string {
  return url.startsWith("/") ? `http://localhost${url}` : url;
}

/** The length that a Content-Length field gives; `undefined` if there is none. */
function declaredLength(headers: Headers): number | undefined {
  const value = headers.get("content-length");
  const length = parseLength(value);
  if (value !== null && length === undefined) {
    throw new TypeError(`Cannot fetch: Content-Length is ${show(value)}, which is no length`);
  }
  return length;
}

/** Reads any kind of body; sets Content-Type if the kind has one and there is none yet. */
function readBody(
  body: ConstructorParameters<typeof Response>[0],
  headers: Headers,
): OutgoingBody | Promise<OutgoingBody> {
  if (body === null || body === undefined) return NOTHING;
  if (typeof body === "string") {
    setType(headers, "text/plain;charset=UTF-8");
    return inMemory(utf8.encode(body));
  }
  if (body instanceof URLSearchParams) {
    setType(headers, "application/x-www-form-urlencoded;charset=UTF-8");
    return inMemory(utf8.encode(String(body)));
  }
  if (body instanceof Blob) {
    setType(headers, body.type);
    return blobBody(body);
  }
  if (body instanceof FormData) return formBody(body, headers);
  // Copied: the caller may change the memory as soon as `fetch` has returned.
  if (body instanceof ArrayBuffer) return inMemory(new Uint8Array(body.slice(0)));
  if (ArrayBuffer.isView(body)) return inMemory(new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice());
  if (body instanceof ReadableStream) {
    if (body.locked) throw new TypeError("Cannot fetch: the body's stream is being read already");
    const length = declaredLength(headers);
    const source = new ForeignStream(body, headers.get("content-type"));
    return { content: null, source, length, isLocal: false };
  }
  throw new TypeError(`Cannot fetch: the body is ${Object.prototype.toString.call(body)}, which cannot be sent`);
}

/** A body that is in memory as a whole. */
export function inMemory(content: Uint8Array): OutgoingBody {
  return { content, source: undefined, length: content.length, isLocal: true };
}

function blobBody(blob: Blob): OutgoingBody {
  return { content: null, source: new ForeignStream(blob.stream(), null), length: blob.size, isLocal: true };
}

async function formBody(form: FormData, headers: Headers): Promise<OutgoingBody> {
  const response = new Response(form);
  // Not the type of a blob where the header has it: that one is in lower case, the boundary in the body is not.
  const type = response.headers.get("content-type");
  const blob = await response.blob();
  setType(headers, type ?? blob.type);
  return blobBody(blob);
}

function setType(headers: Headers, type: string): void {
  if (type !== "" && !headers.has("content-type")) headers.set("content-type", type);
}
