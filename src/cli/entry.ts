/** The user's application: where its module is, and which handlers it exports. */

import { existsSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type { Handler } from "../server/handler.ts";
import type { Handlers } from "../server/roles.ts";
import { LOADING } from "../serve.ts";
import { EXIT, Failure } from "./failure.ts";
import { loadErrorText } from "./load_error.ts";

const NAMES = ["server", "main", "app", "index"];
const EXTENSIONS = [".ts", ".mts", ".js", ".mjs"];
const ROLES = ["fetch", "authorizer", "filter"] as const;
const WRAPPER = 'wrap it: import { toFetchHandler } from "srvx/node"; export default { fetch: toFetchHandler';

/** The path of the application's module. @throws {Failure} If there is none. */
export function findEntry(given: string | undefined): string {
  const path = resolve(given ?? ".");
  const kind = kindOf(path);
  if (kind === "file") return path;
  if (kind === "folder") {
    for (const name of NAMES) {
      for (const extension of EXTENSIONS) {
        const entry = join(path, name + extension);
        if (kindOf(entry) === "file") return entry;
      }
    }
    const where = given === undefined ? "here" : `in ${given}`;
    throw missing(
      `there is no ${NAMES.join(", ")} with ${EXTENSIONS.join(", ")} ${where}; name the application's file`,
    );
  }
  const meant = EXTENSIONS.find((extension) => existsSync(path + extension));
  throw missing(
    meant === undefined
      ? `there is no file ${given}; name the application's file`
      : `there is no file ${given}; did you mean ${given}${meant}?`,
  );
}

/** Loads the application. @throws {Failure} If its module fails, or exports no handler. */
export async function loadApplication(path: string): Promise<Partial<Handlers>> {
  const name = basename(path);
  // Node ends, with 0, a process that waits for nothing but a module that never finishes.
  const onExit = (): void => {
    process.exitCode = EXIT.entry;
    process.stderr.write(`webfcgi: Cannot load ${name}: it awaits at its top level what never comes\n`);
  };
  process.once("exit", onExit);
  let module: Readonly<Record<string, unknown>>;
  Object.defineProperty(globalThis, LOADING, { value: true, configurable: true });
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new Failure(EXIT.entry, `Cannot load ${name}: ${loadErrorText(error)}`, { cause: error });
  } finally {
    process.off("exit", onExit);
    Reflect.deleteProperty(globalThis, LOADING);
  }
  return findHandlers(module, name);
}

/** Takes the handlers out of a module. @throws {Failure} If there is none. */
export function findHandlers(module: Readonly<Record<string, unknown>>, name: string): Partial<Handlers> {
  const main = mainExport(module);
  if (typeof main === "function" && !isNodeStyle(main) && !hasFetch(main)) {
    return { ...otherHandlers(module), fetch: main as Handler };
  }
  const handlers: Partial<Handlers> = {};
  for (const role of ROLES) {
    for (const owner of [main, module]) {
      const handler = (owner as Record<string, unknown> | null | undefined)?.[role];
      if (typeof handler !== "function" || handlers[role] !== undefined) continue;
      // Frameworks' own methods need their `this`.
      handlers[role] = (request, info) => handler.call(owner, request, info);
    }
  }
  if (Object.keys(handlers).length > 0) return handlers;
  throw new Failure(EXIT.entry, `${name} ${handlerFault(main)}`);
}

/** The default export; of a CommonJS module that a compiler made, what it calls so. */
function mainExport({ default: given }: Readonly<Record<string, unknown>>): unknown {
  const { __esModule: isCompiled, default: compiled } = Object(given) as Record<string, unknown>;
  return isCompiled === true ? compiled : given;
}

function otherHandlers(module: Readonly<Record<string, unknown>>): Partial<Handlers> {
  const handlers: Partial<Handlers> = {};
  for (const role of ["authorizer", "filter"] as const) {
    if (typeof module[role] === "function") handlers[role] = module[role] as Handler;
  }
  return handlers;
}

function hasFetch(value: unknown): boolean {
  return typeof (value as { readonly fetch?: unknown } | null | undefined)?.fetch === "function";
}

/** Whether it is an application for `node:http`: Express, Koa, Fastify, a server, or a function of (req, res). */
function isNodeStyle(value: unknown): boolean {
  if (hasFetch(value)) return false;
  const { listen, callback } = Object(value) as Readonly<Record<string, unknown>>;
  if (typeof listen === "function" || typeof callback === "function") return true;
  // Never by the number of parameters, which ours have as well: by the name that everyone gives the second.
  return typeof value === "function" && /^[^(]*\(?\s*\w+\s*,\s*(?:res|response)\s*[,)]/.test(String(value));
}

function handlerFault(main: unknown): string {
  if (isNodeStyle(main)) {
    const { callback } = Object(main) as Readonly<Record<string, unknown>>;
    const wrapped = typeof callback === "function" ? "(app.callback())" : "(app)";
    return `exports an application for node:http, (req, res); ${WRAPPER}${wrapped} }`;
  }
  const remedy = 'write export default { fetch: (request) => new Response("Hello") }';
  if (main instanceof Promise) return `exports a promise; write export default await …`;
  if (main === undefined) return `exports no handler; ${remedy}`;
  return `has a default export that is ${
    typeof main === "object" ? "an object without fetch" : `a ${typeof main}`
  }; ${remedy}`;
}

function kindOf(path: string): "file" | "folder" | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() ? "file" : stats.isDirectory() ? "folder" : undefined;
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw missing(`${path} cannot be looked at: ${(error as Error).message}`);
  }
}

function missing(message: string): Failure {
  return new Failure(EXIT.entry, `Cannot load the application: ${message}`);
}
