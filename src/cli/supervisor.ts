/**
 * The parent of workers: owns the listening sockets, the pid file and the workers, and hears the signals.
 *
 * It loads nothing of the user's and accepts no connection, so that nothing but itself can end it. What is to be started
 * and ended, and when, the pool decides.
 */

import { systemClock } from "../runtime/clock.ts";
import { startWorker, type WorkerProcess } from "../runtime/processes.ts";
import type { SharedSocket } from "../runtime/shared_socket.ts";
import { errorLine } from "./console.ts";
import type { OwnFile } from "./left_behind.ts";
import { difference, type Others, type PoolUse, readUse, REPORT_MS, sum } from "./pool_use.ts";
import { onSignals } from "./signals.ts";
import { type PoolSettings, WorkerPool } from "./worker_pool.ts";

/** What a parent is to do. */
export interface Supervision {
  /** How a worker is started. */
  readonly command: readonly string[];
  /** The sockets of each place's worker, in the order of its options. */
  readonly sockets: readonly (readonly SharedSocket[])[];
  /** What is to be removed in the end. */
  readonly files: readonly OwnFile[];
  readonly pool: PoolSettings;
  /** Called once all workers serve. */
  onStarted(): void;
  /** Calls with each change that asks for a reload; gives back what ends that. */
  watch?(reload: () => void): () => void;
}

interface Worker {
  readonly process: WorkerProcess;
  readonly sockets: readonly SharedSocket[];
  /** Until then it is handed sockets, and nothing else is said to it. */
  isReady: boolean;
  use: PoolUse;
}

/** Keeps workers serving until a signal ends them; resolves with the exit code. */
export function supervise(supervision: Supervision): Promise<number> {
  return new Promise((resolve) => new Supervisor(supervision, resolve));
}

class Supervisor {
  readonly #supervision: Supervision;
  readonly #pool: WorkerPool;
  readonly #workers = new Map<number, Worker>();
  readonly #stops: (() => void)[] = [];
  /** What the workers had done that are no more. */
  #gone: PoolUse = sum([]);
  readonly #resolve: (exitCode: number) => void;
  /** Whether the workers know less of each other than could be said. */
  #isNews = false;
  #tickedMs: number = systemClock.now();

  constructor(supervision: Supervision, resolve: (exitCode: number) => void) {
    this.#supervision = supervision;
    this.#resolve = resolve;
    const pool = this.#pool = new WorkerPool(supervision.pool, {
      start: (id, place) => this.#start(id, place),
      drain: (id) => this.#workers.get(id)?.process.send({ drain: true }),
      kill: (id) => this.#workers.get(id)?.process.kill(),
      started: supervision.onStarted,
      wake: (afterMs) => void setTimeout(() => this.#advance(), afterMs),
      say: (what, id) =>
        errorLine(id === undefined ? what : `worker ${this.#workers.get(id)?.process.pid ?? ""} ${what}`),
      finished: (exitCode) => this.#finish(exitCode),
    });
    const reload = (): void => {
      this.#advance();
      pool.reload();
    };
    onSignals(() => void this.#stop(), (exitCode) => this.#killAll(exitCode), reload);
    const stopWatching = supervision.watch?.(reload);
    if (stopWatching !== undefined) this.#stops.push(stopWatching);
    this.#stops.push(systemClock.every(TICK_MS, () => this.#tick()), systemClock.keepAlive());
    pool.tick(0);
  }

  #start(id: number, place: number): void {
    const { command, sockets } = this.#supervision;
    const own = sockets[place]!;
    const child = startWorker(command, own, {
      onMessage: (message) => this.#received(id, message),
      onEnd: (exitCode, how) => this.#ended(id, exitCode, how),
    });
    this.#workers.set(id, { process: child, sockets: own, isReady: false, use: sum([]) });
  }

  /** What a worker says is believed of itself only: the application runs in it. */
  #received(id: number, message: unknown): void {
    const worker = this.#workers.get(id);
    if (worker === undefined || typeof message !== "object" || message === null) return;
    const { wants, ready, use } = message as Readonly<Record<string, unknown>>;
    this.#advance();
    if (typeof wants === "number" && wants in worker.sockets) {
      worker.process.handSocket(wants, { files: this.#supervision.files });
    }
    if (ready === true) {
      worker.isReady = true;
      this.#pool.ready(id);
      this.#share();
    }
    if (use === undefined) return;
    worker.use = readUse(use);
    this.#isNews = true;
    this.#pool.reported(id, worker.use);
  }

  #ended(id: number, exitCode: number | undefined, how: string): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    this.#advance();
    this.#pool.ended(id, exitCode, how);
    this.#workers.delete(id);
    const { requests, errors } = worker.use;
    this.#gone = sum([this.#gone, { requests, errors }]);
    this.#isNews = true;
  }

  #advance(): void {
    const nowMs = systemClock.now();
    const elapsedMs = nowMs - this.#tickedMs;
    this.#tickedMs = nowMs;
    // While this process was stopped it read no reports: that is no fault of the workers'.
    this.#pool.tick(Math.min(elapsedMs, 2 * TICK_MS));
  }

  #tick(): void {
    this.#advance();
    if (this.#isNews) this.#share();
  }

  /** Tells each worker about all others, since any of them may be asked about all. */
  #share(): void {
    const workers = [...this.#workers.values()].filter(({ isReady }) => isReady);
    const startedMs = performance.timeOrigin;
    this.#isNews = false;
    const all = sum([this.#gone, ...workers.map(({ use }) => use)]);
    for (const { process, use } of workers) {
      process.send({ others: { use: difference(all, use), workers: workers.length - 1, startedMs } satisfies Others });
    }
  }

  async #stop(): Promise<void> {
    // Who has connected to a unix socket by now is still accepted: the workers go on until nobody can.
    await Promise.all(this.#supervision.sockets.flat().map((socket) => socket.close()));
    this.#pool.stop();
  }

  #killAll(exitCode: number): void {
    for (const { process } of this.#workers.values()) process.kill();
    this.#finish(exitCode);
  }

  #finish(exitCode: number): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#resolve(exitCode);
  }
}

/** How often the pool hears of the time at least, in milliseconds. */
const TICK_MS = REPORT_MS;
