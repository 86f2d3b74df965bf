/** What the system knows of processes, read from `/proc`; a system without it knows of none. */

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

function stat(pid: string): { state: string; parent: number } {
  try {
    // The second field, in brackets, is the program's name and may hold anything.
    const [, state = "", parent = "0"] = /.*\) (\S) (\d+)/s.exec(Deno.readTextFileSync(`/proc/${pid}/stat`)) ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return { state: "", parent: 0 };
  }
}
