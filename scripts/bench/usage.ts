/** What processes have used, as Linux tells it in `/proc`; other systems tell nothing of the kind, and all is NaN. */

import { childrenOf } from "../../tests/interop/processes.ts";

/** The unit of times in `/proc`, in microseconds: the same on every Linux that Deno runs on. */
const TICK_US = 10_000;

/** The CPU time that a process and its descendants have used so far, in microseconds. */
export function cpuMicroseconds(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, pid) => sum + cpuOf(pid), 0);
}

function cpuOf(pid: number): number {
  // The second field, in brackets, is the program's name and may hold anything.
  const fields = read(pid, "stat").replace(/.*\) /s, "").split(" ");
  return (Number(fields[11] ?? NaN) + Number(fields[12] ?? NaN)) * TICK_US;
}

/** The memory of a process that is in use now, in bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, "VmRSS");
}

/** The greatest memory of a process since `resetPeak`, in bytes. */
export function peakBytes(pid: number): number {
  return statusBytes(pid, "VmHWM");
}

/** Lets the peak of a process's memory begin with what it uses now. */
export function resetPeak(pid: number): void {
  try {
    Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Not Linux.
  }
}

function statusBytes(pid: number, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(read(pid, "status"))?.[1] ?? NaN) * 1024;
}

function read(pid: number, file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    return "";
  }
}
