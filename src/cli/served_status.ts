/** What `serve` says of itself when FCGI_GET_VALUES asks for it. */

import process from "node:process";
import type { Server } from "../server/server.ts";
import { runtimeText } from "./console.ts";
import { VERSION } from "./version.ts";

/** Makes what gives the values of the names that `status` asks for. */
export function statusOf(servers: readonly Server[]): (name: string) => string | undefined {
  const startMs = performance.now();
  const sum = (key: "connections" | "activeRequests" | "requests"): string =>
    String(servers.reduce((total, server) => total + server.stats()[key], 0));
  // The seam for workers: their parent has the sums.
  const values: Readonly<Record<string, () => string>> = {
    WEBFCGI_VERSION: () => VERSION,
    WEBFCGI_RUNTIME: runtimeText,
    WEBFCGI_UPTIME: () => String(Math.floor((performance.now() - startMs) / 1000)),
    WEBFCGI_WORKERS: () => "1",
    WEBFCGI_CONNECTIONS: () => sum("connections"),
    WEBFCGI_REQUESTS_ACTIVE: () => sum("activeRequests"),
    WEBFCGI_REQUESTS_TOTAL: () => sum("requests"),
    WEBFCGI_MEMORY: () => String(process.memoryUsage().rss),
  };
  return (name) => Object.hasOwn(values, name) ? values[name]!() : undefined;
}
