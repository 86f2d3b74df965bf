/** What the commands that ask an application have in common: its address, and the exit codes of failures. */

import { type ClientOptions, type ClientSettings, resolveClient } from "../client/client_options.ts";
import { FastCgiError, LimitError } from "../errors.ts";
import { detectRuntime } from "../runtime/detect.ts";
import type { Accept, NetAddr, Transport, UnixAddr } from "../runtime/transport.ts";
import { EXIT, Failure, messageOf } from "./failure.ts";

/** The settings of a client of `address`. @throws {Failure} If the command line is wrong. */
export function clientSettings(command: string, address: string, options: ClientOptions = {}): ClientSettings {
  try {
    return resolveClient({ ...options, address });
  } catch (error) {
    throw usage(command, messageOf(error));
  }
}

/** Connects by the runtime's own sockets. */
export function connector(
  addr: NetAddr | UnixAddr,
): (open: Accept, signal?: AbortSignal) => Promise<Transport> {
  return async (open, signal) => (await detectRuntime()).connect(addr, open, signal);
}

/** A wrong command line. */
export function usage(command: string, message: string): Failure {
  return new Failure(EXIT.usage, `webfcgi ${command}: ${message}`);
}

/** The failure of a request, with curl's exit code. */
export function requestFailure(error: unknown): unknown {
  if (error instanceof Failure) return error;
  return new Failure(exitCode(error), messageOf(error), { cause: error });
}

function exitCode(error: unknown): number {
  if (error instanceof LimitError && error.limit.endsWith("TimeoutMs")) return EXIT.timeout;
  if (error instanceof FastCgiError) return EXIT.receive;
  if (error instanceof TypeError || error instanceof RangeError) return EXIT.usage;
  // The system's codes: what fails later than connecting is a FastCgiError.
  return typeof (error as { readonly code?: unknown }).code === "string" ? EXIT.connect : EXIT.failed;
}
