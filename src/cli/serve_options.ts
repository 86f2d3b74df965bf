/** The options of `serve` (the function) that a command line of `serve` (the command) means. */

import type { ServeOptions } from "../server/server_options.ts";
import { nearest, show } from "../options.ts";
import { type Address, parseAddress } from "../runtime/address.ts";
import { readCount, readSize, readTime, type Values } from "./arguments.ts";
import type { SERVE } from "./commands.ts";
import { EXIT, Failure, messageOf } from "./failure.ts";

/** The values of a command line of `serve`. */
export type ServeValues = Values<typeof SERVE.options>;

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

/** A failure of a command line of `serve`. */
export function usage(message: string): Failure {
  return new Failure(EXIT.usage, `webfcgi serve: ${message}`);
}
