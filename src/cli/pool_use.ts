/** What workers do and have done, in numbers that add up. */

/** The numbers of one worker, or of several together. */
export type PoolUse = Record<typeof NAMES[number], number>;

const NAMES = ["connections", "activeRequests", "requests", "errors", "memoryBytes"] as const;

/** How often a worker reports, in milliseconds. */
export const REPORT_MS = 1000;

/** The sum of uses. */
export function sum(uses: Iterable<Partial<PoolUse>>): PoolUse {
  const total: PoolUse = { connections: 0, activeRequests: 0, requests: 0, errors: 0, memoryBytes: 0 };
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

/** Reads what another process says of itself, who may say anything. */
export function readUse(given: unknown): PoolUse {
  const numbers = Object.entries(Object(given)).filter(([, value]) => Number.isFinite(value) && value as number >= 0);
  return sum([Object.fromEntries(numbers) as Partial<PoolUse>]);
}
