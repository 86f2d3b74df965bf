/**
 * A mutational fuzzer whose corpus grows with every input that makes something happen after something else for the
 * first time.
 *
 * What it does follows from the seed alone: the same seed tries the same inputs.
 */

import { Random } from "../protocol/random.ts";
import type { Target } from "./target.ts";
import { Coverage, Trace } from "./trace.ts";

/** Inputs above this length are tried once in `LONG_ONCE_IN` runs. */
const LONG = 1500;
const LONG_ONCE_IN = 2000;
const MAX_CORPUS = 6000;
/** Things held at a time to measure what they retain. */
const HELD = 300;

/** An input that shows a fault. */
export interface Finding {
  readonly target: string;
  readonly input: Uint8Array;
  readonly cutSeed: number;
  readonly error: unknown;
}

/** One target with its corpus. */
export class Fuzzer<Input> {
  readonly target: Target<Input>;
  runs = 0;
  readonly #random: Random;
  readonly #coverage: Coverage = new Coverage();
  readonly #corpus: Input[] = [];
  readonly #long: Input[] = [];

  /** Makes the fuzzer of a target; its seeds are read at once. */
  constructor(target: Target<Input>, seed: number) {
    this.target = target;
    this.#random = new Random(seed);
  }

  /** Inputs that it starts from. */
  get corpus(): number {
    return this.#corpus.length + this.#long.length;
  }

  /** Shapes of events that it has seen. */
  get features(): number {
    return this.#coverage.count;
  }

  /** Tries the seeds as they are. */
  seeds(): Finding | undefined {
    for (const input of this.target.seeds) {
      (this.target.length(input) > LONG ? this.#long : this.#corpus).push(input);
      for (const cutSeed of [1, 2, 3]) {
        const finding = this.#try(input, cutSeed);
        if (finding) return finding;
      }
    }
  }

  /** Tries `count` new inputs. */
  run(count: number): Finding | undefined {
    for (; count > 0; count--) {
      const input = this.#next();
      const finding = this.#try(input, this.#random.below(2 ** 31) + 1);
      if (finding) return finding;
    }
  }

  /** What 300 things retain of new inputs, in bytes each; undefined if the target holds nothing. */
  held(gc: () => void, used: () => number): number | undefined {
    const { target } = this;
    if (target.hold === undefined) return undefined;
    const inputs = Array.from({ length: HELD }, () => this.#next());
    const things: unknown[] = new Array(HELD);
    gc();
    const before = used();
    for (const [at, input] of inputs.entries()) things[at] = target.hold(input);
    gc();
    const bytes = (used() - before) / HELD;
    // Or they could be collected before they are measured.
    if (things.length !== HELD) throw new Error("unreachable");
    return bytes;
  }

  #next(): Input {
    const random = this.#random;
    const input = this.#pick();
    // The others of the corpus give short parts: no need for long ones.
    return this.target.mutate(input, this.#corpus[random.below(this.#corpus.length)]!, random);
  }

  #pick(): Input {
    const random = this.#random;
    if (this.#long.length > 0 && random.once(LONG_ONCE_IN)) return random.pick(this.#long);
    // What came last is the least tried.
    const from = random.once(3) ? Math.max(0, this.#corpus.length - 50) : 0;
    const one = this.#corpus[from + random.below(this.#corpus.length - from)]!;
    const other = this.#corpus[from + random.below(this.#corpus.length - from)]!;
    // Short ones are faster, and say as much.
    return this.target.length(one) <= this.target.length(other) ? one : other;
  }

  #try(input: Input, cutSeed: number): Finding | undefined {
    this.runs++;
    const trace = new Trace(this.#coverage);
    try {
      this.target.check(input, cutSeed, trace);
    } catch (error) {
      return minimise(this.target, input, cutSeed, error);
    }
    if (!trace.novel || this.target.length(input) > LONG) return;
    if (this.#corpus.length < MAX_CORPUS) this.#corpus.push(input);
    else this.#corpus[this.target.seeds.length + this.#random.below(MAX_CORPUS - this.target.seeds.length)] = input;
  }
}

/** Tries one input again. */
export function reproduce<Input>(target: Target<Input>, input: Uint8Array, cutSeed: number): Finding | undefined {
  try {
    target.check(target.fromBytes(input), cutSeed, new Trace());
  } catch (error) {
    return { target: target.name, input, cutSeed, error };
  }
}

/** What a fault is known by: numbers may differ. */
function faultOf(error: unknown): string {
  return String(error).replace(/\d+/g, "N");
}

/** Leaves out of the input what the fault does not need. */
function minimise<Input>(target: Target<Input>, input: Input, cutSeed: number, error: unknown): Finding {
  const fault = faultOf(error);
  // Byte by byte does for most that depend on cuts, and is the plainest.
  const cuts = cutSeed > 1 ? [1, cutSeed, 2, 3, 4, 5] : [cutSeed];
  let tries = 20_000;
  const fails = (input: Input): { cutSeed: number; error: unknown } | undefined => {
    for (const cutSeed of cuts) {
      tries--;
      try {
        target.check(input, cutSeed, new Trace());
      } catch (error) {
        if (faultOf(error) === fault) return { cutSeed, error };
      }
    }
  };
  let smallest = input;
  let best = { cutSeed, error };
  for (let found = true; found;) {
    found = false;
    for (const smaller of target.smaller(smallest)) {
      if (tries <= 0) break;
      const failure = fails(smaller);
      if (failure === undefined) continue;
      smallest = smaller;
      best = failure;
      found = true;
      break;
    }
  }
  return { target: target.name, input: target.toBytes(smallest), ...best };
}
