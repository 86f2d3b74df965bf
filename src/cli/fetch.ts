/** `webfcgi fetch`: sends a request to an application and prints the response, as curl does for HTTP. */

import { readFile } from "node:fs/promises";
import process from "node:process";
import { printable } from "../cgi/field.ts";
import { FastCgiClient } from "../client/fast_cgi_client.ts";
import type { FastCgiRequestInit } from "../client/outgoing_request.ts";
import type { Accept, Transport, TransportSink } from "../runtime/transport.ts";
import type { Arguments, Values } from "./arguments.ts";
import type { FETCH } from "./commands.ts";
import { EXIT, Failure, messageOf } from "./failure.ts";
import { recordLines } from "./record_lines.ts";
import { clientSettings, connector, requestFailure, usage } from "./upstream.ts";

type FetchValues = Values<typeof FETCH.options>;

const ROLES = ["responder", "authorizer", "filter"] as const;
/** What a Blob is made of. */
type BodyPart = string | Blob | Uint8Array<ArrayBuffer>;

const FORM = "application/x-www-form-urlencoded";

/** Sends the request and prints the response; resolves with curl's exit code. */
export async function fetchCommand({ values, operands }: Arguments<typeof FETCH.options>): Promise<number> {
  const [address = "", path = "/"] = operands;
  const settings = clientSettings("fetch", address, {
    ...timeouts(values.timeout),
    onStderr: writeStderr,
  });
  if (!/^(?:\/|https?:\/\/)/.test(path)) {
    throw usage("fetch", `PATH is ${JSON.stringify(path)}; write /path or a whole URL`);
  }
  const init = await requestInit(values);
  const connect = connector(settings.addr);
  const client = new FastCgiClient(settings, values.verbose ? tapped(connect) : connect);
  try {
    const response = await client.fetch(path, init);
    if (values.include) await output(headText(response));
    const reader = response.body?.getReader();
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) await output(read.value);
    return response.status >= 400 ? EXIT.httpStatus : EXIT.ok;
  } catch (error) {
    throw requestFailure(error);
  } finally {
    await client.close();
  }
}

/** One time for all: each of the client's own is no shorter. */
function timeouts(ms: number | undefined): Record<string, number> {
  if (ms === undefined) return {};
  const names = ["connectTimeoutMs", "headTimeoutMs", "bodyTimeoutMs", "requestTimeoutMs"];
  return Object.fromEntries(names.map((name) => [name, Math.max(1, ms)]));
}

async function requestInit(values: FetchValues): Promise<FastCgiRequestInit> {
  const { request, data, role = "responder", script, param } = values;
  const known = ROLES.find((it) => it === role);
  if (known === undefined) throw usage("fetch", `--role is ${JSON.stringify(role)}; write ${ROLES.join(", ")}`);
  const headers = readHeaders(values.header);
  if (data.length > 0 && !headers.has("content-type")) headers.set("content-type", FORM);
  return {
    method: request ?? (data.length > 0 ? "POST" : "GET"),
    headers,
    role: known,
    params: Object.fromEntries(param),
    ...(script === undefined ? {} : { scriptFilename: script }),
    ...(data.length === 0 ? {} : { body: await readData(data) }),
  };
}

function readHeaders(fields: readonly string[]): Headers {
  const headers = new Headers();
  for (const field of fields) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(field) ?? [];
    try {
      if (name === undefined || value === undefined) throw new Error("there is no colon");
      headers.append(name, value);
    } catch {
      throw usage("fetch", `-H is ${JSON.stringify(field)}; write a field such as "Accept: text/html"`);
    }
  }
  return headers;
}

async function readData(data: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const parts: BodyPart[] = [];
  for (const text of data) {
    if (parts.length > 0) parts.push("&");
    parts.push(await readPart(text));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function readPart(text: string): Promise<BodyPart> {
  if (text === "-" || text === "@-") {
    const chunks: BodyPart[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    return new Blob(chunks);
  }
  if (!text.startsWith("@")) return text;
  try {
    return new Uint8Array(await readFile(text.slice(1)));
  } catch (error) {
    throw usage("fetch", `-d ${text} cannot be read: ${messageOf(error)}`);
  }
}

/** The head as CGI has it (RFC 3875 §6.3). */
function headText({ status, statusText, headers }: Response): string {
  const lines = [`Status: ${status} ${statusText}`.trim(), ...[...headers].map(([name, value]) => `${name}: ${value}`)];
  return `${lines.join("\n")}\n\n`;
}

function writeStderr(text: string): void {
  for (const line of text.split("\n")) if (line.trim() !== "") process.stderr.write(`${printable(line)}\n`);
}

/** Writes to standard output once there is room. */
function output(chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new Failure(EXIT.output, `Cannot write the response: ${error.message}`));
    process.stdout.once("error", fail);
    process.stdout.write(chunk, (error) => {
      process.stdout.off("error", fail);
      if (error) fail(error);
      else resolve();
    });
  });
}

/** Writes the records of connections, in both directions, to standard error. */
function tapped(connect: ReturnType<typeof connector>): ReturnType<typeof connector> {
  const write = (line: string): void => void process.stderr.write(`${line}\n`);
  return (open, signal) =>
    connect((transport) => {
      const sent = recordLines(">", write);
      const received = recordLines("<", write);
      return tapSink(open(tapTransport(transport, sent)), received);
    }, signal);
}

function tapTransport(transport: Transport, sent: (bytes: Uint8Array) => void): Transport {
  return {
    remoteAddr: transport.remoteAddr,
    write(pieces) {
      for (const piece of pieces) sent(piece);
      return transport.write(pieces);
    },
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    shutdown: () => transport.shutdown(),
    close: () => transport.close(),
    reset: () => transport.reset(),
    ref: () => transport.ref(),
    unref: () => transport.unref(),
  };
}

function tapSink(sink: TransportSink, received: (bytes: Uint8Array) => void): ReturnType<Accept> {
  return {
    received(chunk, lent) {
      received(chunk);
      sink.received(chunk, lent);
    },
    ended: () => sink.ended(),
    drained: () => sink.drained(),
    closed: (error) => sink.closed(error),
  };
}
