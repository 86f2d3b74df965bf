/** `webfcgi serve`: serves the application that a module exports. */

import process from "node:process";
import { serveCommanded } from "../serve.ts";
import type { Handler } from "../server/handler.ts";
import type { Handlers } from "../server/roles.ts";
import type { Server } from "../server/server.ts";
import type { ServeOptions } from "../server/server_options.ts";
import type { User } from "../runtime/user_names.ts";
import { findParent as findWorkersParent } from "../runtime/processes.ts";
import type { Arguments } from "./arguments.ts";
import { announce } from "./banner.ts";
import { childCommand } from "./child_command.ts";
import type { SERVE } from "./commands.ts";
import { surviveClosedOutput } from "./console.ts";
import { findEntry } from "./entry.ts";
import { EXIT, Failure, messageOf } from "./failure.ts";
import { type OwnFile, ownFile, removeFiles, writePid } from "./left_behind.ts";
import { findParent, type Parent, runChild } from "./parent.ts";
import { notifyReady } from "./notify.ts";
import { announceDoctor, loadServed, prepareDoctor } from "./served_application.ts";
import { listenFailure, poolSettings, serveOptions, type ServeOrder } from "./serve_options.ts";
import { statusOf } from "./served_status.ts";
import { drained, makeStop, onSignals, type Stop } from "./signals.ts";
import { keepWorkers } from "./keep_workers.ts";
import { becomeUser, giveFiles, userToBecome } from "./user.ts";
import { serveAsWorker } from "./worker.ts";
import type { PoolSettings } from "./worker_pool.ts";

const ROLES = ["fetch", "authorizer", "filter"] as const;

/** Serves until a signal ends it; resolves with the exit code. `args` are the arguments as they were written. */
export async function serveCommand(
  { values, operands }: Arguments<typeof SERVE.options>,
  args: readonly string[],
): Promise<number> {
  const options = serveOptions(values);
  const user = userToBecome(values.user);
  const entry = findEntry(operands[0]);
  const order: ServeOrder = { entry, args, values, options, user };
  await prepareDoctor(order);
  const pool = poolSettings(values);
  if (pool !== undefined) return await serveByWorkers(order, pool);
  const parent = findParent();
  const child = parent === undefined ? childCommand(entry, args, values.listen, user !== undefined) : undefined;
  if (child !== undefined) return await runChild(child.command, child.fds);
  return await serveHere(order, parent);
}

/** Serves by workers, of which this process may be one. */
async function serveByWorkers(order: ServeOrder, pool: PoolSettings): Promise<number> {
  const parent = findWorkersParent();
  if (parent === undefined) return await keepWorkers(order, pool);
  const { options, user } = order;
  return await serveAsWorker(parent, options, async () => {
    if (user !== undefined) becomeUser(user);
    return await loadServed(order);
  });
}

/** Serves in this process. */
async function serveHere(order: ServeOrder, parent: Parent | undefined): Promise<number> {
  const { entry, values, options, user } = order;
  surviveClosedOutput();
  const stop = parent?.stop ?? makeStop(onSignals);
  const files: OwnFile[] = [];
  // However the process ends, by an error or by the application's own doing.
  process.on("exit", () => removeFiles(files));
  const load = (): Promise<Partial<Handlers>> => Promise.race([loadServed(order), drained(stop).then(() => ({}))]);
  // As root nothing of the application is run: requests that come meanwhile wait for it.
  const application = user === undefined ? await load() : undefined;
  if (stop.drain.aborted) return EXIT.ok;
  let open!: (application: Partial<Handlers>) => void;
  const later = new Promise<Partial<Handlers>>((resolve) => open = resolve);
  const servers = await listen(options, application ?? waiting(later), stop);
  const close = (): Promise<unknown> => Promise.all(servers.map((server) => server.close()));
  try {
    files.push(...socketFiles(servers));
    if (values.pid !== undefined) files.push(writePid(values.pid, parent?.pid ?? process.pid));
    parent?.ready(files);
    if (user !== undefined) {
      leaveRoot(user, servers, values.group !== undefined);
      open(await load());
    }
    if (!values.quiet) announce(entry, servers.map(({ addr }) => addr));
    announceDoctor(order);
    notifyReady();
  } catch (error) {
    await close();
    throw error;
  }
  let exitCode: number = EXIT.ok;
  stop.end.then((code) => {
    exitCode = code;
    close();
  });
  await Promise.all(servers.map((server) => server.finished));
  return exitCode;
}

/** Listens on every address, or on none. @throws {Failure} If the options are wrong, or one cannot be listened on. */
async function listen(
  options: readonly ServeOptions[],
  handlers: Partial<Handlers>,
  stop: Stop,
): Promise<Server[]> {
  const servers: Server[] = [];
  const extraValue = statusOf(servers);
  try {
    for (const each of options) {
      const server = serveCommanded({ ...each, signal: stop.drain }, handlers, extraValue);
      servers.push(server);
      await server.ready;
    }
    return servers;
  } catch (error) {
    await Promise.allSettled(servers.map((server) => server.close()));
    throw listenFailure(error);
  }
}

/** The handlers of an application that is loaded later. */
function waiting(later: Promise<Partial<Handlers>>): Handlers {
  const handler = (role: typeof ROLES[number]): Handler => async (request, info) => {
    const handler = (await later)[role];
    if (handler === undefined) throw new Error(`The application has no ${role}`);
    return await handler(request, info);
  };
  return { fetch: handler("fetch"), authorizer: handler("authorizer"), filter: handler("filter") };
}

function socketFiles(servers: readonly Server[]): OwnFile[] {
  return servers.flatMap(({ addr }) =>
    addr.transport === "unix" && addr.path.startsWith("/") ? [ownFile(addr.path)] : []
  );
}

/** The sockets become the user's, as if it had made them; what it may not remove any more, the parent does. */
function leaveRoot(user: User, servers: readonly Server[], hasGroup: boolean): void {
  try {
    giveFiles(socketFiles(servers), user, hasGroup);
    becomeUser(user);
  } catch (error) {
    throw new Failure(EXIT.failed, `Cannot become user ${user.name}: ${messageOf(error)}`);
  }
}
