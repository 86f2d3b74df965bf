/** Waiting, which always has a bound. */

/** How long a test waits for anything, in milliseconds, unless it says otherwise. */
export const MAX_WAIT_MS = 10_000;

/** How often {@linkcode until} looks, in milliseconds. */
export const UNTIL_MS = 2;

/** Waits for a promise; rejects when it takes too long. */
export async function bounded<T>(promise: PromiseLike<T>, what: string, ms: number = MAX_WAIT_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until a condition holds of which nothing gives notice. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  ms: number = MAX_WAIT_MS,
): Promise<void> {
  for (const deadline = Date.now() + ms; !await holds();) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(UNTIL_MS);
  }
}

/** Lets time pass. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A promise that the test settles. */
export interface Gate<T> {
  readonly promise: Promise<T>;
  readonly open: (value: T) => void;
}

/** Makes a promise that the test settles. */
export function gate<T = void>(): Gate<T> {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => open = resolve);
  return { promise, open };
}
