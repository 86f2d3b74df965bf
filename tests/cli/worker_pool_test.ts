import {
  FIRST_DELAY_MS,
  HANG_TIMEOUT_MS,
  MAX_DELAY_MS,
  MIN_SERVICE_MS,
  type PoolSettings,
  SETTLED_MS,
  START_TIMEOUT_MS,
  WorkerPool,
} from "../../src/cli/worker_pool.ts";
import { assertEquals } from "../std/assert.ts";

const ENDLESS: PoolSettings = {
  workers: 2,
  maxRequests: Infinity,
  maxMemoryBytes: Infinity,
  maxAgeMs: Infinity,
  waitsForCode: false,
};

/** A pool whose decisions are written down: `start 1 at 0`, `drain 1`, `kill 1`, `started`, `finished 0`, and what is said. */
class Play {
  readonly pool: WorkerPool;
  #decisions: string[] = [];

  constructor(settings: Partial<PoolSettings> = {}, random: () => number = () => 0.5) {
    const note = (text: string): void => void this.#decisions.push(text);
    this.pool = new WorkerPool(
      { ...ENDLESS, ...settings },
      {
        start: (id, place) => note(`start ${id} at ${place}`),
        drain: (id) => note(`drain ${id}`),
        kill: (id) => note(`kill ${id}`),
        wake: () => {},
        started: () => note("started"),
        say: (what, id) => note(`${id ?? "all"}: ${what}`),
        finished: (exitCode) => note(`finished ${exitCode}`),
      },
      random,
    );
    this.pool.tick(0);
  }

  /** A pool of two workers that serve, 1 and 2, settled. */
  static serving(settings: Partial<PoolSettings> = {}, random?: () => number): Play {
    const play = new Play(settings, random);
    play.pool.ready(1);
    if ((settings.workers ?? 2) > 1) play.pool.ready(2);
    play.pass(MIN_SERVICE_MS);
    play.decisions();
    return play;
  }

  /** Lets time pass, second by second, in which every worker reports. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 1000) {
      for (let id = 1; id < 50; id++) this.pool.reported(id, { requests: 0, memoryBytes: 0 });
      this.pool.tick(Math.min(left, 1000));
    }
  }

  /** What was decided since this was last asked. */
  decisions(): string[] {
    return this.#decisions.splice(0);
  }
}

Deno.test("WorkerPool starts one worker, and the others once that one is ready", () => {
  const play = new Play({ workers: 3 });
  assertEquals(play.decisions(), ["start 1 at 0"]);
  play.pool.ready(1);
  assertEquals(play.decisions(), ["start 2 at 1", "start 3 at 2"]);
  play.pool.ready(3);
  assertEquals(play.decisions(), []);
  play.pool.ready(2);
  assertEquals(play.decisions(), ["started"]);
});

Deno.test("WorkerPool gives up with the worker's exit code when the first one ends before it is ready", () => {
  for (const [exitCode, expected] of [[4, 4], [0, 1], [undefined, 1]] as const) {
    const play = new Play();
    play.decisions();
    play.pool.ended(1, exitCode, "exit code 4");
    assertEquals(play.decisions(), [`finished ${expected}`]);
  }
});

Deno.test("WorkerPool starts a worker at once in the place of one that has died", () => {
  const play = Play.serving();
  play.pool.ended(2, undefined, "SIGKILL");
  assertEquals(play.decisions(), ["2: ended (SIGKILL); another one is started", "start 3 at 1"]);
  // One that ends by itself is no better off.
  play.pool.ended(1, 0, "exit code 0");
  assertEquals(play.decisions(), ["1: ended (exit code 0); another one is started", "start 4 at 0"]);
});

Deno.test("WorkerPool waits longer after each worker that ends before it is ready, and for what has served no time", () => {
  const play = Play.serving({ workers: 1 });
  play.pool.ended(1, undefined, "SIGSEGV");
  play.decisions();
  for (let id = 2, delayMs = FIRST_DELAY_MS; id < 15; id++, delayMs = Math.min(2 * delayMs, MAX_DELAY_MS)) {
    play.pool.ended(id, 4, "exit code 4");
    assertEquals(play.decisions(), [`${id}: did not start (exit code 4); the next start is in ${delayMs / 1000} s`]);
    play.pass(delayMs - 1);
    assertEquals(play.decisions(), []);
    play.pass(1);
    assertEquals(play.decisions(), [`start ${id + 1} at 0`]);
  }
  play.pool.ready(15);
  play.pass(SETTLED_MS - 1);
  play.pool.ended(15, 1, "exit code 1");
  assertEquals(play.decisions(), ["15: ended (exit code 1); another one is started"]);
  play.pass(MAX_DELAY_MS);
  play.pool.ready(16);
  play.pass(SETTLED_MS);
  play.decisions();
  play.pool.ended(16, 1, "exit code 1");
  assertEquals(play.decisions(), ["16: ended (exit code 1); another one is started", "start 17 at 0"]);
});

Deno.test("WorkerPool replaces one worker after another at a reload, the new one being ready first", () => {
  const play = Play.serving();
  play.pool.reload();
  assertEquals(play.decisions(), ["start 3 at 0"]);
  play.pool.ready(3);
  assertEquals(play.decisions(), ["drain 1", "start 4 at 1"]);
  play.pool.ended(1, 0, "exit code 0");
  assertEquals(play.decisions(), []);
  play.pool.ready(4);
  assertEquals(play.decisions(), ["drain 2", "all: reloaded: all workers run the new code"]);
  play.pool.ended(2, 0, "exit code 0");
  play.pass(60_000);
  assertEquals(play.decisions(), []);
});

Deno.test("WorkerPool keeps the old workers when new code does not start, until the next reload", () => {
  const play = Play.serving();
  play.pool.reload();
  play.pool.ended(3, 4, "exit code 4");
  assertEquals(play.decisions(), [
    "start 3 at 0",
    "3: did not start (exit code 4); the code is not reloaded, the old workers go on",
  ]);
  play.pass(60_000);
  assertEquals(play.decisions(), []);
  play.pool.reload();
  play.pool.ready(4);
  play.pool.ready(5);
  assertEquals(play.decisions(), [
    "start 4 at 0",
    "drain 1",
    "start 5 at 1",
    "drain 2",
    "all: reloaded: all workers run the new code",
  ]);
});

Deno.test("WorkerPool loads the newest code when a reload comes during another one", () => {
  const play = Play.serving();
  play.pool.reload();
  play.pool.reload();
  play.pool.ready(3);
  assertEquals(play.decisions(), ["start 3 at 0", "drain 1", "start 4 at 1"]);
  play.pool.ready(4);
  // 3 has the code of the first reload.
  assertEquals(play.decisions(), ["drain 2", "start 5 at 0"]);
  play.pool.reload();
  play.pool.ended(5, 4, "exit code 4");
  assertEquals(play.decisions(), ["start 6 at 0"]);
  play.pool.ready(6);
  play.pool.ready(7);
  assertEquals(play.decisions(), [
    "drain 3",
    "start 7 at 1",
    "drain 4",
    "all: reloaded: all workers run the new code",
  ]);
});

Deno.test("WorkerPool fills the place of a worker that dies during a reload with the new code", () => {
  const play = Play.serving();
  play.pool.reload();
  play.pool.ended(2, undefined, "SIGKILL");
  play.pool.ready(3);
  play.pool.ready(4);
  assertEquals(play.decisions(), [
    "start 3 at 0",
    "2: ended (SIGKILL); another one is started",
    "start 4 at 1",
    "drain 1",
    "all: reloaded: all workers run the new code",
  ]);
});

Deno.test("WorkerPool replaces workers by requests, memory and age, one at a time", () => {
  const play = Play.serving({ maxRequests: 100, maxMemoryBytes: 1000, maxAgeMs: 60_000 });
  play.pool.reported(2, { requests: 100, memoryBytes: 0 });
  play.pool.reported(1, { requests: 0, memoryBytes: 1000 });
  play.pool.tick(1);
  assertEquals(play.decisions(), ["start 3 at 0"]);
  play.pool.tick(1);
  play.pool.ready(3);
  assertEquals(play.decisions(), ["drain 1", "start 4 at 1"]);
  play.pool.ready(4);
  assertEquals(play.decisions(), ["drain 2"]);
  // Not at once again, whatever they have done: a limit may be less than any worker needs.
  play.pool.reported(3, { requests: 100, memoryBytes: 1000 });
  play.pool.tick(1);
  assertEquals(play.decisions(), []);
  play.pass(60_000);
  assertEquals(play.decisions(), ["start 5 at 0"]);
});

Deno.test("WorkerPool makes workers' shares differ", () => {
  const shares = [0, 0.999];
  const play = Play.serving({ maxRequests: 1000 }, () => shares.shift() ?? 0.5);
  for (const requests of [899, 901, 1098]) {
    play.pool.reported(1, { requests, memoryBytes: 0 });
    play.pool.reported(2, { requests, memoryBytes: 0 });
    play.pool.tick(1);
    if (requests === 901) play.pool.ready(3);
    assertEquals(play.decisions(), requests === 901 ? ["start 3 at 0", "drain 1"] : []);
  }
});

Deno.test("WorkerPool keeps a worker that has done its share while no other one starts", () => {
  const play = Play.serving({ maxRequests: 100 });
  play.pool.reported(1, { requests: 100, memoryBytes: 0 });
  play.pool.tick(1);
  play.pool.ended(3, 1, "exit code 1");
  assertEquals(play.decisions(), [
    "start 3 at 0",
    "3: did not start (exit code 1); the next start is in 0.1 s",
  ]);
  play.pool.tick(100);
  assertEquals(play.decisions(), ["start 4 at 0"]);
});

Deno.test("WorkerPool kills a worker that reports nothing, and starts another one", () => {
  const play = Play.serving();
  play.pool.reported(2, { requests: 0, memoryBytes: 0 });
  for (let ms = 0; ms < HANG_TIMEOUT_MS; ms += 1000) {
    assertEquals(play.decisions(), []);
    play.pool.reported(1, { requests: 0, memoryBytes: 0 });
    play.pool.tick(1000);
  }
  assertEquals(play.decisions(), ["2: has not answered for 30 s, and is killed", "kill 2"]);
  play.pool.tick(1000);
  play.pool.ended(2, undefined, "SIGKILL");
  assertEquals(play.decisions(), ["2: ended (SIGKILL); another one is started", "start 3 at 1"]);
});

Deno.test("WorkerPool kills a worker that is not ready in time", () => {
  const play = Play.serving({ workers: 1 });
  play.pool.reload();
  play.pass(START_TIMEOUT_MS);
  play.pool.ended(2, undefined, "SIGKILL");
  assertEquals(play.decisions(), [
    "start 2 at 0",
    "2: was not ready within 60 s, and is killed",
    "kill 2",
    "2: did not start (SIGKILL); the code is not reloaded, the old workers go on",
  ]);
});

Deno.test("WorkerPool drains what serves and kills what does not when it is stopped", () => {
  const play = Play.serving();
  play.pool.reload();
  play.decisions();
  play.pool.stop();
  play.pool.stop();
  assertEquals(play.decisions(), ["drain 1", "drain 2", "kill 3"]);
  play.pool.reload();
  play.pool.ready(3);
  play.pool.ended(3, undefined, "SIGKILL");
  play.pool.ended(1, 0, "exit code 0");
  assertEquals(play.decisions(), []);
  play.pool.ended(2, 0, "exit code 0");
  assertEquals(play.decisions(), ["finished 0"]);
});

Deno.test("WorkerPool still kills a worker that hangs while it drains", () => {
  const play = Play.serving({ workers: 1 });
  play.pool.stop();
  play.decisions();
  play.pool.tick(HANG_TIMEOUT_MS);
  assertEquals(play.decisions(), ["1: has not answered for 30 s, and is killed", "kill 1"]);
});

Deno.test("WorkerPool says when a worker ends otherwise than by draining", () => {
  const play = Play.serving({ workers: 1 });
  play.pool.reload();
  play.pool.ready(2);
  play.decisions();
  play.pool.ended(1, undefined, "SIGKILL");
  assertEquals(play.decisions(), ["1: ended (SIGKILL) before it had answered all its requests"]);
});

Deno.test("WorkerPool waits for other code where it is to be watched", () => {
  const play = new Play({ waitsForCode: true });
  play.pool.ended(1, 4, "exit code 4");
  assertEquals(play.decisions(), ["start 1 at 0", "1: did not start (exit code 4); waiting for other code"]);
  play.pass(60_000);
  assertEquals(play.decisions(), []);
  play.pool.reload();
  play.pool.ready(2);
  play.pool.ready(3);
  assertEquals(play.decisions(), ["start 2 at 0", "start 3 at 1", "started"]);
  play.pool.stop();
  play.pool.ended(2, 0, "exit code 0");
  play.pool.ended(3, 0, "exit code 0");
  assertEquals(play.decisions(), ["drain 2", "drain 3", "finished 0"]);
});
