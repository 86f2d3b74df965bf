/** What `serve` says of itself when FCGI_GET_VALUES asks for it. */

import type { Server } from "../server/server.ts";
import { runtimeText } from "./console.ts";
import { type Others, type PoolUse, sum, useOf } from "./pool_use.ts";
import { VERSION } from "./version.ts";

/** A process that serves alone. */
const ALONE: Others = { use: sum([]), workers: 0, startedMs: performance.timeOrigin };

/** Makes what gives the values of the names that `status` asks for: of these servers, and of what other workers do. */
export function statusOf(
  servers: readonly Server[],
  others: () => Others | undefined = () => undefined,
): (name: string) => string | undefined {
  const known = (): Others => others() ?? ALONE;
  const total = (key: keyof PoolUse): string => String(sum([useOf(servers), known().use])[key]);
  const values: Readonly<Record<string, () => string>> = {
    WEBFCGI_VERSION: () => VERSION,
    WEBFCGI_RUNTIME: runtimeText,
    WEBFCGI_UPTIME: () => String(Math.max(0, Math.floor((Date.now() - known().startedMs) / 1000))),
    WEBFCGI_WORKERS: () => String(known().workers + 1),
    WEBFCGI_CONNECTIONS: () => total("connections"),
    WEBFCGI_REQUESTS_ACTIVE: () => total("activeRequests"),
    WEBFCGI_REQUESTS_TOTAL: () => total("requests"),
    WEBFCGI_REQUESTS_REFUSED: () => total("refused"),
    WEBFCGI_REQUESTS_ABORTED: () => total("aborted"),
    WEBFCGI_MEMORY: () => total("memoryBytes"),
  };
  return (name) => Object.hasOwn(values, name) ? values[name]!() : undefined;
}
