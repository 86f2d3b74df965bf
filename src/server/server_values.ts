/** What a server says of itself over FCGI_GET_VALUES, which no visitor of a site can send. */

import type { ServerStats } from "./connection_set.ts";

/** What its process says of itself. */
export interface ProcessFacts {
  readonly version: string;
  readonly runtime: string;
  readonly memoryBytes: number;
}

/** The names and values, besides FastCGI's own (§4.1). */
export function serverValues(stats: ServerStats, nowMs: number, facts: ProcessFacts): (readonly [string, string])[] {
  const values: readonly (readonly [string, string | number])[] = [
    ["VERSION", facts.version],
    ["RUNTIME", facts.runtime],
    ["UPTIME", Math.floor((nowMs - stats.startTime) / 1000)],
    ["CONNECTIONS", stats.connections],
    ["REQUESTS_ACTIVE", stats.activeRequests],
    ["REQUESTS_TOTAL", stats.requests],
    ["REQUESTS_REFUSED", stats.refused],
    ["REQUESTS_ABORTED", stats.aborted],
    ["MEMORY", facts.memoryBytes],
    ["WORKERS", 1],
  ];
  return values.map(([name, value]) => [`WEBFCGI_${name}`, String(value)]);
}
