/** The web server's end of a connection, as a test drives it: over a real socket, on every runtime. */

import { type EndRequestBody, FCGI_RESPONDER, WebServerConnection, type WebServerEvents } from "@webfcgi/webfcgi/codec";
import type { Addr } from "@webfcgi/webfcgi";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { nodeRuntime } from "../../src/runtime/node.ts";
import { concat, latin1Text, utf8Bytes } from "../helpers/bytes.ts";
import { MAX_WAIT_MS } from "../helpers/waiting.ts";
import type { NetAddr, Transport, TransportSink, UnixAddr } from "../../src/runtime/transport.ts";

/** A request as a test asks for it. */
export interface AskOptions {
  /** @default {"GET"} */
  readonly method?: string;
  /** @default {"/"} */
  readonly uri?: string;
  /** Parameters besides, or in place of, those that every request has; `undefined` leaves one out. */
  readonly params?: Readonly<Record<string, string | undefined>>;
  /** Parameters at the end, as a flat list: for duplicates. */
  readonly more?: readonly string[];
  /** The body, sent at once with its length; `null` sends no STDIN at all, not even its end. @default {""} */
  readonly body?: string | Uint8Array | null;
  /** The file that a Filter is to filter. */
  readonly data?: string;
  /** @default {FCGI_RESPONDER} */
  readonly role?: number;
  /** @default {true} */
  readonly keepConn?: boolean;
  /** @default {1} */
  readonly requestId?: number;
  /** Counts the response's bytes, and keeps none. */
  readonly discard?: boolean;
}

/** The whole answer to a request. */
export interface Answer {
  /** The number in the Status field. */
  readonly status: number;
  /** The head as it came, up to and with the blank line. */
  readonly head: string;
  /** The head's fields, names in lower case. */
  readonly headers: Headers;
  /** The body as text. */
  readonly text: string;
  /** The body. */
  readonly body: Uint8Array;
  /** What came on FCGI_STDERR. */
  readonly stderr: string;
  /** What END_REQUEST said. */
  readonly end: EndRequestBody;
}

/** A request under way, from the web server's side. */
export class Asked {
  readonly requestId: number;
  /** Bytes of STDOUT so far. */
  length = 0;
  stderr = "";
  /** The streams in the order in which they came: `"out"`, `"err"`, `"end"`, repetitions left out. */
  readonly order: string[] = [];
  end: EndRequestBody | undefined;
  readonly #web: WebServer;
  readonly #discard: boolean;
  readonly #parts: Uint8Array[] = [];

  constructor(web: WebServer, requestId: number, discard: boolean) {
    this.#web = web;
    this.requestId = requestId;
    this.#discard = discard;
  }

  /** STDOUT so far. */
  get stdout(): Uint8Array {
    return concat(this.#parts);
  }

  /** The body so far, as text. */
  get bodyText(): string {
    return latin1Text(this.stdout).replace(/^[^]*?\r\n\r\n/, "");
  }

  /** Waits for END_REQUEST; fails if the connection ends before. */
  async answer(): Promise<Answer> {
    await this.#web.until(() => this.end !== undefined || this.#web.over, `the end of request ${this.requestId}`);
    if (this.end === undefined) throw new Error(`no END_REQUEST; received ${JSON.stringify(latin1Text(this.stdout))}`);
    const bytes = this.stdout;
    const headEnd = latin1Text(bytes).indexOf("\r\n\r\n") + 4;
    const head = latin1Text(bytes.subarray(0, headEnd));
    const headers = new Headers();
    for (const line of head === "" ? [] : head.trimEnd().split("\r\n")) {
      const colon = line.indexOf(":");
      headers.append(line.slice(0, colon), line.slice(colon + 1));
    }
    const body = bytes.slice(headEnd);
    return {
      status: parseInt(headers.get("status") ?? "0"),
      head,
      headers,
      body,
      text: new TextDecoder().decode(body),
      stderr: this.stderr,
      end: this.end,
    };
  }

  onStdout(content: Uint8Array): void {
    this.#note("out");
    this.length += content.length;
    if (!this.#discard) this.#parts.push(content.slice());
  }

  onStderr(content: Uint8Array): void {
    this.#note("err");
    this.stderr += new TextDecoder().decode(content);
  }

  onEnd(end: EndRequestBody): void {
    this.#note("end");
    this.end = end;
  }

  #note(what: string): void {
    if (this.order.at(-1) !== what) this.order.push(what);
  }
}

/** How {@linkcode WebServer.connect} connects. */
export interface ConnectOptions {
  /** Reads nothing that comes as records, and keeps it as it came. */
  readonly raw?: boolean;
  /** Connects by `node:net` on every runtime: Deno's own sockets know no reset. */
  readonly node?: boolean;
}

/** One connection to an application. */
export class WebServer implements WebServerEvents {
  readonly protocol: WebServerConnection = new WebServerConnection(this);
  /** The peer has ended its side. */
  ended = false;
  /** The socket is gone. */
  closed = false;
  /** Why what came could not be read as records. */
  broken: unknown;
  /** What FCGI_GET_VALUES was answered. */
  values: string[] | undefined;
  readonly unknownTypes: number[] = [];
  /** What came, as it came; in raw mode only. */
  readonly chunks: Uint8Array[] = [];
  /** Where requests are found by their id; the last one with it. */
  readonly #asked = new Map<number, Asked>();
  readonly #raw: boolean;
  #transport!: Transport;
  #full = false;
  #paused = false;
  #changed: (() => void)[] = [];

  private constructor(raw: boolean) {
    this.#raw = raw;
  }

  /** Connects to an application. */
  static async connect(addr: Addr, { raw = false, node = false }: ConnectOptions = {}): Promise<WebServer> {
    const runtime = node ? nodeRuntime("other") : await detectRuntime();
    const web = new WebServer(raw);
    await runtime.connect(addr as NetAddr | UnixAddr, (transport) => {
      web.#transport = transport;
      return web.#sink();
    });
    return web;
  }

  /** Neither more can come nor more be sent, or at least the former. */
  get over(): boolean {
    return this.ended || this.closed;
  }

  /** Sends a whole request. */
  ask(options: AskOptions = {}): Asked {
    const asked = this.begin(options);
    const { requestId } = asked;
    const { body = "", data } = options;
    if (body !== null) {
      this.protocol.stdin(requestId, typeof body === "string" ? utf8Bytes(body) : body);
      this.protocol.stdinEnd(requestId);
    }
    if (data !== undefined) {
      this.protocol.data(requestId, utf8Bytes(data));
      this.protocol.dataEnd(requestId);
    }
    this.flush();
    return asked;
  }

  /** Writes a request's BEGIN and PARAMS, without sending them. */
  begin(options: AskOptions = {}): Asked {
    return this.beginWith(requestPairs(options), options);
  }

  /** Writes a request's BEGIN and PARAMS with exactly these pairs, without sending them. */
  beginWith(pairs: readonly string[], options: AskOptions = {}): Asked {
    const { requestId = 1, role = FCGI_RESPONDER, keepConn = true, discard = false } = options;
    const asked = new Asked(this, requestId, discard);
    this.#asked.set(requestId, asked);
    this.protocol.begin(requestId, role, keepConn);
    this.protocol.params(requestId, pairs);
    return asked;
  }

  /** Sends what has been written; resolves when there is room for more. */
  flush(): Promise<void> {
    return this.#write(this.protocol.writer.take());
  }

  /** Sends a part of a body. */
  stdin(requestId: number, content: string | Uint8Array): Promise<void> {
    this.protocol.stdin(requestId, typeof content === "string" ? utf8Bytes(content) : content);
    return this.flush();
  }

  /** Ends a body. */
  stdinEnd(requestId: number): void {
    this.protocol.stdinEnd(requestId);
    this.flush();
  }

  /** Sends bytes as they are. */
  send(...pieces: Uint8Array[]): Promise<void> {
    return this.#write(pieces);
  }

  /** Stops reading from the socket. */
  pause(): void {
    this.#paused = true;
    this.#transport.pause();
  }

  /** Goes on reading. */
  resume(): void {
    this.#paused = false;
    this.#transport.resume();
  }

  /** Ends our side (FIN); reading goes on. */
  halfClose(): void {
    this.#transport.shutdown();
  }

  /** Closes the socket with a reset. Only for a connection by `node`. */
  reset(): void {
    this.#transport.reset();
  }

  /** Lets the process end in spite of this connection. */
  unref(): void {
    this.#transport.unref();
  }

  /** Closes the socket, and waits until it is gone. */
  async close(): Promise<void> {
    if (this.closed) return;
    if (this.#paused) this.resume();
    this.#transport.close();
    await this.until(() => this.closed, "the socket to be gone");
  }

  /** Waits until the application has closed its side. */
  untilEnded(): Promise<void> {
    return this.until(() => this.over, "the application to close the connection");
  }

  /** Waits until something is so; looks whenever something has come. */
  async until(isSo: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + MAX_WAIT_MS;
    while (!isSo()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited in vain for ${what}`);
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }

  #write(pieces: readonly Uint8Array[]): Promise<void> {
    if (!this.#transport.write(pieces)) this.#full = true;
    if (!this.#full || this.closed) return Promise.resolve();
    return this.until(() => !this.#full || this.closed, "room to write");
  }

  #change(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const resolve of changed) resolve();
  }

  #parse(chunk: Uint8Array): void {
    try {
      this.protocol.receive(chunk);
    } catch (error) {
      this.broken = error;
    }
  }

  #sink(): TransportSink {
    return {
      received: (chunk): void => {
        if (this.#raw) this.chunks.push(chunk.slice());
        else if (this.broken === undefined) this.#parse(chunk);
        this.#change();
      },
      ended: (): void => {
        this.ended = true;
        // As web servers do: no one holds half a connection.
        this.#transport.shutdown();
        this.#change();
      },
      drained: (): void => {
        this.#full = false;
        this.#change();
      },
      closed: (): void => {
        this.closed = true;
        this.#change();
      },
    };
  }

  onStdout(requestId: number, content: Uint8Array): void {
    this.#asked.get(requestId)?.onStdout(content);
  }

  onStderr(requestId: number, content: Uint8Array): void {
    this.#asked.get(requestId)?.onStderr(content);
  }

  onEnd(requestId: number, end: EndRequestBody): void {
    this.#asked.get(requestId)?.onEnd(end);
  }

  onValues(pairs: string[]): void {
    this.values = pairs;
  }

  onUnknownType(type: number): void {
    this.unknownTypes.push(type);
  }
}

/** The parameters of a request, much as nginx's `fastcgi_params` has them; by a web server that multiplexes. */
export function requestPairs({ method = "GET", uri = "/", params = {}, more = [], body }: AskOptions): string[] {
  const length = body ? String(typeof body === "string" ? utf8Bytes(body).length : body.length) : "";
  const all: Record<string, string | undefined> = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_METHOD: method,
    REQUEST_URI: uri,
    QUERY_STRING: uri.split("?")[1] ?? "",
    SCRIPT_NAME: uri.split("?")[0],
    CONTENT_TYPE: "",
    CONTENT_LENGTH: length,
    HTTP_HOST: "example.com",
    SERVER_NAME: "example.com",
    SERVER_PORT: "80",
    SERVER_SOFTWARE: "HAProxy 2.6.12",
    REMOTE_ADDR: "192.0.2.7",
    REMOTE_PORT: "50123",
    ...params,
  };
  return [...Object.entries(all).flatMap(([name, value]) => value === undefined ? [] : [name, value]), ...more];
}

/** The bytes of whole requests. */
export function requestBytes(keepConn: boolean, ...ids: number[]): Uint8Array {
  const never = (): never => {
    throw new Error("nothing is received here");
  };
  const events = { onStdout: never, onStderr: never, onEnd: never, onValues: never, onUnknownType: never };
  const protocol = new WebServerConnection(events);
  for (const id of ids) {
    protocol.begin(id, 1, keepConn);
    protocol.params(id, requestPairs({}));
    protocol.stdinEnd(id);
  }
  return concat(protocol.writer.take());
}

/** The bytes of a record. */
export function recordBytes(type: number, requestId: number, content: string | readonly number[] = ""): Uint8Array {
  const bytes = typeof content === "string" ? [...content].map((char) => char.charCodeAt(0)) : content;
  return new Uint8Array([1, type, requestId >> 8, requestId, bytes.length >> 8, bytes.length, 0, 0, ...bytes]);
}
