/** What a server says of itself over FCGI_GET_VALUES, which no visitor of a site can send. */

import type { ServerStats } from "./connection_set.ts";

/** What its process says of itself. */
export interface ProcessFacts {
  readonly version: string;
  runtime(): string;
  memoryBytes(): number;
}

/** The value of a name that is none of FastCGI's own (§4.1); undefined if there is no such name. */
export function serverValue(name: string, stats: ServerStats, nowMs: number, facts: ProcessFacts): string | undefined {
  switch (name) {
    case "WEBFCGI_VERSION":
      return facts.version;
    case "WEBFCGI_RUNTIME":
      return facts.runtime();
    case "WEBFCGI_UPTIME":
      return String(Math.floor((nowMs - stats.startTime) / 1000));
    case "WEBFCGI_WORKERS":
      return "1";
    case "WEBFCGI_CONNECTIONS":
      return String(stats.connections);
    case "WEBFCGI_REQUESTS_ACTIVE":
      return String(stats.activeRequests);
    case "WEBFCGI_REQUESTS_TOTAL":
      return String(stats.requests);
    case "WEBFCGI_REQUESTS_REFUSED":
      return String(stats.refused);
    case "WEBFCGI_REQUESTS_ABORTED":
      return String(stats.aborted);
    case "WEBFCGI_MEMORY":
      return String(facts.memoryBytes());
  }
}
