/**
 * A process that serves for `webfcgi serve --workers`: the worker's side.
 *
 * | message | from | meaning |
 * |---|---|---|
 * | `{ wants: number }` | worker | the application is there: now a socket is wanted, by its place in the options |
 * | `{ socket, files }` | parent | the socket, and what to remove should the parent go without having done so |
 * | `{ ready: true }` | worker | it serves |
 * | `{ use }` | worker | each second: what it has done; who reports nothing is taken to hang |
 * | `{ others }` | parent | what all other workers have done together |
 * | `{ drain: true }` | parent | end gracefully |
 */

import process from "node:process";
import { systemClock } from "../runtime/clock.ts";
import type { ParentProcess } from "../runtime/processes.ts";
import type { ListenOptions } from "../runtime/transport.ts";
import { serveHanded } from "../serve.ts";
import type { Handlers } from "../server/roles.ts";
import type { Server } from "../server/server.ts";
import type { ServeOptions } from "../server/server_options.ts";
import { surviveClosedOutput } from "./console.ts";
import { EXIT } from "./failure.ts";
import { type OwnFile, removeFiles } from "./left_behind.ts";
import { type PoolUse, REPORT_MS, sum } from "./pool_use.ts";
import { listenFailure } from "./serve_options.ts";
import { drained, makeStop, type Stop } from "./signals.ts";

/** What the parent does about these is its to decide; a terminal sends them to all. */
const IGNORED = ["SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR2"] as const;

/** Serves what `load` gives until the parent says otherwise, or has gone; resolves with the exit code. */
export async function serveAsWorker(
  parent: ParentProcess,
  options: readonly ServeOptions[],
  load: () => Promise<Partial<Handlers>>,
): Promise<number> {
  surviveClosedOutput();
  const servers: Server[] = [];
  const stopReporting = systemClock.every(REPORT_MS, () => parent.send({ use: useOf(servers) }));
  const { stop, next } = followParent(parent);
  const ended = drained(stop);
  try {
    const handlers = await Promise.race([load(), ended]);
    if (handlers === undefined) return EXIT.ok;
    for (const [at] of options.entries()) {
      const socket = next();
      parent.send({ wants: at });
      const where = await Promise.race([socket, ended]);
      if (where === undefined) break;
      servers.push(serveHanded(where, { ...options[at], signal: stop.drain }, handlers));
    }
    await Promise.all(servers.map((server) => server.ready)).catch((error) => Promise.reject(listenFailure(error)));
    parent.send({ ready: true });
    await Promise.all(servers.map((server) => server.finished));
    return EXIT.ok;
  } finally {
    stopReporting();
  }
}

/** Does what the parent says, and ends gracefully when it has gone; `next` gives the next socket that comes. */
function followParent(parent: ParentProcess): { stop: Stop; next: () => Promise<ListenOptions> } {
  let files: readonly OwnFile[] = [];
  let take: (socket: ListenOptions) => void;
  const stop = makeStop((drain) => {
    for (const signal of IGNORED) process.on(signal, () => {});
    process.on("SIGTERM", drain);
    parent.onMessage((message, socket) => {
      if (message.drain === true) drain();
      if (socket === undefined) return;
      files = message.files as readonly OwnFile[];
      take(socket);
    });
    parent.onGone(() => {
      removeFiles(files);
      drain();
    });
  });
  return { stop, next: () => new Promise((resolve) => take = resolve) };
}

/** What this worker has done and is doing. */
function useOf(servers: readonly Server[]): PoolUse {
  return sum([{ memoryBytes: process.memoryUsage.rss() }, ...servers.map((server) => server.stats())]);
}
