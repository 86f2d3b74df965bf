/** `webfcgi serve --workers`, the parent's side: what it owns while workers serve. */

import process from "node:process";
import { warnOf } from "../listen.ts";
import { inheritedFd } from "../runtime/inherited_fd.ts";
import { openSharedSocket, type SharedSocket } from "../runtime/shared_socket.ts";
import type { ListenOptions } from "../runtime/transport.ts";
import { resolvePlace } from "../server/listen_options.ts";
import { resolveSettings, type ServeOptions } from "../server/server_options.ts";
import { announce } from "./banner.ts";
import { hasAllPermissions, serveCommandLine } from "./child_command.ts";
import { surviveClosedOutput } from "./console.ts";
import { EXIT, Failure } from "./failure.ts";
import { type OwnFile, ownFile, removeFiles, writePid } from "./left_behind.ts";
import { notifyReady } from "./notify.ts";
import { listenFailure, optionsOfPlace, type ServeOrder } from "./serve_options.ts";
import { announceDoctor } from "./served_application.ts";
import { supervise } from "./supervisor.ts";
import { giveFiles } from "./user.ts";
import { watchCode } from "./watch.ts";
import type { PoolSettings } from "./worker_pool.ts";

/** Has workers serve an entry until a signal ends them; resolves with the exit code. */
export async function keepWorkers(
  { entry, args, values, options, user }: ServeOrder,
  pool: PoolSettings,
): Promise<number> {
  if (!hasAllPermissions()) {
    throw new Failure(EXIT.failed, "Cannot start workers: Deno needs --allow-all; or serve without workers");
  }
  surviveClosedOutput();
  const files: OwnFile[] = [];
  process.on("exit", () => removeFiles(files));
  const sockets = await openSockets(options, pool.workers, files);
  if (user !== undefined) giveFiles(files, user, values.group !== undefined);
  if (values.pid !== undefined) files.push(writePid(values.pid, process.pid));
  const addrs = [...new Set(sockets.flat())].map(({ addr }) => addr);
  return await supervise({
    command: serveCommandLine(entry, args),
    sockets,
    files,
    pool,
    onStarted() {
      if (!values.quiet) announce(entry, addrs, pool.workers);
      announceDoctor({ values });
      notifyReady();
    },
    ...(values.watch ? { watch: (reload) => watchCode(entry, reload) } : {}),
  });
}

/** The sockets of each place; those without a place's number are the same for all. Notes their files. */
async function openSockets(
  options: readonly ServeOptions[],
  workers: number,
  files: OwnFile[],
): Promise<SharedSocket[][]> {
  const open = new Map<string, SharedSocket>();
  const places = Array.from({ length: workers }, (_, place) => optionsOfPlace(options, place));
  for (const each of places.flat()) {
    const key = each.address ?? "";
    if (!open.has(key)) open.set(key, await openSocket(each, files));
  }
  return places.map((each) => each.map(({ address }) => open.get(address ?? "")!));
}

async function openSocket(options: ServeOptions, files: OwnFile[]): Promise<SharedSocket> {
  try {
    const place = resolvePlace(options);
    const settings = resolveSettings(options);
    const inherited = place.named ? undefined : inheritedFd();
    const where: ListenOptions = inherited === undefined ? place.where : { fd: inherited };
    const socket = await openSharedSocket(where);
    const { addr } = socket;
    if (addr.transport === "unix" && !addr.path.startsWith("\0")) files.push(ownFile(addr.path));
    warnOf(addr, place, settings);
    return socket;
  } catch (error) {
    throw listenFailure(error);
  }
}
