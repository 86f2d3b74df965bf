/**
 * Runs tests written for `Deno.test` on runtimes that have none.
 *
 * `Deno` is defined only while the test files load, and with nothing but `test`: the library must find the real runtime.
 */

import process from "node:process";
import { leftOpen, openHandles, pause } from "./open_handles.ts";

/** A test file and how to load it. */
export type TestFile = readonly [path: string, load: () => Promise<unknown>];

type TestFunction = (context: Context) => unknown;

interface TestOptions {
  readonly name?: string;
  readonly fn?: TestFunction;
  readonly ignore?: boolean;
  readonly sanitizeResources?: boolean;
  readonly timeout?: number;
}

interface RegisteredTest extends TestOptions {
  readonly name: string;
  readonly fn: TestFunction;
  readonly origin: string;
}

interface Context {
  readonly name: string;
  readonly origin: string;
  step(...definition: unknown[]): Promise<boolean>;
}

const timeoutMs = 60_000;

/** Loads the files, runs their tests, prints `N passed, N failed` and ends the process. */
export async function run(files: readonly TestFile[]): Promise<never> {
  const failures: string[] = [];
  const tests = await load(files, failures);
  const selected = tests.filter((test) => test.name.includes(process.argv[2] ?? ""));

  const stray: unknown[] = [];
  process.on("unhandledRejection", (reason) => stray.push(reason));
  process.on("uncaughtException", (error) => stray.push(error));

  let passed = 0;
  let ignored = 0;
  for (const test of selected) {
    if (test.ignore) {
      ignored++;
      continue;
    }
    const errors = [...await runOne(test), ...stray.splice(0)];
    if (errors.length === 0) passed++;
    else failures.push(`${test.name} (${test.origin})\n${errors.map(describe).join("\n")}`);
  }

  await pause();
  if (stray.length > 0) failures.push(`after the last test\n${stray.map(describe).join("\n")}`);
  if (passed + failures.length === 0) failures.push("no test ran");
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  if (ignored > 0) console.log(`${ignored} ignored`);
  console.log(`${passed} passed, ${failures.length} failed`);
  process.exit(failures.length === 0 ? 0 : 1);
}

async function load(files: readonly TestFile[], failures: string[]): Promise<RegisteredTest[]> {
  const tests: RegisteredTest[] = [];
  const real = Object.getOwnPropertyDescriptor(globalThis, "Deno");
  for (const [origin, loadFile] of files) {
    const register = (ignore: boolean) => (...definition: unknown[]): void => {
      const test = define(definition, origin);
      tests.push(ignore ? { ...test, ignore } : test);
    };
    const test = Object.assign(register(false), { ignore: register(true) });
    Object.defineProperty(globalThis, "Deno", { value: { test }, configurable: true });
    try {
      await loadFile();
    } catch (error) {
      failures.push(`loading ${origin}\n${describe(error)}`);
    }
  }
  delete (globalThis as { Deno?: unknown }).Deno;
  if (real) Object.defineProperty(globalThis, "Deno", real);
  return tests;
}

/** Reads the forms of `Deno.test`'s and `t.step`'s arguments: a name, options and a function, each of which may lack. */
function define(definition: readonly unknown[], origin: string): RegisteredTest {
  const test: { name?: string; fn?: TestFunction } = {};
  for (const part of definition) {
    if (typeof part === "string") test.name = part;
    else if (typeof part === "function") test.fn = part as TestFunction;
    else Object.assign(test, part);
  }
  const { fn } = test;
  const name = test.name ?? fn?.name;
  if (!name || !fn) {
    throw new TypeError(`Cannot define test: it needs a name and a function, got ${String(definition)}`);
  }
  return { ...test, name, fn, origin };
}

async function runOne(test: RegisteredTest): Promise<unknown[]> {
  const errors: unknown[] = [];
  await pause();
  const before = openHandles();
  if (!await settles(test, errors)) return errors;
  await pause();
  const left = test.sanitizeResources === false ? "" : await leftOpen(before);
  if (left !== "") errors.push(new Error(`the test left open: ${left}`));
  return errors;
}

/** Runs the test's function; `false` when it did not come to an end in time. */
async function settles(test: RegisteredTest, errors: unknown[]): Promise<boolean> {
  const limit = test.timeout ?? timeoutMs;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limit);
  });
  const inTime = await Promise.race([late, runBody(test, errors).then(() => true)]);
  clearTimeout(timer);
  if (!inTime) errors.push(new Error(`the test did not end within ${limit} ms`));
  return inTime;
}

async function runBody(test: RegisteredTest, errors: unknown[]): Promise<void> {
  const context: Context = {
    name: test.name,
    origin: test.origin,
    step: async (...definition) => {
      const step = define(definition, test.origin);
      if (step.ignore) return false;
      const failed: unknown[] = [];
      await runBody({ ...step, name: `${test.name} > ${step.name}` }, failed);
      errors.push(...failed);
      return failed.length === 0;
    },
  };
  try {
    await test.fn(context);
  } catch (error) {
    errors.push(error instanceof Error ? error : new Error(`${test.name} threw ${String(error)}`));
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `  ${String(error)}`;
  // The stack of Bun lacks the message, the stacks of Node carry it.
  const stack = error.stack ?? "";
  const text = stack.includes(error.message) ? stack : `${error.name}: ${error.message}\n${stack}`;
  const cause = error.cause === undefined ? "" : `\ncaused by\n${describe(error.cause)}`;
  return `  ${(text + cause).replaceAll("\n", "\n  ")}`;
}
