/** What all connections of a server share, made once for all of them. */

import { BodyMemory } from "../fetch/body_memory.ts";
import type { ApplicationOptions } from "../protocol/application_events.ts";
import { RecordMemory } from "../protocol/record_writer.ts";
import type { Settings } from "./server_options.ts";

/** Requests on one connection whose parameters have not come whole; one more is refused with FCGI_OVERLOADED. */
export const MAX_UNFINISHED_REQUESTS = 128;

/** Parts of a server that know nothing of any connection. */
export interface Shared {
  /** Bodies that are read whole are collected in it. */
  readonly bodyMemory: BodyMemory;
  /** The options of every connection's protocol; all write to the same memory. */
  readonly protocol: ApplicationOptions;
}

/** Makes them for a server that plays these roles. */
export function makeShared(settings: Settings, roles: Iterable<number>): Shared {
  const { maxConnections, maxRequests, maxParamsBytes, extraValue } = settings;
  return {
    bodyMemory: new BodyMemory(),
    protocol: {
      roles: [...roles],
      capabilities: { maxConnections, maxRequests, multiplex: true, extraValue },
      maxParamsBytes,
      maxUnfinished: MAX_UNFINISHED_REQUESTS,
      memory: new RecordMemory(),
    },
  };
}
