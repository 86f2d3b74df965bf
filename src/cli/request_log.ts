/** Lines about requests: for a person at a terminal, for a log, and in JSON with OpenTelemetry's attribute names. */

import process from "node:process";
import { printable } from "../cgi/field.ts";
import type { FinishedRequest } from "../server/response_watch.ts";
import { coloured, outputIsTerminal } from "./console.ts";

/** What is written of a request once nothing more of it will be sent. */
export interface LoggedRequest {
  readonly method: string;
  /** The whole URL; of a request that was refused, what its request line asked for. */
  readonly url: string;
  readonly userAgent: string | undefined;
  /** The client's address and port, as far as they are known. */
  readonly client: { readonly hostname?: string | undefined; readonly port?: number | undefined };
  /** 0: no response was sent. */
  readonly status: number;
  /** In bytes. */
  readonly bodySize: number | undefined;
  /** What went wrong, in one of a few words. */
  readonly reason: string | undefined;
  readonly durationMs: number;
}

/** What HTTP servers give a handler besides the request, as far as it is read here. */
export interface RequestInfo {
  /** Settles when the response has been sent, or will not be. */
  readonly completed?: Promise<unknown>;
  readonly remoteAddr?: object | undefined;
}

/** How lines are written: `auto` for people at a terminal, and not at all elsewhere. */
export type LogFormat = "auto" | "text" | "json" | "none";

/** The format that options ask for. */
export function logFormat(values: { readonly "access-log": string | undefined; readonly quiet: boolean }): LogFormat {
  return values["access-log"] as "text" | "json" | undefined ?? (values.quiet ? "none" : "auto");
}

/** What writes a line for a request; `undefined`: nobody wants to know. */
export function requestLogger(format: LogFormat): ((request: LoggedRequest) => void) | undefined {
  if (format === "none" || format === "auto" && !outputIsTerminal()) return undefined;
  const line = format === "json" ? jsonLine : format === "text" ? textLine : terminalLine;
  return (request) => void process.stdout.write(`${line(request, new Date())}\n`);
}

/** What is to be written of a request over FastCGI, refused ones included. */
export function loggedRequest(finished: FinishedRequest): LoggedRequest {
  const { info, request, status, reason, bytesSent, startTime, endTime } = finished;
  const { params } = info;
  return {
    method: params.get("REQUEST_METHOD") || "-",
    url: request?.url ?? info.requestUri,
    userAgent: params.get("HTTP_USER_AGENT"),
    client: { hostname: params.get("REMOTE_ADDR"), port: Number(params.get("REMOTE_PORT")) },
    status,
    bodySize: bytesSent,
    reason,
    durationMs: endTime - startTime,
  };
}

/** Wraps the handler of an HTTP server such that `log` is called once for each of its requests. */
export function observe<Info extends RequestInfo>(
  handler: (request: Request, info: Info) => Response | Promise<Response>,
  log: ((request: LoggedRequest) => void) | undefined,
): (request: Request, info: Info) => Response | Promise<Response> {
  if (log === undefined) return handler;
  return async (request, info) => {
    const startMs = performance.now();
    const { completed, remoteAddr: client = {} } = info;
    const finish = (status: number, length: string | null, error: unknown): void =>
      log({
        method: request.method,
        url: request.url,
        userAgent: request.headers.get("user-agent") ?? undefined,
        client,
        status,
        bodySize: length === null ? undefined : Number(length),
        reason: error === undefined ? undefined : reasonOf(error),
        durationMs: performance.now() - startMs,
      });
    let response: Response;
    try {
      response = await handler(request, info);
    } catch (error) {
      finish(500, null, error);
      throw error;
    }
    const { status } = response;
    const length = response.headers.get("content-length");
    if (completed === undefined) finish(status, length, undefined);
    else completed.then(() => finish(status, length, undefined), (error) => finish(status, length, error));
    return response;
  };
}

/** `14:03:22 GET /path?query 200 3 ms` */
function terminalLine({ method, url, status, reason, durationMs }: LoggedRequest, now: Date): string {
  const time = coloured(now.toTimeString().slice(0, 8), "dim", true);
  const colour = status >= 500 || status === 0 ? "red" : status >= 400 ? "yellow" : "green";
  const end = reason === undefined ? "" : coloured(` ${reason}`, "red", true);
  const what = printable(`${method} ${targetOf(url)}`);
  return `${time} ${what} ${coloured(statusText(status), colour, true)} ${durationText(durationMs)}${end}`;
}

/** `2026-01-31T14:03:22.123Z 192.0.2.1 GET https://example.org/path 200 3 ms`, and what went wrong, if anything did. */
export function textLine({ method, url, client, status, reason, durationMs }: LoggedRequest, now: Date): string {
  const end = reason === undefined ? "" : ` ${reason}`;
  const what = `${client.hostname || "-"} ${method} ${url} ${statusText(status)} ${durationText(durationMs)}${end}`;
  return `${now.toISOString()} ${printable(what)}`;
}

/** An object with the names of OpenTelemetry's semantic conventions for HTTP servers; the duration is in seconds. */
export function jsonLine(request: LoggedRequest, now: Date): string {
  const { method, url, userAgent, client, status, bodySize, reason, durationMs } = request;
  const known = URL.canParse(url) ? new URL(url) : undefined;
  const [path, query] = targetOf(url).split(/\?(.*)/s);
  return JSON.stringify({
    "timestamp": now.toISOString(),
    "http.request.method": method,
    "url.scheme": known?.protocol.slice(0, -1),
    "server.address": known?.hostname,
    "server.port": known?.port ? Number(known.port) : undefined,
    "url.path": path,
    "url.query": query || undefined,
    "client.address": client.hostname || undefined,
    "client.port": client.port || undefined,
    "user_agent.original": userAgent,
    "http.response.status_code": status || undefined,
    "http.response.body.size": bodySize,
    "http.server.request.duration": Math.round(durationMs * 1000) / 1e6,
    "error.type": reason ?? (status >= 500 ? String(status) : undefined),
  });
}

/** The path and query of a URL; what is none stays as it is. */
function targetOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function statusText(status: number): string {
  return status === 0 ? "-" : String(status);
}

/** The class of an error, or its code: of these there are few. */
function reasonOf(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "error";
}

function durationText(ms: number): string {
  return ms < 10_000 ? `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
