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
}

/**
 * The content of FCGI_GET_VALUES_RESULT for that of an FCGI_GET_VALUES: each name known once, the others left out.
 *
 * @throws {ProtocolError} `BAD_PAIRS` if the question cannot be read.
 */
export function answerGetValues(content: Uint8Array, capabilities: Capabilities): Uint8Array {
  const asked = decodePairs(content);
  const known = [
    [FCGI_MAX_CONNS, String(capabilities.maxConnections)],
    [FCGI_MAX_REQS, String(capabilities.maxRequests)],
    [FCGI_MPXS_CONNS, capabilities.multiplex ? "1" : "0"],
  ] as const;
  return encodePairs(known.flatMap((pair) => asked.some((name, at) => at % 2 === 0 && name === pair[0]) ? pair : []));
}

/** @throws {ProtocolError} `BAD_LENGTH` if the question is longer than any that makes sense. */
export function checkGetValues(contentLength: number): void {
  if (contentLength <= MAX_GET_VALUES_BYTES) return;
  throw new ProtocolError("BAD_LENGTH", `Cannot answer FCGI_GET_VALUES: its content is ${contentLength} bytes`);
}
