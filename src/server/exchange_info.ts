/** What a handler is told beside the request, made when it is read. */

import { parseLength } from "../cgi/field.ts";
import { findMount, type Mount } from "../cgi/mount.ts";
import type { Params } from "../cgi/params.ts";
import { requestTarget } from "../cgi/request_url.ts";
import { FCGI_AUTHORIZER, FCGI_FILTER } from "../protocol/constants.ts";
import type { Addr, NetAddr, UnixAddr } from "../runtime/transport.ts";
import type { Exchange } from "./exchange.ts";
import type { HandlerInfo, Role } from "./handler.ts";

/** The {@linkcode HandlerInfo} of an exchange. */
export class ExchangeInfo implements HandlerInfo {
  readonly #exchange: Exchange;
  #mount: Mount | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get role(): Role {
    const { role } = this.#exchange;
    return role === FCGI_AUTHORIZER ? "authorizer" : role === FCGI_FILTER ? "filter" : "responder";
  }

  get params(): Params {
    return this.#exchange.params;
  }

  get scriptName(): string {
    return this.#mounted.scriptName;
  }

  get pathInfo(): string {
    return this.#mounted.pathInfo;
  }

  get requestUri(): string {
    return requestTarget(this.params);
  }

  get remoteAddr(): NetAddr | UnixAddr {
    const hostname = this.params.get("REMOTE_ADDR") ?? "";
    // nginx says this of a client that came over a unix socket.
    if (hostname === "unix:") return { transport: "unix", path: "" };
    return { transport: "tcp", hostname, port: Number(this.params.get("REMOTE_PORT")) || 0 };
  }

  get peerAddr(): Addr {
    return this.#exchange.host.peerAddr;
  }

  get requestId(): number {
    return this.#exchange.requestId;
  }

  get completed(): Promise<void> {
    return this.#exchange.completed;
  }

  get data(): ReadableStream<Uint8Array> | null {
    return this.#exchange.data?.stream ?? null;
  }

  get dataLength(): number | undefined {
    return parseLength(this.params.get("FCGI_DATA_LENGTH"));
  }

  get dataLastModified(): Date | undefined {
    const seconds = parseLength(this.params.get("FCGI_DATA_LAST_MOD"));
    return seconds === undefined ? undefined : new Date(seconds * 1000);
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#exchange.host.waitUntil(promise);
  }

  log(message: string): void {
    this.#exchange.log(message);
  }

  setAppStatus(appStatus: number): void {
    this.#exchange.setAppStatus(appStatus);
  }

  get #mounted(): Mount {
    return this.#mount ??= findMount(this.params, this.#exchange.host.settings.mount);
  }
}
