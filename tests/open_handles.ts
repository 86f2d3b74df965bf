/** Counts what a test left open: the runtimes' own checks miss node:net, or do not exist. */

import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";

/** How many handles of each kind are open. */
export type OpenHandles = ReadonlyMap<string, number>;

/** Counts sockets (where there is a `/proc`) and what keeps the event loop alive (where the runtime tells). */
export function openHandles(): OpenHandles {
  const counts = new Map<string, number>();
  const kinds = process.getActiveResourcesInfo?.() ?? [];
  for (const kind of [...kinds, ...openSockets()]) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function openSockets(): string[] {
  try {
    return readdirSync("/proc/self/fd").filter(isSocket).map(() => "socket");
  } catch {
    return [];
  }
}

function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("socket:");
  } catch {
    return false;
  }
}

/** Gives back what is open now and was not open `before`, as words; `""` when there is nothing or it goes within 2 s. */
export async function leftOpen(before: OpenHandles): Promise<string> {
  const deadline = Date.now() + 2_000;
  for (;;) {
    const more = [...openHandles()]
      .map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const)
      .filter(([, count]) => count > 0);
    if (more.length === 0) return "";
    if (Date.now() > deadline) return more.map(([kind, count]) => `${count} ${kind}`).join(", ");
    await pause();
  }
}

/** Lets closing sockets close. Counts before and after a test follow one of these, so its own timer cancels out. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
