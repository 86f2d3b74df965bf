/**
 * A raw HTTP/1.1 client: sends the very bytes of a target, which `fetch` would normalise, and reports a body that was
 * cut off. Every wait is bounded.
 */

import { concat, latin1Bytes } from "../helpers/bytes.ts";

/** The body ended before its length or its last chunk. */
export class TruncatedBodyError extends Error {
  override name = "TruncatedBodyError";
}

export interface RequestOptions {
  /** Name and value; every character is one byte. `Host` and the body's length are added when missing. */
  readonly headers?: readonly (readonly [string, string])[];
  /** An array is sent chunked, one piece a chunk. */
  readonly body?: Uint8Array | readonly Uint8Array[];
}

/** A whole response. */
export interface HttpResponse {
  readonly status: number;
  readonly reason: string;
  /** Lower-case names, in the order received; every character is one byte. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** The head of a response, and its body as it comes. */
export interface HttpResponseStream extends Omit<HttpResponse, "body"> {
  readonly body: AsyncIterable<Uint8Array>;
}

/** One connection to a web server on this machine; one request at a time. */
export class HttpConnection {
  readonly #conn: Deno.TcpConn;
  readonly #host: string;
  readonly #timeoutMs: number;
  #buffer: Uint8Array = new Uint8Array(0);
  /** Whether the server will take another request on this connection once the body has been read. */
  reusable = true;

  private constructor(conn: Deno.TcpConn, host: string, timeoutMs: number) {
    this.#conn = conn;
    this.#host = host;
    this.#timeoutMs = timeoutMs;
  }

  /** Connects to a port of 127.0.0.1. `timeoutMs` bounds every single read. */
  static async connect(port: number, timeoutMs = 20_000): Promise<HttpConnection> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new HttpConnection(conn, `localhost:${port}`, timeoutMs);
  }

  /** Leaves, whatever is under way. */
  close(): void {
    this.reusable = false;
    try {
      this.#conn.close();
    } catch {
      // closed already
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Sends bytes as they are; every character of a string is one byte. */
  async send(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === "string" ? latin1Bytes(data) : data;
    while (bytes.length > 0) bytes = bytes.subarray(await this.#conn.write(bytes));
  }

  /** Ends the own side; what the server answers can still be read. */
  async endRequest(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Sends a request and gives back the head of the response, which may come before the body has been sent. */
  async open(method: string, target: string, options: RequestOptions = {}): Promise<HttpResponseStream> {
    const { body } = options;
    const headers = [...options.headers ?? []];
    const has = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted);
    if (!has("host")) headers.unshift(["Host", this.#host]);
    if (body instanceof Uint8Array) {
      if (!has("content-length")) headers.push(["Content-Length", String(body.length)]);
    } else if (body) headers.push(["Transfer-Encoding", "chunked"]);
    const head = `${method} ${target} HTTP/1.1\r\n${
      headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")
    }\r\n`;
    // A server may answer and close before it has taken the whole body: that is not the client's failure.
    let sending = true;
    this.#sendAll(latin1Bytes(head), body).catch(() => void (this.reusable = false)).finally(() => sending = false);
    const response = await this.readHead(method);
    return { ...response, body: this.#readBody(method, response, () => sending) };
  }

  /** Sends a request and reads the whole response. */
  async request(method: string, target: string, options: RequestOptions = {}): Promise<HttpResponse> {
    const response = await this.open(method, target, options);
    const pieces: Uint8Array[] = [];
    for await (const piece of response.body) pieces.push(piece);
    return { ...response, body: concat(pieces) };
  }

  async #sendAll(head: Uint8Array, body: RequestOptions["body"]): Promise<void> {
    if (body === undefined || body instanceof Uint8Array) {
      await this.send(body === undefined ? head : concat([head, body]));
      return;
    }
    await this.send(head);
    for (const piece of body) {
      await this.send(concat([latin1Bytes(`${piece.length.toString(16)}\r\n`), piece, latin1Bytes("\r\n")]));
    }
    await this.send("0\r\n\r\n");
  }

  /** Reads the head of a response; 1xx responses before it are skipped. */
  async readHead(method: string): Promise<Omit<HttpResponse, "body">> {
    let head = "";
    let status = 100;
    while (status < 200) {
      head = "";
      for (let line = await this.#readLine(); line !== ""; line = await this.#readLine()) head += `${line}\n`;
      status = Number(head.split(" ")[1]);
      if (!head.startsWith("HTTP/1.") || !(status >= 100)) {
        throw new Error(`Cannot read response: it begins with ${head}`);
      }
    }
    const [statusLine = "", ...lines] = head.trimEnd().split("\n");
    const headers = lines.map((line): readonly [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    const response = { status, reason: statusLine.split(" ").slice(2).join(" "), headers };
    if (/close/i.test(header(response, "connection") ?? "")) this.reusable = false;
    if (framing(method, response) === "until the end") this.reusable = false;
    return response;
  }

  async *#readBody(
    method: string,
    response: Omit<HttpResponse, "body">,
    sending: () => boolean,
  ): AsyncGenerator<Uint8Array> {
    const how = framing(method, response);
    if (how === "chunked") {
      for (let size = -1; size !== 0;) {
        size = parseInt(await this.#readLine(), 16);
        if (Number.isNaN(size)) throw new TruncatedBodyError("Cannot read chunk: it has no size");
        yield* this.#readBytes(size);
        if (await this.#readLine() !== "") {
          throw new TruncatedBodyError("Cannot read chunk: it is longer than its size");
        }
      }
    } else if (how === "until the end") {
      for (let piece = await this.#readSome(); piece !== null; piece = await this.#readSome()) yield piece;
    } else yield* this.#readBytes(how);
    if (sending()) this.reusable = false;
  }

  async *#readBytes(count: number): AsyncGenerator<Uint8Array> {
    let left = count;
    while (left > 0) {
      const piece = await this.#readSome();
      if (piece === null) throw new TruncatedBodyError(`Cannot read body: ${left} of ${count} bytes are missing`);
      this.#buffer = piece.slice(left);
      yield piece.subarray(0, left);
      left -= Math.min(left, piece.length);
    }
  }

  async #readLine(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf(10);
      if (end >= 0) {
        const line = this.#buffer.subarray(0, end);
        this.#buffer = this.#buffer.slice(end + 1);
        return Array.from(line, (byte) => String.fromCharCode(byte)).join("").replace(/\r$/, "");
      }
      const kept = this.#buffer;
      this.#buffer = new Uint8Array(0);
      const piece = await this.#readSome();
      if (piece === null) throw new TruncatedBodyError("Cannot read line: the connection ended");
      this.#buffer = concat([kept, piece]);
    }
  }

  /** What is in the buffer, else what the socket brings next; `null` at its end. */
  async #readSome(): Promise<Uint8Array | null> {
    if (this.#buffer.length > 0) {
      const buffered = this.#buffer;
      this.#buffer = new Uint8Array(0);
      return buffered;
    }
    const piece = new Uint8Array(65_536);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.close();
    }, this.#timeoutMs);
    try {
      const count = await this.#conn.read(piece);
      return count === null ? null : piece.subarray(0, count);
    } catch (error) {
      if (late) throw new Error(`Cannot read response: nothing came within ${this.#timeoutMs} ms`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Sends one request on a connection of its own and reads the whole response. */
export async function request(
  port: number,
  method: string,
  target: string,
  options: RequestOptions = {},
): Promise<HttpResponse> {
  using connection = await HttpConnection.connect(port);
  const headers = [...options.headers ?? [], ["Connection", "close"] as const];
  return await connection.request(method, target, { ...options, headers });
}

/** The first header of a lower-case name. */
export function header(response: Pick<HttpResponse, "headers">, name: string): string | undefined {
  return response.headers.find(([key]) => key === name)?.[1];
}

/** The body as text. */
export function text(response: Pick<HttpResponse, "body">): string {
  return new TextDecoder().decode(response.body);
}

function framing(method: string, response: Omit<HttpResponse, "body">): number | "chunked" | "until the end" {
  if (method === "HEAD" || response.status === 204 || response.status === 304) return 0;
  if (/chunked/i.test(header(response, "transfer-encoding") ?? "")) return "chunked";
  const length = header(response, "content-length");
  return length === undefined ? "until the end" : Number(length);
}
