/** What an application's end of a connection reports, and what it needs to know. */

import type { Capabilities } from "./get_values.ts";
import type { RecordMemory } from "./record_writer.ts";

/** Takes what happens to requests. `Context` is whatever the taker knows a request by. */
export interface ApplicationEvents<Context> {
  /** PARAMS have ended. `params`, the stream's content, is lent until the call returns; what it returns is the context. */
  onRequest(requestId: number, role: number, params: Uint8Array): Context;
  /** PARAMS have gone past `maxParamsBytes`: the rest of them is skipped. What it returns is the context. */
  onParamsTooLarge(requestId: number, role: number): Context;
  /** A request has been refused as soon as it began, with FCGI_OVERLOADED, FCGI_UNKNOWN_ROLE or FCGI_CANT_MPX_CONN. */
  onRefused?(requestId: number, role: number, protocolStatus: number): void;
  /** A part of STDIN, lent until `receive` returns. */
  onStdin(context: Context, content: Uint8Array): void;
  /** STDIN has ended. */
  onStdinEnd(context: Context): void;
  /** A part of DATA (Filter only), lent until `receive` returns. */
  onData(context: Context, content: Uint8Array): void;
  /** DATA has ended. */
  onDataEnd(context: Context): void;
  /** The web server aborts the request; it still wants an END_REQUEST (§5.4). Called once a request. */
  onAbort(context: Context): void;
}

/** What an {@linkcode ApplicationConnection} needs to know. */
export interface ApplicationOptions {
  /** The roles that are played; others are refused with FCGI_UNKNOWN_ROLE. */
  readonly roles: readonly number[];
  /** The answer to FCGI_GET_VALUES. `multiplex: false` refuses a second request with FCGI_CANT_MPX_CONN. */
  readonly capabilities: Capabilities;
  /** Greatest length of a request's PARAMS, in bytes. */
  readonly maxParamsBytes: number;
  /** Greatest number of requests whose PARAMS have not ended; one more is refused with FCGI_OVERLOADED. */
  readonly maxUnfinished: number;
  /** Memory that connections write to in turn. @default Memory of its own */
  readonly memory?: RecordMemory | undefined;
}
