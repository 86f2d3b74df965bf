/** What FastCGI adds to a Request, made when it is read. */

import { parseLength } from "../cgi/field.ts";
import type { Params } from "../cgi/params.ts";
import { requestTarget } from "../cgi/request_url.ts";
import { FCGI_AUTHORIZER, FCGI_FILTER } from "../protocol/constants.ts";
import type { Addr, NetAddr, UnixAddr } from "../runtime/transport.ts";
import type { Exchange } from "./exchange.ts";
import type { HandlerInfo, Role } from "./handler.ts";

/** The {@linkcode HandlerInfo} of an exchange. */
export class ExchangeInfo implements HandlerInfo {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get role(): Role {
    const { role } = this.#exchange.head;
    return role === FCGI_AUTHORIZER ? "authorizer" : role === FCGI_FILTER ? "filter" : "responder";
  }

  get params(): Params {
    return this.#exchange.head.params;
  }

  get scriptName(): string {
    return this.#exchange.head.mount.scriptName;
  }

  get pathInfo(): string {
    return this.#exchange.head.mount.pathInfo;
  }

  get requestUri(): string {
    return requestTarget(this.params);
  }

  get remoteAddr(): NetAddr | UnixAddr {
    const hostname = this.params.get("REMOTE_ADDR") ?? "";
    // nginx sends this for a client on a unix socket.
    if (hostname === "unix:") return { transport: "unix", path: "" };
    return { transport: "tcp", hostname, port: Number(this.params.get("REMOTE_PORT")) || 0 };
  }

  get peerAddr(): Addr {
    return this.#exchange.connection.peerAddr;
  }

  get requestId(): number {
    return this.#exchange.head.requestId;
  }

  get completed(): Promise<void> {
    return this.#exchange.completed;
  }

  get data(): ReadableStream<Uint8Array> | null {
    return this.#exchange.input?.data?.stream ?? null;
  }

  get dataLength(): number | undefined {
    return parseLength(this.params.get("FCGI_DATA_LENGTH"));
  }

  get dataLastModified(): Date | undefined {
    const seconds = parseLength(this.params.get("FCGI_DATA_LAST_MOD"));
    return seconds === undefined ? undefined : new Date(seconds * 1000);
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#exchange.server.waitUntil(promise);
  }

  log(message: string): void {
    this.#exchange.log(message);
  }

  setAppStatus(appStatus: number): void {
    this.#exchange.setAppStatus(appStatus);
  }
}
