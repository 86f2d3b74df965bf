import { CoarseClock } from "../../src/connection/coarse_clock.ts";
import { assertEquals } from "../std/assert.ts";
import { TurnedClock } from "../turned_clock.ts";

/** A coarse clock, the clock behind it, and how often it has ticked. */
function scene(timeoutsMs: readonly number[]) {
  const turned = new TurnedClock();
  const counts = { ticks: 0, holds: 0 };
  const behind = {
    now: () => turned.now(),
    every: (periodMs: number, tick: () => void) => turned.every(periodMs, tick),
    keepAlive() {
      counts.holds++;
      return () => void counts.holds--;
    },
  };
  const clock = new CoarseClock(behind, timeoutsMs, () => void counts.ticks++);
  return { turned, clock, counts };
}

for (
  const [timeoutsMs, periodMs] of [
    [[60_000, 10_000], 1000],
    [[60_000, 400], 100],
    [[1, 60_000], 10],
    [[Infinity, Infinity], 1000],
  ] as const
) {
  Deno.test(`CoarseClock ticks every ${periodMs} ms for time-outs of ${timeoutsMs.join(" and ")} ms`, () => {
    const { turned, clock, counts } = scene(timeoutsMs);
    clock.start();
    clock.start();
    turned.turn(10 * periodMs);
    assertEquals([turned.periodsMs, counts.ticks], [[periodMs], 10]);
    clock.stop();
    turned.turn(10 * periodMs);
    assertEquals([turned.periodsMs, counts.ticks], [[], 10]);
  });
}

Deno.test("CoarseClock stands still while it is stopped", () => {
  const { turned, clock } = scene([1000]);
  turned.turn(5000);
  assertEquals(clock.nowMs, 0);
  clock.start();
  turned.turn(130);
  assertEquals(clock.nowMs, 130, "exact between two ticks");
  clock.stop();
  turned.turn(5000);
  assertEquals(clock.nowMs, 130);
  clock.start();
  turned.turn(1000);
  assertEquals(clock.nowMs, 1130);
  clock.stop();
});

Deno.test("CoarseClock counts two periods at most while the machine sleeps", () => {
  const { turned, clock } = scene([400]);
  clock.start();
  turned.skip(1_000_000);
  assertEquals(clock.nowMs, 200);
  turned.turn(100);
  assertEquals(clock.nowMs, 200, "and does not catch up");
  turned.turn(50);
  assertEquals(clock.nowMs, 250);
  clock.stop();
});

Deno.test("CoarseClock.after calls back once, or not at all", () => {
  const { turned, clock } = scene([1000]);
  const called: string[] = [];
  clock.after(5, () => void called.push("a"));
  clock.after(5, () => void called.push("b"))();
  turned.turn(50);
  assertEquals([called, turned.periodsMs], [["a"], []]);
});

Deno.test("CoarseClock keeps the process alive from the first hold to the last release", () => {
  const { clock, counts } = scene([1000]);
  assertEquals([clock.isHeld, counts.holds], [false, 0]);
  clock.hold();
  clock.hold();
  clock.release();
  assertEquals([clock.isHeld, counts.holds], [true, 1]);
  clock.release();
  assertEquals([clock.isHeld, counts.holds], [false, 0]);
  clock.stop();
});
