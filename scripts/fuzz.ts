/**
 * Feeds the pure parts of the library with inputs near to real ones until time is up or one breaks an invariant.
 *
 * ```sh
 * deno task fuzz [--seconds=60 | --runs=1000000] [--seed=1] [--target=application]
 * deno task fuzz --target=application --input=0101 [--cut=1]   # what a failure prints: one input again
 * node --expose-gc scripts/fuzz.ts                             # the same on Node or Bun, whose engines differ
 * ```
 */

import process from "node:process";
import { type Finding, Fuzzer, reproduce } from "../tests/fuzz/fuzzer.ts";
import type { Target } from "../tests/fuzz/target.ts";
import { targets } from "../tests/fuzz/targets.ts";
import { option } from "./option.ts";

/** Runs of a target at a time, for each unit of its weight. */
const BATCH = 2000;
/** Memory is measured each time that so many runs have been made. */
const MEASURE_EVERY = 2_000_000;

interface Settings {
  readonly seed: number;
  readonly runs: number;
  readonly seconds: number;
  readonly only: string | undefined;
}

interface Tried {
  readonly runs: number;
  readonly seconds: number;
  readonly finding: Finding | undefined;
  readonly fuzzers: readonly Fuzzer<unknown>[];
}

/** Tries all targets in turn. */
function fuzz(targets: readonly Target<unknown>[], { seed, runs, seconds, only }: Settings): Tried {
  const chosen = targets.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new RangeError(`--target is none of ${targets.map(({ name }) => name).join(", ")}`);
  const fuzzers = chosen.map((target, at) => new Fuzzer(target, seed * 31 + at));
  const collect = (globalThis as { gc?: () => void }).gc;
  // Twice: the first leaves the memory of buffers to a thread of its own.
  const gc = collect && ((): void => (collect(), collect()));
  if (gc === undefined) console.log("memory is not measured: run with --expose-gc (Deno: --v8-flags=--expose-gc)");
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  const sum = (): number => fuzzers.reduce((sum, fuzzer) => sum + fuzzer.runs, 0);
  const tried = (finding?: Finding): Tried => ({ runs: sum(), seconds: elapsed(), finding, fuzzers });

  // Most inputs end with an error, and a stack costs more than all the rest.
  Error.stackTraceLimit = 0;
  for (const fuzzer of fuzzers) {
    const finding = fuzzer.seeds();
    if (finding) return tried(finding);
  }
  let measureAt = BATCH;
  while (sum() < runs && elapsed() < seconds) {
    for (const fuzzer of fuzzers) {
      const finding = fuzzer.run(Math.min(fuzzer.target.weight * BATCH, runs - sum()));
      if (finding) return tried(finding);
    }
    if (gc !== undefined && sum() >= measureAt) {
      measureAt = sum() + MEASURE_EVERY;
      for (const fuzzer of fuzzers) measure(fuzzer, gc);
    }
  }
  if (gc !== undefined) { for (const fuzzer of fuzzers) measure(fuzzer, gc); }
  return tried();
}

/** @throws {Error} If what a target holds on to is more than its limits allow. */
function measure(fuzzer: Fuzzer<unknown>, gc: () => void): void {
  const used = (): number => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const { name, maxHeldBytes = 0 } = fuzzer.target;
  // What else moved meanwhile does not move three times.
  const measured = [1, 2, 3].map(() => fuzzer.held(gc, used) ?? 0);
  const bytes = Math.round(Math.min(...measured));
  if (bytes > maxHeldBytes) {
    throw new Error(`${name} retains ${bytes} bytes a connection, more than its limits' ${maxHeldBytes}`);
  }
}

function reproduceFinding(
  targets: readonly Target<unknown>[],
  { target, input, cutSeed }: Finding,
): Finding | undefined {
  return reproduce(targets.find(({ name }) => name === target)!, input, cutSeed);
}

function number(name: string, fallback: number): number {
  const value = Number(option(name) ?? fallback);
  if (!(value >= 0)) throw new RangeError(`--${name} is ${option(name)}, not a number`);
  return value;
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function show({ target, input, cutSeed, error }: Finding): void {
  console.log(`FAILED ${target}:`, error);
  console.log(`again: deno task fuzz --target=${target} --cut=${cutSeed} --input=${toHex(input)}`);
}

if (import.meta.main) {
  const input = option("input");
  const runs = number("runs", Infinity);
  const settings = {
    seed: number("seed", Math.floor(Math.random() * 1e9)),
    runs,
    seconds: number("seconds", runs === Infinity ? 60 : Infinity),
    only: option("target"),
  };
  let finding: Finding | undefined;
  if (input !== undefined) {
    const target = targets.find(({ name }) => name === settings.only);
    if (target === undefined) throw new RangeError("--input needs its --target");
    finding = reproduce(target, fromHex(input), number("cut", 1));
  } else {
    console.log(`seed ${settings.seed}`);
    const tried = fuzz(targets, settings);
    for (const { target, runs, corpus, features } of tried.fuzzers) {
      console.log(`${target.name}: ${runs} runs, ${corpus} inputs in the corpus, ${features} features`);
    }
    const { runs, seconds } = tried;
    console.log(`${runs} runs in ${seconds.toFixed(1)} s, ${Math.round(runs / seconds)} a second`);
    finding = tried.finding;
  }
  // Once more, for the stack.
  Error.stackTraceLimit = 20;
  if (finding) finding = reproduceFinding(targets, finding) ?? finding;
  if (finding) show(finding);
  console.log(finding ? "0 passed, 1 failed" : "1 passed, 0 failed");
  process.exitCode = finding ? 1 : 0;
}
