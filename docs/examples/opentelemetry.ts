/**
 * OpenTelemetry: a span for each request, a child of the one that `traceparent` names, and the metric
 * `http.server.request.duration`; of refused requests too.
 *
 * ```ts ignore
 * serve({ onFinish: finishSpan }, withSpan(handler));
 * ```
 *
 * Register the providers as ever. Under `OTEL_DENO=true` Deno has registered its own.
 */

import type { FinishedRequest, Handler, HandlerInfo } from "@webfcgi/webfcgi";
import {
  type Context,
  context,
  metrics,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "npm:@opentelemetry/api@1.9.0";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
const spans = new WeakMap<HandlerInfo, Span>();

/** Makes a handler that runs within a span, so that those that it makes are its children. */
export function withSpan(handler: Handler): Handler {
  return (request, info) => {
    const parent = parentOf(info);
    const span = startSpan(info, performance.now(), parent);
    spans.set(info, span);
    return context.with(trace.setSpan(parent, span), () => handler(request, info));
  };
}

/** Ends the span; a request that no handler was asked for gets one, too. */
export function finishSpan(finished: FinishedRequest): void {
  const { info, status, outcome, reason, error, startTime, endTime } = finished;
  const span = spans.get(info) ?? startSpan(info, startTime, parentOf(info));
  // What a client did wrong is no error of the server.
  const isError = status >= 500 || outcome === "broken";
  const type = isError ? reason ?? String(status) : undefined;
  const attributes = {
    "http.request.method": methodOf(info),
    "url.scheme": info.params.get("HTTPS") === "on" ? "https" : "http",
    ...(status === 0 ? {} : { "http.response.status_code": status }),
    ...(type === undefined ? {} : { "error.type": type }),
  };
  span.setAttributes(attributes);
  if (isError) span.setStatus({ code: SpanStatusCode.ERROR });
  if (isError && error instanceof Error) span.recordException(error);
  span.end(wallTime(endTime));
  const options = { unit: "s", description: "Duration of HTTP server requests." };
  metrics.getMeter("webfcgi").createHistogram("http.server.request.duration", options)
    .record((endTime - startTime) / 1000, attributes);
}

function startSpan(info: HandlerInfo, startTime: number, parent: Context): Span {
  const method = methodOf(info);
  const options = {
    kind: SpanKind.SERVER,
    startTime: wallTime(startTime),
    attributes: { "url.path": info.requestUri.replace(/\?.*/s, "") },
  };
  return trace.getTracer("webfcgi").startSpan(method === "_OTHER" ? "HTTP" : method, options, parent);
}

function parentOf({ params }: HandlerInfo): Context {
  const carrier = { traceparent: params.get("HTTP_TRACEPARENT"), tracestate: params.get("HTTP_TRACESTATE") };
  return propagation.extract(context.active(), carrier);
}

function methodOf({ params }: HandlerInfo): string {
  const method = params.get("REQUEST_METHOD") ?? "";
  return METHODS.includes(method) ? method : "_OTHER";
}

function wallTime(time: number): Date {
  return new Date(performance.timeOrigin + time);
}
