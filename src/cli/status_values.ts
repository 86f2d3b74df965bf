/** What a FastCGI application can say of itself: FastCGI's three names (§4.1), and those of `webfcgi serve`. */

/** A value, and what it is called in each form of the answer. */
export interface StatusValue {
  /** The name that FCGI_GET_VALUES asks for. */
  readonly variable: string;
  /** In JSON. */
  readonly key: string;
  /** For people. */
  readonly label: string;
  /** In Prometheus's text format. */
  readonly metric: string;
  readonly help: string;
  readonly unit: "text" | "flag" | "count" | "seconds" | "bytes";
}

/** The values, in the order in which they are printed. */
export const STATUS_VALUES: readonly StatusValue[] = [
  value("WEBFCGI_VERSION", "version", "webfcgi", "text", "", ""),
  value("WEBFCGI_RUNTIME", "runtime", "runtime", "text", "", ""),
  value("WEBFCGI_UPTIME", "uptime", "up for", "seconds", "uptime_seconds", "Time since the start."),
  value("WEBFCGI_WORKERS", "workers", "workers", "count", "workers", "Processes that serve."),
  value("WEBFCGI_CONNECTIONS", "connections", "connections", "count", "connections", "Connections open now."),
  value(
    "WEBFCGI_REQUESTS_ACTIVE",
    "requestsActive",
    "requests now",
    "count",
    "requests_active",
    "Requests under way now.",
  ),
  value("WEBFCGI_REQUESTS_TOTAL", "requestsTotal", "requests", "count", "requests_total", "Requests since the start."),
  value(
    "WEBFCGI_REQUESTS_REFUSED",
    "requestsRefused",
    "refused",
    "count",
    "requests_refused_total",
    "Requests refused since the start.",
  ),
  value(
    "WEBFCGI_REQUESTS_ABORTED",
    "requestsAborted",
    "aborted",
    "count",
    "requests_aborted_total",
    "Requests aborted since the start.",
  ),
  value("WEBFCGI_MEMORY", "memory", "memory", "bytes", "memory_bytes", "Resident memory."),
  value(
    "FCGI_MAX_CONNS",
    "maxConnections",
    "max. connections",
    "count",
    "max_connections",
    "Connections it accepts at a time.",
  ),
  value("FCGI_MAX_REQS", "maxRequests", "max. requests", "count", "max_requests", "Requests it serves at a time."),
  value(
    "FCGI_MPXS_CONNS",
    "multiplex",
    "multiplexing",
    "flag",
    "multiplex",
    "Whether requests may share a connection.",
  ),
];

function value(
  variable: string,
  key: string,
  label: string,
  unit: StatusValue["unit"],
  metric: string,
  help: string,
): StatusValue {
  return { variable, key, label, unit, metric: `webfcgi_${metric}`, help };
}
