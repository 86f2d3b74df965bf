/** FastCGI requests made beforehand, and the checks of their responses. */

import {
  decodeEndRequest,
  decodeLatin1,
  FCGI_END_REQUEST,
  FCGI_RESPONDER,
  FCGI_STDIN,
  FCGI_STDOUT,
  RecordParser,
  type RecordSink,
  RecordWriter,
  WebServerConnection,
} from "../../src/codec.ts";
import { type Answered, type Dialogue, gather, type Job, numberAt, setNumber } from "./dialogue.ts";

const MiB = 1 << 20;
/** How nginx cuts a body into records. */
const STDIN_BYTES = 32_768;

/** What of a job its requests are made of. */
type RequestJob = Pick<Job, "path" | "bodyBytes" | "script" | "keep">;

/** The parameters that nginx sends for a browser's request: about 970 bytes. */
export function browserParams({ path, bodyBytes, script }: Omit<RequestJob, "keep">): string[] {
  const uri = `${path}?page=2&id=${numberAt}`;
  const length = bodyBytes > 0 ? String(bodyBytes) : "";
  return Object.entries({
    QUERY_STRING: uri.slice(path.length + 1),
    REQUEST_METHOD: bodyBytes > 0 ? "POST" : "GET",
    CONTENT_TYPE: bodyBytes > 0 ? "application/octet-stream" : "",
    CONTENT_LENGTH: length,
    SCRIPT_NAME: path,
    REQUEST_URI: uri,
    DOCUMENT_URI: path,
    DOCUMENT_ROOT: "/srv/www",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_SCHEME: "https",
    HTTPS: "on",
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "nginx/1.22.1",
    REMOTE_ADDR: "192.0.2.17",
    REMOTE_PORT: "54312",
    SERVER_ADDR: "198.51.100.5",
    SERVER_PORT: "443",
    SERVER_NAME: "www.example.com",
    REDIRECT_STATUS: "200",
    SCRIPT_FILENAME: script,
    PATH_INFO: "",
    HTTP_HOST: "www.example.com",
    HTTP_USER_AGENT: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    HTTP_ACCEPT: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    HTTP_ACCEPT_LANGUAGE: "en-GB,en;q=0.8,de;q=0.5",
    HTTP_ACCEPT_ENCODING: "gzip, deflate, br, zstd",
    HTTP_REFERER: "https://www.example.com/articles/2026/index.html",
    HTTP_COOKIE: "session=5c6b0a1d9e3f47288b1d; theme=dark; lang=en",
    HTTP_UPGRADE_INSECURE_REQUESTS: "1",
    HTTP_SEC_FETCH_MODE: "navigate",
  }).flat();
}

/** A request without its body, in records. */
export function encodeRequest(job: RequestJob, requestId: number): Uint8Array {
  const webServer = new WebServerConnection({
    onStdout() {},
    onStderr() {},
    onEnd: () => {},
    onValues: () => {},
    onUnknownType: () => {},
  });
  webServer.begin(requestId, FCGI_RESPONDER, job.keep);
  webServer.params(requestId, browserParams(job));
  if (job.bodyBytes === 0) webServer.stdinEnd(requestId);
  return gather(webServer.writer.take());
}

/** A body of whole mebibytes: the same memory again and again. */
function encodeBody(bytes: number): Uint8Array[] {
  if (bytes === 0) return [];
  const writer = new RecordWriter();
  const content = new Uint8Array(STDIN_BYTES).fill(0x78);
  for (let at = 0; at < MiB; at += STDIN_BYTES) writer.stream(FCGI_STDIN, 1, content);
  const mebibyte = gather(writer.take());
  writer.streamEnd(FCGI_STDIN, 1);
  return [...Array<Uint8Array>(bytes / MiB).fill(mebibyte), ...writer.take()];
}

interface Slot {
  readonly request: Uint8Array;
  readonly numbers: readonly number[];
  active: boolean;
  head: string;
  inHead: boolean;
  bodyBytes: number;
}

/** The web server's side of one connection. */
export class FastCgiDialogue implements Dialogue, RecordSink {
  readonly body: readonly Uint8Array[];
  readonly #expected: number;
  readonly #answered: Answered;
  readonly #slots: Slot[];
  readonly #parser = new RecordParser(this);
  #type = 0;
  #slot!: Slot;
  #slotIndex = 0;
  #end: number[] = [];

  constructor(job: Job, answered: Answered) {
    this.#expected = job.expectedBytes;
    this.#answered = answered;
    this.body = encodeBody(job.bodyBytes);
    this.#slots = Array.from({ length: job.perConnection }, (_, index) => {
      const request = encodeRequest(job, index + 1);
      const numbers = [...decodeLatin1(request).matchAll(new RegExp(numberAt, "g"))].map((match) => match.index);
      return { request, numbers, active: false, head: "", inHead: true, bodyBytes: 0 };
    });
  }

  request(index: number, number: number): Uint8Array {
    const slot = this.#slots[index]!;
    for (const at of slot.numbers) setNumber(slot.request, at, number);
    slot.active = slot.inHead = true;
    slot.head = "";
    slot.bodyBytes = 0;
    return slot.request;
  }

  received(chunk: Uint8Array): void {
    this.#parser.push(chunk);
  }

  recordStart(type: number, requestId: number): void {
    const slot = this.#slots[requestId - 1];
    if (slot === undefined || !slot.active) throw new Error(`a record of type ${type} for no request of ours`);
    this.#type = type;
    this.#slot = slot;
    this.#slotIndex = requestId - 1;
  }

  recordContent(part: Uint8Array): void {
    if (this.#type === FCGI_END_REQUEST) this.#end.push(...part);
    else if (this.#type !== FCGI_STDOUT) throw new Error(`a record of type ${this.#type}: ${decodeLatin1(part)}`);
    else if (this.#slot.inHead) this.#readHead(part);
    else this.#slot.bodyBytes += part.length;
  }

  #readHead(part: Uint8Array): void {
    const slot = this.#slot;
    const before = slot.head.length;
    slot.head += decodeLatin1(part.length > 4096 ? part.subarray(0, 4096) : part);
    const at = slot.head.indexOf("\r\n\r\n");
    if (at < 0) {
      if (slot.head.length > 4096) throw new Error("a head that does not end");
      return;
    }
    slot.inHead = false;
    slot.head = slot.head.slice(0, at);
    slot.bodyBytes = before + part.length - (at + 4);
  }

  recordEnd(): void {
    if (this.#type !== FCGI_END_REQUEST) return;
    const { appStatus, protocolStatus } = decodeEndRequest(new Uint8Array(this.#end));
    this.#end.length = 0;
    const { inHead, head, bodyBytes } = this.#slot;
    const status = /^Status: *(\d+)/im.exec(head)?.[1] ?? "200";
    if (inHead || status !== "200" || appStatus !== 0 || protocolStatus !== 0 || bodyBytes !== this.#expected) {
      throw new Error(
        `a response with status ${status}, appStatus ${appStatus}, protocolStatus ${protocolStatus} ` +
          `and ${bodyBytes} bytes in place of ${this.#expected}: ${head}`,
      );
    }
    this.#slot.active = false;
    this.#answered(this.#slotIndex);
  }
}
