/** The application's answers to management records (§4). */

import { ProtocolError } from "../errors.ts";
import { FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS } from "./constants.ts";
import { decodePairs, encodePairs } from "./name_value.ts";

/** Greatest content of an FCGI_GET_VALUES that is read, in bytes; the three names that exist take 48. */
const MAX_GET_VALUES_BYTES = 4096;

/** What an application reports of itself (§4.1). */
export interface Capabilities {
  /** FCGI_MAX_CONNS: connections it accepts at a time. */
  readonly maxConnections: number;
  /** FCGI_MAX_REQS: requests it serves at a time. */
  readonly maxRequests: number;
  /** FCGI_MPXS_CONNS: whether it serves several requests on a connection at a time. */
  readonly multiplex: boolean;
  /** The values of names that FastCGI does not have; called for a name that is asked for. */
  readonly extraValue?: ((name: string) => string | undefined) | undefined;
}

/**
 * The content of FCGI_GET_VALUES_RESULT for that of an FCGI_GET_VALUES: each name that is asked for and known once, the
 * others left out.
 *
 * @throws {ProtocolError} `BAD_PAIRS` if the question cannot be read.
 */
export function answerGetValues(content: Uint8Array, capabilities: Capabilities): Uint8Array {
  const asked = new Set(decodePairs(content).filter((_, at) => at % 2 === 0));
  const pairs: string[] = [];
  for (const name of asked) {
    const value = valueOf(name, capabilities);
    if (value !== undefined) pairs.push(name, value);
  }
  return encodePairs(pairs);
}

function valueOf(name: string, capabilities: Capabilities): string | undefined {
  if (name === FCGI_MAX_CONNS) return String(capabilities.maxConnections);
  if (name === FCGI_MAX_REQS) return String(capabilities.maxRequests);
  if (name === FCGI_MPXS_CONNS) return capabilities.multiplex ? "1" : "0";
  return capabilities.extraValue?.(name);
}

/** @throws {ProtocolError} `BAD_LENGTH` if the question is longer than any that makes sense. */
export function checkGetValues(contentLength: number): void {
  if (contentLength <= MAX_GET_VALUES_BYTES) return;
  throw new ProtocolError("BAD_LENGTH", `Cannot answer FCGI_GET_VALUES: its content is ${contentLength} bytes`);
}
