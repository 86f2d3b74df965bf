/** What the system knows of processes, read from `/proc`; a system without it knows of none. */

import { sleep } from "../helpers/waiting.ts";

/** The process ids of all descendants of a process. */
export function childrenOf(pid: number): number[] {
  const parents = new Map<number, number>();
  try {
    for (const { name } of Deno.readDirSync("/proc")) {
      if (/^\d+$/.test(name)) parents.set(Number(name), stat(name).parent);
    }
  } catch {
    return [];
  }
  const found = [pid];
  for (const parent of found) {
    for (const [child, of] of parents) if (of === parent) found.push(child);
  }
  return found.slice(1);
}

/** Whether a process lives; one that has ended and was not asked for its status does not. */
export function isRunning(pid: number): boolean {
  return !["", "Z", "X"].includes(stat(String(pid)).state);
}

/** Those that still live after up to five seconds: what has been told to end, or has answered, may be on its way out. */
export async function stillRunning(processes: readonly number[]): Promise<number[]> {
  const deadline = Date.now() + 5000;
  let left = processes.filter(isRunning);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(20);
    left = left.filter(isRunning);
  }
  return left;
}

function stat(pid: string): { state: string; parent: number } {
  try {
    // The second field, in brackets, is the program's name and may hold anything.
    const [, state = "", parent = "0"] = /.*\) (\S) (\d+)/s.exec(Deno.readTextFileSync(`/proc/${pid}/stat`)) ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return { state: "", parent: 0 };
  }
}
