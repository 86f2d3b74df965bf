/** Lines about requests: for a person at a terminal, for a log, and in JSON with OpenTelemetry's attribute names. */

import process from "node:process";
import { printable } from "../cgi/field.ts";
import { coloured, outputIsTerminal } from "./console.ts";

/** What is known of a request once its response has been sent, or will not be. */
export interface FinishedRequest {
  readonly request: Request;
  /** The client's address and port, as far as they are known. */
  readonly client: { readonly hostname?: string | undefined; readonly port?: number | undefined };
  readonly status: number;
  /** The response's Content-Length. */
  readonly bodySize: string | null;
  /** Why the response was not sent whole. */
  readonly error: unknown;
  readonly durationMs: number;
}

/** What HTTP and FastCGI servers give a handler besides the request, as far as it is read here. */
export interface RequestInfo {
  /** Settles when the response has been sent, or will not be. */
  readonly completed?: Promise<unknown>;
  readonly remoteAddr?: string | object | undefined;
}

/** How lines are written: `auto` for people at a terminal, and not at all elsewhere. */
export type LogFormat = "auto" | "text" | "json" | "none";

/** The format that options ask for. */
export function logFormat(values: { readonly "access-log": string | undefined; readonly quiet: boolean }): LogFormat {
  return values["access-log"] as "text" | "json" | undefined ?? (values.quiet ? "none" : "auto");
}

/** What takes finished requests; `undefined`: nobody wants to know. */
export function requestLogger(format: LogFormat): ((finished: FinishedRequest) => void) | undefined {
  if (format === "none" || format === "auto" && !outputIsTerminal()) return undefined;
  const line = format === "json" ? jsonLine : format === "text" ? textLine : terminalLine;
  return (finished) => void process.stdout.write(`${line(finished, new Date())}\n`);
}

/**
 * Wraps a handler such that `onFinish` is called once for each of its requests.
 *
 * Requests that a server refuses before there is a handler are not among them.
 */
export function observe<Info extends RequestInfo>(
  handler: (request: Request, info: Info) => Response | Promise<Response>,
  onFinish: ((finished: FinishedRequest) => void) | undefined,
): (request: Request, info: Info) => Response | Promise<Response> {
  if (onFinish === undefined) return handler;
  return async (request, info) => {
    const startMs = performance.now();
    const { completed, remoteAddr } = info;
    const client: FinishedRequest["client"] = typeof remoteAddr === "object" ? remoteAddr : { hostname: remoteAddr };
    const finish = (status: number, bodySize: string | null, error: unknown): void =>
      onFinish({ request, client, status, bodySize, error, durationMs: performance.now() - startMs });
    let response: Response;
    try {
      response = await handler(request, info);
    } catch (error) {
      finish(500, null, error);
      throw error;
    }
    const { status } = response;
    const bodySize = response.headers.get("content-length");
    if (completed === undefined) finish(status, bodySize, undefined);
    else completed.then(() => finish(status, bodySize, undefined), (error) => finish(status, bodySize, error));
    return response;
  };
}

/** `14:03:22 GET /path?query 200 3 ms` */
function terminalLine({ request, status, error, durationMs }: FinishedRequest, now: Date): string {
  const { pathname, search } = new URL(request.url);
  const time = coloured(now.toTimeString().slice(0, 8), "dim", true);
  const colour = status >= 500 ? "red" : status >= 400 ? "yellow" : "green";
  const end = error === undefined ? "" : coloured(` ${reasonOf(error)}`, "red", true);
  const what = printable(`${request.method} ${pathname}${search}`);
  return `${time} ${what} ${coloured(String(status), colour, true)} ${durationText(durationMs)}${end}`;
}

/** `2026-01-31T14:03:22.123Z 192.0.2.1 GET https://example.org/path 200 3 ms` */
export function textLine({ request, client, status, error, durationMs }: FinishedRequest, now: Date): string {
  const end = error === undefined ? "" : ` ${reasonOf(error)}`;
  const what = `${client.hostname || "-"} ${request.method} ${request.url} ${status} ${durationText(durationMs)}${end}`;
  return `${now.toISOString()} ${printable(what)}`;
}

/** An object with the names of OpenTelemetry's semantic conventions for HTTP servers; the duration is in seconds. */
export function jsonLine({ request, client, status, bodySize, error, durationMs }: FinishedRequest, now: Date): string {
  const { protocol, hostname, port, pathname, search } = new URL(request.url);
  return JSON.stringify({
    "timestamp": now.toISOString(),
    "http.request.method": request.method,
    "url.scheme": protocol.slice(0, -1),
    "server.address": hostname,
    "server.port": port === "" ? undefined : Number(port),
    "url.path": pathname,
    "url.query": search === "" ? undefined : search.slice(1),
    "client.address": client.hostname || undefined,
    "client.port": client.port || undefined,
    "user_agent.original": request.headers.get("user-agent") ?? undefined,
    "http.response.status_code": status,
    "http.response.body.size": bodySize === null ? undefined : Number(bodySize),
    "http.server.request.duration": Math.round(durationMs * 1000) / 1e6,
    "error.type": error === undefined ? status >= 500 ? String(status) : undefined : reasonOf(error),
  });
}

/** The class of an error, or its code: of these there are few. */
function reasonOf(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "error";
}

function durationText(ms: number): string {
  return ms < 10_000 ? `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
