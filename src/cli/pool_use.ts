/** What workers do and have done, in numbers that add up. */

import process from "node:process";
import type { Server } from "../server/server.ts";

/** The numbers of one worker, or of several together. */
export type PoolUse = Record<typeof NAMES[number], number>;

const NAMES = ["connections", "activeRequests", "requests", "refused", "aborted", "errors", "memoryBytes"] as const;

/** What a worker is told: of all other workers together, and since when there has been a parent. */
export interface Others {
  readonly use: PoolUse;
  readonly workers: number;
  /** In milliseconds of Unix time. */
  readonly startedMs: number;
}

/** How often a worker reports, in milliseconds. */
export const REPORT_MS = 1000;
/** How often a worker reports that has nothing new to say, in milliseconds. */
export const MAX_SILENT_MS = 10_000;

/** The sum of uses. */
export function sum(uses: Iterable<Partial<PoolUse>>): PoolUse {
  const total = Object.fromEntries(NAMES.map((name) => [name, 0])) as PoolUse;
  for (const use of uses) {
    for (const name of NAMES) total[name] += use[name] ?? 0;
  }
  return total;
}

/** What is left of a sum without one of its parts. */
export function difference(total: PoolUse, part: PoolUse): PoolUse {
  const rest = { ...total };
  for (const name of NAMES) rest[name] -= part[name];
  return rest;
}

/** What a process that serves has done and is doing. */
export function useOf(servers: readonly Server[]): PoolUse {
  return sum([{ memoryBytes: process.memoryUsage.rss() }, ...servers.map((server) => server.stats())]);
}

/** Reads what another process says of itself, who may say anything. */
export function readUse(given: unknown): PoolUse {
  const numbers = Object.entries(Object(given)).filter(([, value]) => Number.isFinite(value) && value as number >= 0);
  return sum([Object.fromEntries(numbers) as Partial<PoolUse>]);
}
