/** The options of `serve` (the function) that a command line of `serve` (the command) means. */

import { availableParallelism } from "node:os";
import type { ServeOptions } from "../server/server_options.ts";
import { nearest, show } from "../options.ts";
import { type Address, parseAddress } from "../runtime/address.ts";
import { readCount, readSize, readTime, type Values } from "./arguments.ts";
import type { SERVE } from "./commands.ts";
import { EXIT, Failure, messageOf } from "./failure.ts";
import { logFormat, loggedRequest, requestLogger } from "./request_log.ts";
import type { User } from "../runtime/user_names.ts";
import type { PoolSettings } from "./worker_pool.ts";

/** The values of a command line of `serve`. */
export type ServeValues = Values<typeof SERVE.options>;

/** What a command line of `serve` asks for. */
export interface ServeOrder {
  /** The path of the application's module. */
  readonly entry: string;
  /** As they were written. */
  readonly args: readonly string[];
  readonly values: ServeValues;
  /** What they mean to `serve`, for each address. */
  readonly options: readonly ServeOptions[];
  /** Who the process is to become, if anybody else. */
  readonly user: User | undefined;
}

/** In an address: the number of the worker, from 1. */
const PLACE = "%n";
const MAX_WORKERS = 1024;

/** Every limit of `serve`, and how its value is read. */
const LIMITS = {
  maxConnections: readCount,
  maxRequests: readCount,
  maxParamsBytes: readSize,
  maxBodyBytes: readSize,
  headTimeoutMs: readTime,
  bodyTimeoutMs: readTime,
  writeTimeoutMs: readTime,
  requestTimeoutMs: readTime,
  idleTimeoutMs: readTime,
  shutdownTimeoutMs: readTime,
} as const;

/** The options for each address; one without an address if none is given. @throws {Failure} If the command line is wrong. */
export function serveOptions(values: ServeValues): ServeOptions[] {
  const { mode, group, mount } = values;
  const common: ServeOptions = {
    quiet: true,
    stripMount: values["strip-mount"],
    ...(mount === undefined ? {} : { mount }),
    ...readPeers(values["allow-peers"]),
    ...readLog(values),
    ...readLimits(values.limit),
  };
  const forPaths = { ...(mode === undefined ? {} : { mode }), ...(group === undefined ? {} : { group }) };
  if (values.listen.length === 0) return [{ ...common, ...forPaths }];
  const addresses = values.listen.map((text) => ({ text, address: readAddress(text) }));
  const anyPath = addresses.some(({ address }) => "path" in address);
  return addresses.map(({ text, address }) => ({
    ...common,
    address: text,
    // Where there is no unix socket at all, serve says that they are out of place.
    ...("path" in address || !anyPath ? forPaths : {}),
  }));
}

/** How many workers the command line wants, and for how long each; `undefined`: none. @throws {Failure} If it is wrong. */
export function poolSettings(values: ServeValues): PoolSettings | undefined {
  const { workers, watch, "max-requests": maxRequests, "max-memory": maxMemory, "max-age": maxAgeMs } = values;
  if (!watch && [workers, maxRequests, maxMemory, maxAgeMs].every((it) => it === undefined)) {
    const text = values.listen.find((it) => it.includes(PLACE));
    if (text !== undefined) throw usage(`--listen ${text} is for workers; give --workers, or a path without ${PLACE}`);
    return undefined;
  }
  const count = (text: string): number => {
    const value = text === "auto" ? availableParallelism() : Number(text);
    if (!/^(?:auto|\d+)$/.test(text) || value < 1 || value > MAX_WORKERS) {
      throw new Error(`write auto, or a number from 1 to ${MAX_WORKERS}`);
    }
    return value;
  };
  return {
    workers: readOption("--workers", workers, count, 1),
    maxRequests: readOption("--max-requests", maxRequests, readCount, Infinity),
    maxMemoryBytes: readOption("--max-memory", maxMemory, readSize, Infinity),
    maxAgeMs: maxAgeMs ?? Infinity,
    waitsForCode: watch,
  };
}

/** The options of one place's worker: its number stands for `%n`. */
export function optionsOfPlace(options: readonly ServeOptions[], place: number): ServeOptions[] {
  return options.map(({ address, ...rest }) =>
    address === undefined ? rest : { ...rest, address: address.replaceAll(PLACE, String(place + 1)) }
  );
}

function readOption(name: string, text: string | undefined, read: (text: string) => number, other: number): number {
  if (text === undefined) return other;
  try {
    return read(text);
  } catch (error) {
    throw usage(`${name} is ${show(text)}; ${messageOf(error)}`);
  }
}

function readAddress(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw usage(messageOf(error));
  }
}

function readPeers(list: string | undefined): Pick<ServeOptions, "allowedPeers"> {
  return list === undefined ? {} : { allowedPeers: list.split(",").map((peer) => peer.trim()) };
}

/** Lines are written of what has been served, and of what has been refused. */
function readLog(values: ServeValues): Pick<ServeOptions, "onFinish"> {
  const log = requestLogger(logFormat(values));
  return log === undefined ? {} : { onFinish: (finished) => log(loggedRequest(finished)) };
}

function readLimits(pairs: ServeValues["limit"]): Partial<Record<keyof typeof LIMITS, number>> {
  const limits: Partial<Record<keyof typeof LIMITS, number>> = {};
  for (const [name, text] of pairs) {
    if (!Object.hasOwn(LIMITS, name)) {
      const meant = nearest(name, Object.keys(LIMITS), {});
      const remedy = meant === undefined
        ? `the limits are ${Object.keys(LIMITS).join(", ")}`
        : `did you mean ${meant}?`;
      throw usage(`--limit: there is no limit ${show(name)}; ${remedy}`);
    }
    try {
      limits[name as keyof typeof LIMITS] = LIMITS[name as keyof typeof LIMITS](text);
    } catch (error) {
      throw usage(`--limit ${name} is ${show(text)}; ${messageOf(error)}`);
    }
  }
  return limits;
}

/** What a failed listen means to the command: options that are wrong, or an address that cannot be listened on. */
export function listenFailure(error: unknown): Failure {
  const isMisuse = error instanceof TypeError || error instanceof RangeError;
  if (isMisuse) return usage(messageOf(error).replace(/^Cannot serve: /, ""));
  // A program may take the address over; this command has no such option.
  return new Failure(EXIT.listen, messageOf(error).replace(/, or take its place with the option takeOver/, ""));
}

/** A failure of a command line of `serve`. */
export function usage(message: string): Failure {
  return new Failure(EXIT.usage, `webfcgi serve: ${message}`);
}
