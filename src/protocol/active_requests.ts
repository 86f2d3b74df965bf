/**
 * The registry of a connection's active requests (§3.3), as the application has them.
 *
 * Owns which ids are active and how far each has come; reads and writes nothing.
 */

import { ByteCollector } from "./byte_collector.ts";
import { FCGI_AUTHORIZER, FCGI_FILTER } from "./constants.ts";

/** One active request. */
export interface ActiveRequest<Context> {
  readonly requestId: number;
  readonly role: number;
  readonly keepConn: boolean;
  /** When it began, by the caller's clock. */
  readonly begunMs: number;
  /** Content of PARAMS until they end or grow too large; then null. */
  params: ByteCollector | null;
  /** What `onRequest` returned; undefined before that, and after the request has been answered. */
  context: Context | undefined;
  paramsEnded: boolean;
  stdinEnded: boolean;
  dataEnded: boolean;
  aborted: boolean;
  stderrUsed: boolean;
}

/** A request that has been answered, and whose END_REQUEST waits for the end of its input. */
interface EndingRequest<Context> {
  readonly request: ActiveRequest<Context>;
  /** The body of its END_REQUEST. */
  readonly end: Uint8Array;
  readonly sinceMs: number;
  /** Bytes of input read and dropped since. */
  droppedBytes: number;
}

/** Estimate of the memory that an unfinished request holds in addition to its PARAMS, in bytes. */
const REQUEST_BYTES = 512;

/** What an `ApplicationConnection` reports of its active requests. */
export interface RequestRegistry<Context> {
  /** How many are under way: `onRequest` has returned, and they have not been answered. */
  readonly underWay: number;
  /** How many have PARAMS that have not ended yet. */
  readonly unfinished: number;
  /** When the first of those began, on the clock of `receive`; undefined if there is none. */
  readonly unfinishedSinceMs: number | undefined;
  /** Memory that those hold between two calls of `receive`, in bytes; about. */
  readonly unfinishedBytes: number;
  /**
   * The only one, if it has been answered and its END_REQUEST waits for the end of its input: since when, on the clock
   * of `endAfterInput`, and how many bytes of input have been read and dropped since.
   */
  readonly ending: { readonly sinceMs: number; readonly droppedBytes: number } | undefined;
  /** The contexts of those under way. */
  contexts(): Iterable<Context>;
}

/** Active requests by their ids; none at first. */
export class ActiveRequests<Context> implements RequestRegistry<Context> {
  /** The oldest, and nearly always the only one. */
  #first: ActiveRequest<Context> | undefined;
  /** The others by their ids, once there has been one. */
  #others: Map<number, ActiveRequest<Context>> | undefined;
  #unfinished = 0;
  #ending: EndingRequest<Context> | undefined;

  /** How many there are. */
  get size(): number {
    return (this.#first === undefined ? 0 : 1) + (this.#others?.size ?? 0);
  }

  get unfinished(): number {
    return this.#unfinished;
  }

  get unfinishedSinceMs(): number | undefined {
    if (this.#unfinished === 0) return undefined;
    for (const { params, begunMs } of this.#all()) if (params !== null) return begunMs;
    return undefined;
  }

  get unfinishedBytes(): number {
    if (this.#unfinished === 0) return 0;
    let bytes = 0;
    for (const { params } of this.#all()) if (params !== null) bytes += REQUEST_BYTES + params.capacity;
    return bytes;
  }

  get underWay(): number {
    return this.size - this.#unfinished - (this.#ending === undefined ? 0 : 1);
  }

  get ending(): EndingRequest<Context> | undefined {
    return this.#ending;
  }

  get(requestId: number): ActiveRequest<Context> | undefined {
    return this.#first?.requestId === requestId ? this.#first : this.#others?.get(requestId);
  }

  has(requestId: number): boolean {
    return this.get(requestId) !== undefined;
  }

  *contexts(): Generator<Context, void, undefined> {
    for (const { context } of this.#all()) if (context !== undefined) yield context;
  }

  add(request: ActiveRequest<Context>): void {
    if (this.size === 0) this.#first = request;
    else (this.#others ??= new Map()).set(request.requestId, request);
    if (request.params !== null) this.#unfinished++;
  }

  /** Takes the request's PARAMS: it is unfinished no more. */
  takeParams(request: ActiveRequest<Context>): Uint8Array {
    const params = request.params!.take();
    request.params = null;
    this.#unfinished--;
    return params;
  }

  /** Lets the request, the only one, wait for the end of its input. */
  letEnd(request: ActiveRequest<Context>, end: Uint8Array, sinceMs: number): void {
    request.context = undefined;
    this.#ending = { request, end, sinceMs, droppedBytes: 0 };
  }

  delete(request: ActiveRequest<Context>): void {
    if (this.#first === request) this.#first = undefined;
    else this.#others?.delete(request.requestId);
    if (request.params !== null) this.#unfinished--;
    if (this.#ending?.request === request) this.#ending = undefined;
  }

  clear(): void {
    this.#first = undefined;
    this.#others?.clear();
    this.#unfinished = 0;
    this.#ending = undefined;
  }

  /** Ends the loan of the PARAMS collected last. */
  ownParams(): void {
    if (this.#unfinished === 0) return;
    for (const request of this.#all()) request.params?.own();
  }

  *#all(): Generator<ActiveRequest<Context>, void, undefined> {
    if (this.#first !== undefined) yield this.#first;
    if (this.#others !== undefined) yield* this.#others.values();
  }
}

/** Makes a request that has just begun; one that is not `accepted` has its PARAMS skipped. */
export function newRequest<Context>(
  requestId: number,
  role: number,
  keepConn: boolean,
  accepted: boolean,
  begunMs: number,
): ActiveRequest<Context> {
  return {
    requestId,
    role,
    keepConn,
    begunMs,
    params: accepted ? new ByteCollector() : null,
    context: undefined,
    paramsEnded: false,
    stdinEnded: false,
    dataEnded: false,
    aborted: false,
    stderrUsed: false,
  };
}

/**
 * Whether the web server has sent all of a request. An Authorizer has no STDIN (§6.3), though some are sent its end.
 */
export function hasEnded({ role, paramsEnded, stdinEnded, dataEnded }: ActiveRequest<unknown>): boolean {
  return paramsEnded && (stdinEnded || role === FCGI_AUTHORIZER) && (dataEnded || role !== FCGI_FILTER);
}
