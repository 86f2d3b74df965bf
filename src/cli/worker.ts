/**
 * A process that serves for `webfcgi serve --workers`: the worker's side.
 *
 * | message | from | meaning |
 * |---|---|---|
 * | `{ wants: number }` | worker | the application is there: now a socket is wanted, by its place in the options |
 * | `{ socket, files }` | parent | the socket, and what to remove should the parent go without having done so |
 * | `{ ready: true }` | worker | it serves |
 * | `{ use }` | worker | what it has done: each second, each ten if that is nothing; who reports nothing is taken to hang |
 * | `{ others }` | parent | what all other workers have done together, each second in which that changes |
 * | `{ drain: true }` | parent | end gracefully |
 */

import process from "node:process";
import { systemClock } from "../runtime/clock.ts";
import type { ParentProcess } from "../runtime/processes.ts";
import type { ListenOptions } from "../runtime/transport.ts";
import { serveCommanded } from "../serve.ts";
import type { Handlers } from "../server/roles.ts";
import type { Server } from "../server/server.ts";
import type { ServeOptions } from "../server/server_options.ts";
import { surviveClosedOutput } from "./console.ts";
import { EXIT } from "./failure.ts";
import { type OwnFile, removeFiles } from "./left_behind.ts";
import { MAX_SILENT_MS, type Others, REPORT_MS, useOf } from "./pool_use.ts";
import { listenFailure } from "./serve_options.ts";
import { statusOf } from "./served_status.ts";
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
  const stopReporting = startReporting(parent, servers);
  const { stop, next, others } = followParent(parent);
  const ended = drained(stop);
  try {
    const handlers = await Promise.race([load(), ended]);
    if (handlers === undefined) return EXIT.ok;
    for (let at = 0; at < options.length; at++) {
      const socket = next();
      parent.send({ wants: at });
      const where = await Promise.race([socket, ended]);
      if (where === undefined) break;
      servers.push(serveCommanded({ ...options[at], signal: stop.drain }, handlers, statusOf(servers, others), where));
    }
    await Promise.all(servers.map((server) => server.ready)).catch((error) => Promise.reject(listenFailure(error)));
    parent.send({ ready: true });
    await Promise.all(servers.map((server) => server.finished));
    return EXIT.ok;
  } finally {
    stopReporting();
  }
}

/** Reports what has been done, and now and then that nothing has been; gives back what ends that. */
function startReporting(parent: ParentProcess, servers: readonly Server[]): () => void {
  let last = "";
  let silentMs = 0;
  return systemClock.every(REPORT_MS, () => {
    const use = useOf(servers);
    const { memoryBytes: _, ...counts } = use;
    const text = JSON.stringify(counts);
    silentMs += REPORT_MS;
    if (text === last && silentMs < MAX_SILENT_MS) return;
    last = text;
    silentMs = 0;
    parent.send({ use });
  });
}

/** Does what the parent says, and ends gracefully when it has gone; `next` gives the next socket that comes. */
function followParent(
  parent: ParentProcess,
): { stop: Stop; next: () => Promise<ListenOptions>; others: () => Others | undefined } {
  let others: Others | undefined;
  let files: readonly OwnFile[] = [];
  let take: (socket: ListenOptions) => void;
  const stop = makeStop((drain) => {
    for (const signal of IGNORED) process.on(signal, () => {});
    process.on("SIGTERM", drain);
    parent.onMessage((message, socket) => {
      if (message.drain === true) drain();
      if (message.others !== undefined) others = message.others as Others;
      if (socket === undefined) return;
      files = message.files as readonly OwnFile[];
      take(socket);
    });
    parent.onGone(() => {
      removeFiles(files);
      drain();
    });
  });
  return { stop, next: () => new Promise((resolve) => take = resolve), others: () => others };
}
