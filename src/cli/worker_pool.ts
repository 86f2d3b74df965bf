/**
 * Which workers to start, drain and kill, and when: decisions without I/O, made of what is reported and of the time.
 *
 * Each of `workers` places has one worker that serves. A new one is started for a place whose worker has gone, and beside
 * one that has old code or has done its share: once the new one is ready, the old one drains. One place at a time is
 * replaced, and the places are filled one after another until a worker has been ready once: what cannot start fails once.
 */

/** How many workers there are, and when one has done its share; `Infinity`: never. */
export interface PoolSettings {
  readonly workers: number;
  readonly maxRequests: number;
  readonly maxMemoryBytes: number;
  readonly maxAgeMs: number;
  /** Whether code that cannot start waits for other code, instead of ending everything. */
  readonly waitsForCode: boolean;
}

/** What is decided, to be done at once. */
export interface PoolActions {
  /** Starts a worker for a place. */
  start(id: number, place: number): void;
  /** Has it end once it has answered. */
  drain(id: number): void;
  /** Ends it at once. */
  kill(id: number): void;
  /** Lets time pass, by a call of `tick`, when this long has gone by. */
  wake(afterMs: number): void;
  /** All places are filled for the first time. */
  started(): void;
  /** Tells people what happened, to a worker if one is given. */
  say(what: string, id?: number): void;
  /** No worker is left, as was asked or because none could be started. */
  finished(exitCode: number): void;
}

/** What a worker reports. */
export interface WorkerUse {
  readonly requests: number;
  readonly memoryBytes: number;
}

/** How long a worker may take to load the application, in milliseconds. */
export const START_TIMEOUT_MS = 60_000;
/** How long a worker may report nothing, in milliseconds; it reports each ten seconds unless something keeps it from all. */
export const HANG_TIMEOUT_MS = 30_000;
/** How long a worker has to serve before its end counts as bad luck and no more as a start that failed, in milliseconds. */
export const SETTLED_MS = 1000;
/** How long a worker serves at least, whatever share it is to do, in milliseconds. */
export const MIN_SERVICE_MS = 10_000;
/** The wait after a failed start, doubled with each further one, in milliseconds. */
export const FIRST_DELAY_MS = 100;
/** The longest wait between starts, in milliseconds. */
export const MAX_DELAY_MS = 30_000;
/** By how much, up or down, workers' shares differ: they are not to end all at once. */
const JITTER = 0.1;

interface Worker {
  readonly place: number;
  /** The reload that it was started after. */
  readonly generation: number;
  readonly maxRequests: number;
  readonly maxAgeMs: number;
  phase: "starting" | "ready" | "draining";
  /** When it came to this phase. */
  sinceMs: number;
  reportedMs: number;
  use: WorkerUse;
}

/** The workers and what is to become of them; time stands still between two calls of `tick`. */
export class WorkerPool {
  readonly #settings: PoolSettings;
  readonly #actions: PoolActions;
  readonly #random: () => number;
  readonly #workers = new Map<number, Worker>();
  #nowMs = 0;
  #lastId = 0;
  #generation = 0;
  /** Code that could not start: it is not tried again beside workers that serve. */
  #failedGeneration = -1;
  /** Starts that failed, one after another, and when the next one may be. */
  readonly #backOff = { failures: 0, untilMs: 0 };
  /** Whether a worker has ever been ready. */
  #proven = false;
  #state: "starting" | "serving" | "reloading" | "ending" = "starting";
  #exitCode = 0;

  /** Makes a pool that starts its first worker with the first `tick`. */
  constructor(settings: PoolSettings, actions: PoolActions, random: () => number = Math.random) {
    this.#settings = settings;
    this.#actions = actions;
    this.#random = random;
  }

  /** Lets time pass. */
  tick(ms: number): void {
    this.#nowMs += ms;
    for (const [id, worker] of this.#workers) {
      const fault = this.#faultOf(worker);
      if (fault === undefined) continue;
      this.#actions.say(`${fault}, and is killed`, id);
      // Its end is reported soon; until then it is not killed again.
      worker.sinceMs = worker.reportedMs = this.#nowMs;
      this.#actions.kill(id);
    }
    this.#decide();
  }

  /** A worker serves. */
  ready(id: number): void {
    const worker = this.#workers.get(id);
    if (worker?.phase !== "starting") return;
    this.#enter(worker, "ready");
    this.#proven = true;
    for (const [other, { place, phase }] of this.#workers) {
      if (other !== id && place === worker.place && phase === "ready") this.#drain(other);
    }
    if (this.#state !== "ending" && this.#isComplete()) this.#completed();
    this.#decide();
  }

  /** A worker lives, and has done so much. */
  reported(id: number, use: WorkerUse): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    worker.reportedMs = this.#nowMs;
    worker.use = use;
  }

  /** A worker has ended, `how` for people. */
  ended(id: number, exitCode: number | undefined, how: string): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    this.#workers.delete(id);
    if (this.#state !== "ending") {
      if (worker.phase === "starting") this.#failed(id, worker, exitCode, how);
      if (worker.phase === "ready") this.#died(id, worker, how);
    }
    if (worker.phase === "draining" && exitCode !== 0) {
      this.#actions.say(`ended (${how}) before it had answered all its requests`, id);
    }
    this.#decide();
  }

  /** Replaces all workers by new ones, which load the code anew. */
  reload(): void {
    if (this.#state === "ending") return;
    this.#generation++;
    this.#backOff.failures = 0;
    this.#backOff.untilMs = 0;
    if (this.#state === "serving") this.#state = "reloading";
    this.#decide();
  }

  /** Ends all workers once they have answered. */
  stop(): void {
    this.#end(0);
    this.#decide();
  }

  #end(exitCode: number): void {
    if (this.#state === "ending") return;
    this.#state = "ending";
    this.#exitCode = exitCode;
    for (const [id, { phase }] of this.#workers) {
      if (phase === "ready") this.#drain(id);
      if (phase === "starting") this.#actions.kill(id);
    }
  }

  /** Fills empty places, and replaces the worker of one. */
  #decide(): void {
    if (this.#state === "ending") {
      if (this.#workers.size === 0) this.#actions.finished(this.#exitCode);
      return;
    }
    if (this.#nowMs < this.#backOff.untilMs) return;
    for (let place = 0; place < this.#settings.workers; place++) {
      const isUnproven = !this.#proven && this.#in("starting").length > 0;
      const isHopeless = this.#settings.waitsForCode && this.#failedGeneration === this.#generation;
      if (this.#at(place).length === 0 && !isUnproven && !isHopeless) this.#start(place);
    }
    if (this.#in("starting").length > 0) return;
    const worker = this.#in("ready").find((it) => this.#isOutdated(it)) ??
      this.#in("ready").find((it) => this.#isSpent(it));
    if (worker !== undefined) this.#start(worker.place);
  }

  #start(place: number): void {
    const id = ++this.#lastId;
    const factor = 1 - JITTER + 2 * JITTER * this.#random();
    this.#workers.set(id, {
      place,
      generation: this.#generation,
      maxRequests: this.#settings.maxRequests * factor,
      maxAgeMs: this.#settings.maxAgeMs * factor,
      phase: "starting",
      sinceMs: this.#nowMs,
      reportedMs: this.#nowMs,
      use: { requests: 0, memoryBytes: 0 },
    });
    this.#actions.start(id, place);
  }

  #drain(id: number): void {
    this.#enter(this.#workers.get(id)!, "draining");
    this.#actions.drain(id);
  }

  #enter(worker: Worker, phase: Worker["phase"]): void {
    worker.phase = phase;
    worker.sinceMs = this.#nowMs;
  }

  #failed(id: number, { place, generation }: Worker, exitCode: number | undefined, how: string): void {
    const { waitsForCode } = this.#settings;
    if (!this.#proven && !waitsForCode) return this.#end(exitCode || 1);
    // Newer code has come meanwhile.
    if (generation < this.#generation) return;
    const ready = this.#in("ready");
    const isReload = ready.some((it) => it.place === place && it.generation < generation);
    if (isReload || waitsForCode && ready.length === 0) {
      this.#failedGeneration = generation;
      this.#state = isReload ? "serving" : this.#state;
      const rest = isReload ? "the code is not reloaded, the old workers go on" : "waiting for other code";
      return this.#actions.say(`did not start (${how}); ${rest}`, id);
    }
    this.#delay();
    const seconds = (this.#backOff.untilMs - this.#nowMs) / 1000;
    this.#actions.say(`did not start (${how}); the next start is in ${seconds} s`, id);
  }

  #died(id: number, { sinceMs }: Worker, how: string): void {
    const hasServed = this.#nowMs - sinceMs >= SETTLED_MS;
    if (hasServed) this.#backOff.failures = 0;
    else this.#delay();
    this.#actions.say(`ended (${how}); another one is started`, id);
  }

  #delay(): void {
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#backOff.failures++);
    this.#backOff.untilMs = this.#nowMs + delayMs;
    this.#actions.wake(delayMs);
  }

  #completed(): void {
    if (this.#state === "starting") this.#actions.started();
    if (this.#state === "reloading") this.#actions.say("reloaded: all workers run the new code");
    this.#state = "serving";
  }

  /** Whether each place has a worker that serves, of the newest code. */
  #isComplete(): boolean {
    const ready = this.#in("ready").filter(({ generation }) => generation === this.#generation);
    return ready.length === this.#settings.workers;
  }

  #isOutdated({ generation }: Worker): boolean {
    return generation < this.#generation && this.#failedGeneration < this.#generation;
  }

  #isSpent({ sinceMs, use, maxRequests, maxAgeMs }: Worker): boolean {
    const ageMs = this.#nowMs - sinceMs;
    const hasDoneShare = use.requests >= maxRequests || use.memoryBytes >= this.#settings.maxMemoryBytes;
    return ageMs >= maxAgeMs || ageMs >= MIN_SERVICE_MS && hasDoneShare;
  }

  /** What makes a worker useless, if anything. */
  #faultOf({ phase, sinceMs, reportedMs }: Worker): string | undefined {
    if (this.#nowMs - reportedMs >= HANG_TIMEOUT_MS) {
      return `has not answered for ${HANG_TIMEOUT_MS / 1000} s`;
    }
    const isLate = phase === "starting" && this.#nowMs - sinceMs >= START_TIMEOUT_MS;
    return isLate ? `was not ready within ${START_TIMEOUT_MS / 1000} s` : undefined;
  }

  #at(place: number): Worker[] {
    return [...this.#workers.values()].filter((it) => it.place === place && it.phase !== "draining");
  }

  #in(phase: Worker["phase"]): Worker[] {
    return [...this.#workers.values()].filter((it) => it.phase === phase);
  }
}
