/**
 * Asks a web server as no other client does: targets as they are written, bodies piece by piece, and what came back with
 * the time of each piece. HTTP/1.1, one request for each connection.
 */

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** Where a web server listens. */
export interface Site {
  readonly hostname: string;
  readonly port: number;
  readonly tls: boolean;
  /** What goes into the Host header. */
  readonly host: string;
}

/** A request. */
export interface Question {
  readonly method?: string;
  /** The target, which is sent as it is. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes are sent with their length; a list in chunks, without one, a little apart. */
  readonly body?: Uint8Array | readonly Uint8Array[];
  /** How long it may take in all, in milliseconds. */
  readonly timeoutMs?: number;
  /** Leaves after so many milliseconds, whatever has come. */
  readonly leaveAfterMs?: number;
}

/** A response, as far as it came. */
export interface Answer {
  readonly status: number;
  /** By lower-case name, the last one of each. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** When parts of the body came, in milliseconds since the first byte of it; one that follows within 20 is no part. */
  readonly arrivals: readonly number[];
  /** Whether it came whole, as far as a client can know. */
  readonly whole: boolean;
}

/** The web server cannot be asked: it does not listen, or is no web server. */
export class Unreachable extends Error {
  /** The name that consoles print. */
  override name = "Unreachable";
}

const ASK_MS = 10_000;
const CHUNK_PAUSE_MS = 60;
/** A part that comes later than this is one of its own, in milliseconds. */
const SAME_ARRIVAL_MS = 20;
const latin1 = new TextDecoder("latin1");
const utf8 = new TextEncoder();

/** Asks once. @throws {Unreachable} If nothing answers. */
export function ask(site: Site, question: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port, tls } = site;
    const reader = new ResponseReader(question.method ?? "GET");
    let left = false;
    const socket = tls ? connectTls({ host: hostname, port, servername: hostname }) : connect({ host: hostname, port });
    const timers: ReturnType<typeof setTimeout>[] = [];
    const settle = (error?: Error): void => {
      for (const timer of timers) clearTimeout(timer);
      socket.destroy();
      const answer = reader.answer(left);
      if (answer !== undefined) resolve(answer);
      else reject(new Unreachable(error?.message ?? "the connection was closed without a response", { cause: error }));
    };
    const leave = (): void => {
      left = true;
      settle(new Error(`no response within ${question.leaveAfterMs ?? question.timeoutMs ?? ASK_MS} ms`));
    };
    timers.push(setTimeout(leave, question.leaveAfterMs ?? question.timeoutMs ?? ASK_MS));
    socket.on(tls ? "secureConnect" : "connect", () => send(socket, site, question, timers));
    socket.on("data", (chunk: Uint8Array) => {
      reader.push(chunk);
      if (reader.done) settle();
    });
    socket.on("end", () => {
      reader.end();
      settle();
    });
    socket.on("error", settle);
    socket.on("close", () => settle());
  });
}

function send(
  socket: Socket,
  site: Site,
  { method = "GET", target, headers = {}, body }: Question,
  timers: unknown[],
): void {
  const framing = body === undefined
    ? {}
    : body instanceof Uint8Array
    ? { "Content-Length": String(body.length) }
    : { "Transfer-Encoding": "chunked" };
  const fields = Object.entries({ Host: site.host, Connection: "close", ...headers, ...framing });
  socket.write(
    `${method} ${target} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
  );
  if (body instanceof Uint8Array) socket.write(body);
  else if (body !== undefined) sendChunks(socket, body, timers);
}

function sendChunks(socket: Socket, [first, ...rest]: readonly Uint8Array[], timers: unknown[]): void {
  if (socket.destroyed) return;
  if (first === undefined) return void socket.write("0\r\n\r\n");
  socket.write(`${first.length.toString(16)}\r\n`);
  socket.write(first);
  socket.write("\r\n");
  timers.push(setTimeout(() => sendChunks(socket, rest, timers), CHUNK_PAUSE_MS));
}

/** Reads one response. */
class ResponseReader {
  readonly #method: string;
  #text = "";
  #head: { readonly status: number; readonly headers: ReadonlyMap<string, string> } | undefined;
  #body = "";
  /** Bytes of the body, or of its chunk, that are still to come. */
  #missing: number | "chunks" | "end" = "end";
  #arrivals: number[] = [];
  #firstMs = 0;
  #whole = false;

  constructor(method: string) {
    this.#method = method;
  }

  /** Whether nothing more is awaited. */
  get done(): boolean {
    return this.#whole;
  }

  push(chunk: Uint8Array): void {
    this.#text += latin1.decode(chunk);
    if (this.#head === undefined && !this.#readHead()) return;
    const before = this.#body.length;
    this.#readBody();
    if (this.#body.length > before) this.#noteArrival();
  }

  /** The web server has ended its side. */
  end(): void {
    if (this.#head !== undefined && this.#missing === "end") this.#whole = true;
  }

  /** What has come; nothing without a head. */
  answer(left: boolean): Answer | undefined {
    if (this.#head === undefined) return undefined;
    const bytes = Uint8Array.from(this.#body, (char) => char.charCodeAt(0));
    const body = new TextDecoder().decode(bytes);
    return { ...this.#head, body, arrivals: this.#arrivals, whole: this.#whole && !left };
  }

  #readHead(): boolean {
    for (;;) {
      const end = this.#text.indexOf("\r\n\r\n");
      if (end < 0) return false;
      const [first = "", ...lines] = this.#text.slice(0, end).split("\r\n");
      this.#text = this.#text.slice(end + 4);
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
      if (status >= 100 && status < 200) continue;
      const headers = new Map(lines.map((line) => {
        const at = line.indexOf(":");
        return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
      }));
      this.#head = { status, headers };
      const length = headers.get("content-length");
      if (this.#method === "HEAD" || status === 204 || status === 304) this.#missing = 0;
      else if (/chunked/i.test(headers.get("transfer-encoding") ?? "")) this.#missing = "chunks";
      else if (length !== undefined) this.#missing = Number(length);
      return true;
    }
  }

  #readBody(): void {
    if (this.#missing === "chunks") return this.#readChunks();
    const part = this.#missing === "end" ? this.#text : this.#text.slice(0, this.#missing);
    this.#body += part;
    this.#text = "";
    if (this.#missing === "end") return;
    this.#missing -= part.length;
    this.#whole = this.#missing === 0;
  }

  #readChunks(): void {
    for (;;) {
      const [line, digits] = /^([\da-f]+)[^\r\n]*\r\n/i.exec(this.#text) ?? [];
      if (line === undefined) return;
      const length = parseInt(digits!, 16);
      if (this.#text.length < line.length + length + 2) return;
      this.#body += this.#text.slice(line.length, line.length + length);
      this.#text = this.#text.slice(line.length + length + 2);
      if (length === 0) return void (this.#whole = true);
    }
  }

  #noteArrival(): void {
    const nowMs = performance.now();
    if (this.#arrivals.length === 0) this.#firstMs = nowMs;
    const sinceMs = nowMs - this.#firstMs;
    const last = this.#arrivals.at(-1);
    if (last === undefined || sinceMs - last > SAME_ARRIVAL_MS) this.#arrivals.push(sinceMs);
  }
}

/** Bytes of any kind, for uploads. */
export function filler(length: number): Uint8Array {
  return utf8.encode("webfcgi doctor\n".repeat(Math.ceil(length / 15))).subarray(0, length);
}
