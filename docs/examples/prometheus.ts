/**
 * Metrics in Prometheus's text format.
 *
 * ```ts ignore
 * const metrics = prometheus(() => server.stats());
 * const server = serve({ onFinish: metrics.onFinish }, handler);
 * Deno.serve({ hostname: "127.0.0.1", port: 9464 }, () => new Response(metrics.text()));
 * ```
 */

import type { FinishHandler, ServerStats } from "@webfcgi/webfcgi";

/** What metrics give to a server, and to whoever scrapes them. */
export interface Metrics {
  readonly onFinish: FinishHandler;
  /** All metrics as they are now. */
  text(): string;
}

/** OpenTelemetry's buckets, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, Infinity];
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Counts requests by what can have few values: a path would make a series of each. */
export function prometheus(stats: () => ServerStats): Metrics {
  const series = new Map<string, { readonly counts: number[]; sum: number }>();
  return {
    onFinish({ info, status, outcome, reason = "", startTime, endTime }) {
      const given = info.params.get("REQUEST_METHOD") ?? "";
      const method = METHODS.includes(given) ? given : "_OTHER";
      const labels = `method="${method}",status="${status}",outcome="${outcome}",reason=${JSON.stringify(reason)}`;
      const one = series.get(labels) ?? { counts: BUCKETS.map(() => 0), sum: 0 };
      const seconds = (endTime - startTime) / 1000;
      one.sum += seconds;
      BUCKETS.forEach((bound, at) => seconds <= bound && one.counts[at]!++);
      series.set(labels, one);
    },
    text() {
      const { connections, activeRequests, peakRequests, accepted, startTime } = stats();
      const name = "http_server_request_duration_seconds";
      const histogram = [...series].flatMap(([labels, { counts, sum }]) => [
        ...counts.map((count, at) => `${name}_bucket{${labels},le="${boundText(BUCKETS[at]!)}"} ${count}`),
        `${name}_sum{${labels}} ${sum}`,
        `${name}_count{${labels}} ${counts.at(-1)}`,
      ]);
      return [
        ...metric("webfcgi_connections", "gauge", "Connections open now.", connections),
        ...metric("webfcgi_connections_accepted_total", "counter", "Connections accepted.", accepted),
        ...metric("webfcgi_requests_active", "gauge", "Requests under way now.", activeRequests),
        ...metric("webfcgi_requests_peak", "gauge", "The most requests at a time.", peakRequests),
        ...metric("webfcgi_uptime_seconds", "gauge", "Time since the start.", (performance.now() - startTime) / 1000),
        `# HELP ${name} Duration of requests.`,
        `# TYPE ${name} histogram`,
        ...histogram,
        "",
      ].join("\n");
    },
  };
}

function metric(name: string, type: string, help: string, value: number): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`];
}

function boundText(bound: number): string {
  return bound === Infinity ? "+Inf" : String(bound);
}
