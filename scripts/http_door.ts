/**
 * A small HTTP door to a FastCGI application: what a web server does, without one. For the demo.
 *
 * It opens a connection for each request, as nginx does by default, and streams both bodies.
 */

import { requestParams } from "../src/cgi/request_params.ts";
import { findHeadEnd, parseResponseHead } from "../src/cgi/response_head_parser.ts";
import { FCGI_RESPONDER } from "../src/protocol/constants.ts";
import { decodeLatin1 } from "../src/protocol/latin1.ts";
import { WebServerConnection, type WebServerEvents } from "../src/protocol/web_server_connection.ts";
import type { NetAddr, Runtime, Transport, TransportSink, UnixAddr } from "../src/runtime/transport.ts";

const REQUEST_ID = 1;
const MAX_HEAD_BYTES = 65_536;

/** Makes a handler for `Deno.serve` that has the application at `addr` answer. */
export function httpDoor(
  runtime: Runtime,
  addr: NetAddr | UnixAddr,
): (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => Promise<Response> {
  return async (request, { remoteAddr }) => {
    const params = requestParams(request, {
      remoteAddr: remoteAddr.hostname,
      remotePort: remoteAddr.port,
      serverSoftware: "webfcgi demo",
    });
    const call = new Call();
    try {
      await runtime.connect(addr, (transport) => call.open(transport));
      call.send(params, request.body);
      return await call.response;
    } catch (error) {
      call.close();
      console.error("The application gave no answer:", error);
      return new Response("The application gave no answer\n", { status: 502 });
    }
  };
}

/** One request to the application, on a connection of its own. */
class Call implements TransportSink, WebServerEvents {
  readonly response: Promise<Response>;
  #respond!: (response: Response) => void;
  #fail!: (error: unknown) => void;
  readonly #connection = new WebServerConnection(this);
  #transport: Transport | undefined;
  #writable: (() => void) | undefined;
  #head: Uint8Array = new Uint8Array(0);
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #ended = false;

  constructor() {
    this.response = new Promise((resolve, reject) => {
      this.#respond = resolve;
      this.#fail = reject;
    });
  }

  open(transport: Transport): TransportSink {
    this.#transport = transport;
    return this;
  }

  async send(params: string[], body: ReadableStream<Uint8Array> | null): Promise<void> {
    this.#connection.begin(REQUEST_ID, FCGI_RESPONDER, false);
    this.#connection.params(REQUEST_ID, params);
    try {
      for await (const chunk of body ?? []) {
        this.#connection.stdin(REQUEST_ID, chunk);
        await this.#flush();
        if (this.#ended) return;
      }
      this.#connection.stdinEnd(REQUEST_ID);
      await this.#flush();
    } catch {
      // The browser has left in the middle of its upload.
      this.close();
    }
  }

  close(): void {
    this.#transport?.close();
  }

  received(chunk: Uint8Array): boolean {
    try {
      return this.#connection.receive(chunk);
    } catch (error) {
      this.#broken(error);
      return false;
    }
  }

  ended(): void {
    this.#broken(new Error("The application closed the connection before the end of its response"));
  }

  drained(): void {
    this.#writable?.();
  }

  closed(error?: Error): void {
    this.#broken(error ?? new Error("The connection to the application was closed"));
    this.#writable?.();
  }

  onStdout(_requestId: number, content: Uint8Array): boolean {
    if (this.#body !== undefined) {
      this.#enqueue(content.slice());
      return false;
    }
    const head = new Uint8Array(this.#head.length + content.length);
    head.set(this.#head);
    head.set(content, this.#head.length);
    this.#head = head;
    const end = findHeadEnd(head);
    if (end < 0 && head.length > MAX_HEAD_BYTES) this.#broken(new Error("The response's head is too long"));
    if (end >= 0) this.#start(decodeLatin1(head.subarray(0, end)), head.subarray(end));
    return false;
  }

  onStderr(_requestId: number, content: Uint8Array): boolean {
    console.error("FCGI_STDERR:", new TextDecoder().decode(content).trimEnd());
    return false;
  }

  onEnd(): void {
    this.#ended = true;
    if (this.#body === undefined) this.#fail(new Error("The application ended the request without a response"));
    else this.#body.close();
    this.close();
  }

  onValues(): void {}

  onUnknownType(): void {}

  #start(text: string, rest: Uint8Array): void {
    const { status, statusText, headers } = parseResponseHead(text);
    const bodiless = status === 204 || status === 205 || status === 304;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#body = controller),
      pull: () => this.#transport?.resume(),
      cancel: () => this.close(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }));
    if (rest.length > 0) this.#enqueue(rest);
    this.#respond(new Response(bodiless ? null : body, { status, statusText, headers }));
  }

  #enqueue(bytes: Uint8Array): void {
    this.#body!.enqueue(bytes);
    if (this.#body!.desiredSize! <= 0) this.#transport?.pause();
  }

  #broken(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#fail(error);
    this.#body?.error(error);
    this.close();
  }

  async #flush(): Promise<void> {
    if (this.#transport!.write(this.#connection.writer.take()) || this.#ended) return;
    await new Promise<void>((resolve) => this.#writable = resolve);
  }
}
