/**
 * A slow log: requests that have taken too long, as soon as they have, and again when they end.
 *
 * ```ts ignore
 * const slow = slowLog(2000, console.warn);
 * serve({ onFinish: slow.onFinish }, slow.watch(handler));
 * ```
 */

import type { FinishedRequest, FinishHandler, Handler, HandlerInfo } from "@webfcgi/webfcgi";

/** What a slow log gives to a server. */
export interface SlowLog {
  /** Makes a handler that is watched. */
  watch(handler: Handler): Handler;
  readonly onFinish: FinishHandler;
}

/** Makes a slow log that writes a line when a request has taken so many milliseconds. */
export function slowLog(slowMs: number, write: (line: string) => void): SlowLog {
  const timers = new Map<HandlerInfo, ReturnType<typeof setTimeout>>();
  const late = new WeakSet<HandlerInfo>();
  const what = (info: HandlerInfo): string =>
    `${JSON.stringify(info.params.get("REQUEST_METHOD"))} ${JSON.stringify(info.requestUri)}`;
  return {
    watch: (handler) => (request, info) => {
      const report = (): void => {
        late.add(info);
        write(`slow: ${what(info)} has taken ${slowMs} ms so far`);
      };
      timers.set(info, setTimeout(report, slowMs));
      return handler(request, info);
    },
    onFinish({ info, outcome, startTime, headTime, endTime }: FinishedRequest): void {
      clearTimeout(timers.get(info));
      timers.delete(info);
      // A timer may go off a fraction of a millisecond early.
      if (!late.has(info) && endTime - startTime < slowMs) return;
      const [all, head] = [endTime, headTime ?? endTime].map((time) => Math.round(time - startTime));
      write(`slow: ${what(info)} took ${all} ms, ${head} ms until its head, ${outcome}`);
    },
  };
}
