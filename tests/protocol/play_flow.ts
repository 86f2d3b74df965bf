/** Plays a recorded flow to an `ApplicationConnection` and writes down what becomes of it. */

import { ProtocolError } from "../../src/errors.ts";
import { ApplicationConnection } from "../../src/protocol/application_connection.ts";
import type { ApplicationEvents } from "../../src/protocol/application_events.ts";
import { decodePairs } from "../../src/protocol/name_value.ts";
import { type Flow, type FlowEvent, flowOptions } from "../vectors/flows.ts";
import type { WireRecord } from "../vectors/wire.ts";
import { concat, latin1Bytes, latin1Text } from "../helpers/bytes.ts";

/** What became of a flow. */
export interface PlayedFlow {
  readonly events: readonly FlowEvent[];
  readonly output: Uint8Array;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly finished: boolean;
  readonly active: number;
  readonly idle: boolean;
}

/** A part of a stream's content while the flow is played. */
interface Content {
  readonly event: "stdin" | "data";
  readonly requestId: number;
  readonly parts: Uint8Array[];
}

const FCGI_END_REQUEST = 3;
const FCGI_STDOUT = 6;

/**
 * Plays `flow` from `chunks`, which are its input however cut.
 *
 * Each chunk is overwritten as soon as its loan ends, once `receive` has returned.
 */
export function playFlow(flow: Flow, chunks: Iterable<Uint8Array>): PlayedFlow {
  const log: (FlowEvent | Content)[] = [];
  const output: Uint8Array[] = [];
  const tell = (event: FlowEvent): void => {
    log.push(event);
    for (const record of flow.answers?.[`${event[0]} ${event[1]}`] ?? []) answer(connection, record);
  };
  const body = (event: "stdin" | "data", requestId: number, content: Uint8Array): void => {
    if (content.length === 0) throw new Error("content is empty");
    const part = content.slice();
    const last = log.at(-1);
    if (last !== undefined && "parts" in last && last.event === event && last.requestId === requestId) {
      last.parts.push(part);
    } else {
      log.push({ event, requestId, parts: [part] });
    }
  };
  const events: ApplicationEvents<number> = {
    onRequest(requestId, role, params) {
      tell(["request", requestId, role, ...readPairs(params)] as FlowEvent);
      return requestId;
    },
    onParamsTooLarge(requestId, role) {
      tell(["params-too-large", requestId, role]);
      return requestId;
    },
    onStdin: (requestId, content) => body("stdin", requestId, content),
    onStdinEnd: (requestId) => tell(["stdin-end", requestId]),
    onData: (requestId, content) => body("data", requestId, content),
    onDataEnd: (requestId) => tell(["data-end", requestId]),
    onAbort: (requestId) => tell(["abort", requestId]),
  };
  const connection = new ApplicationConnection(events, { ...flowOptions, ...flow.options });
  let error: PlayedFlow["error"];
  for (const chunk of chunks) {
    try {
      connection.receive(chunk);
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      error = { code: thrown.code, message: thrown.message };
    }
    chunk.fill(0xaa);
    output.push(...connection.writer.take());
    if (error !== undefined) break;
  }
  return {
    events: log.map((event) =>
      "parts" in event ? [event.event, event.requestId, latin1Text(concat(event.parts))] as const : event
    ),
    output: concat(output),
    error,
    finished: connection.finished,
    active: connection.active,
    idle: connection.idle,
  };
}

function readPairs(params: Uint8Array): (string | { code: string })[] {
  try {
    return decodePairs(params);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return [{ code: error.code }];
  }
}

/** Writes one record of an answer; the ends of streams come with END_REQUEST. */
function answer(connection: ApplicationConnection<number>, { type, requestId, content }: WireRecord): void {
  const bytes = latin1Bytes(content);
  if (type === FCGI_END_REQUEST) connection.end(requestId, new DataView(bytes.buffer).getUint32(0));
  else if (type === FCGI_STDOUT) connection.stdout(requestId, bytes);
  else connection.stderr(requestId, bytes);
}
