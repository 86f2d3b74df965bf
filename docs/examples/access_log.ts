/**
 * An access log: a line for each request, refused and aborted ones too.
 *
 * ```ts ignore
 * serve({ onFinish: (finished) => console.log(jsonLine(finished, new Date())) }, handler);
 * ```
 */

import type { FinishedRequest } from "@webfcgi/webfcgi";

/** `2026-01-31T14:03:22.123Z 192.0.2.1 GET "/path" 200 5 bytes 3 ms`, and what went wrong, if anything did. */
export function textLine(finished: FinishedRequest, now: Date): string {
  const { info, status, outcome, reason, startTime, endTime, bytesSent } = finished;
  const method = info.params.get("REQUEST_METHOD") || "-";
  const client = info.params.get("REMOTE_ADDR") || "-";
  const end = reason === undefined ? "" : ` ${outcome}: ${reason}`;
  const ms = (endTime - startTime).toFixed(1);
  // In quotes and escaped: what a client sends makes no line of its own.
  const line = `${client} ${JSON.stringify(method)} ${JSON.stringify(info.requestUri)} ${status}`;
  return `${now.toISOString()} ${line} ${bytesSent} bytes ${ms} ms${end}`;
}

/** A line of JSON, with the attribute names of OpenTelemetry's semantic conventions; the duration is in seconds. */
export function jsonLine(finished: FinishedRequest, now: Date): string {
  const { info, request, status, reason, startTime, endTime, bytesReceived, bytesSent } = finished;
  const { params } = info;
  const url = request === undefined ? undefined : new URL(request.url);
  const [path, query] = info.requestUri.split(/\?(.*)/s);
  return JSON.stringify({
    "timestamp": now.toISOString(),
    "http.request.method": params.get("REQUEST_METHOD"),
    "url.scheme": url?.protocol.slice(0, -1),
    "url.path": url?.pathname ?? path,
    "url.query": url?.search.slice(1) || query || undefined,
    "server.address": url?.hostname,
    "client.address": params.get("REMOTE_ADDR"),
    "user_agent.original": params.get("HTTP_USER_AGENT"),
    "http.request.body.size": bytesReceived,
    "http.response.body.size": bytesSent,
    "http.response.status_code": status || undefined,
    "http.server.request.duration": Math.round((endTime - startTime) * 1000) / 1e6,
    "error.type": reason ?? (status >= 500 ? String(status) : undefined),
  });
}
