/** Asks an application what it can do (§4.1), on a connection of its own. */

import { parseLength } from "../cgi/field.ts";
import type { CoarseClock } from "../connection/coarse_clock.ts";
import { ProtocolError } from "../errors.ts";
import { FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS } from "../protocol/constants.ts";
import { WebServerConnection } from "../protocol/web_server_connection.ts";
import type { WebServerEvents } from "../protocol/web_server_events.ts";
import type { Transport, TransportSink } from "../runtime/transport.ts";
import type { Connect } from "./connection_pool.ts";
import { upstreamFault, upstreamLimit } from "./request_errors.ts";

/** What an application says of itself; what it leaves out is `undefined`. */
export interface ApplicationCapabilities {
  /** FCGI_MAX_CONNS: connections it accepts at a time. */
  readonly maxConnections: number | undefined;
  /** FCGI_MAX_REQS: requests it serves at a time. */
  readonly maxRequests: number | undefined;
  /** FCGI_MPXS_CONNS: whether several requests may share a connection at a time. */
  readonly multiplex: boolean | undefined;
}

/** When the question is put a second time, in milliseconds: libfcgi answers one only when more bytes come. */
const ASK_AGAIN_MS = 250;

/**
 * Asks, and closes the connection; `signal` aborts it.
 *
 * @throws {LimitError} `headTimeoutMs`, if there is no answer.
 * @throws {ProtocolError} If the application closes the connection instead, or answers what cannot be read.
 */
export async function fetchCapabilities(
  connect: Connect,
  headTimeoutMs: number,
  clock: CoarseClock,
  signal: AbortSignal,
): Promise<ApplicationCapabilities> {
  const names = [FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS];
  const values = await fetchValues(connect, names, headTimeoutMs, clock, signal);
  const multiplex = values.get(FCGI_MPXS_CONNS);
  return {
    maxConnections: parseLength(values.get(FCGI_MAX_CONNS)),
    maxRequests: parseLength(values.get(FCGI_MAX_REQS)),
    multiplex: multiplex === undefined ? undefined : multiplex === "1",
  };
}

/**
 * Asks for values by any names; an application leaves out those that it does not know.
 *
 * @throws As {@linkcode fetchCapabilities}.
 */
export async function fetchValues(
  connect: Connect,
  names: readonly string[],
  headTimeoutMs: number,
  clock: CoarseClock,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const probe = new GetValuesProbe(names);
  const abandon = new AbortController();
  const onAbort = (): void => probe.fail(signal.reason);
  signal.addEventListener("abort", onAbort);
  const stopAsking = clock.after(ASK_AGAIN_MS, () => probe.sendGetValues());
  const stopWaiting = headTimeoutMs === Infinity ? undefined : clock.after(headTimeoutMs, () => {
    const message = `Cannot read capabilities: the answer took longer than headTimeoutMs, ${headTimeoutMs}`;
    probe.fail(upstreamLimit("headTimeoutMs", headTimeoutMs, message));
  });
  try {
    connect((transport) => probe.open(transport), abandon.signal).then(
      () => probe.sendGetValues(),
      (error) => probe.fail(error),
    );
    return await probe.answer;
  } finally {
    abandon.abort();
    stopAsking();
    stopWaiting?.();
    signal.removeEventListener("abort", onAbort);
  }
}

class GetValuesProbe implements TransportSink, WebServerEvents {
  readonly answer: Promise<ReadonlyMap<string, string>>;
  readonly #names: readonly string[];
  #resolve!: (answer: ReadonlyMap<string, string>) => void;
  #reject!: (error: unknown) => void;
  readonly #protocol = new WebServerConnection(this);
  #transport: Transport | undefined;
  #over = false;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  open(transport: Transport): TransportSink {
    this.#transport = transport;
    if (this.#over) transport.close();
    return this;
  }

  sendGetValues(): void {
    if (this.#over || this.#transport === undefined) return;
    this.#protocol.getValues(this.#names);
    this.#transport.write(this.#protocol.writer.take());
  }

  fail(error: unknown): void {
    this.#reject(error);
    this.#end();
  }

  received(chunk: Uint8Array): void {
    try {
      if (!this.#over) this.#protocol.receive(chunk);
    } catch (error) {
      this.fail(error instanceof ProtocolError ? upstreamFault(error.code, error.message, error) : error);
    }
  }

  ended(): void {
    this.closed();
  }

  drained(): void {}

  closed(error?: Error): void {
    const message = "Cannot read capabilities: the application closed the connection";
    this.fail(upstreamFault("UNEXPECTED_END", message, error));
  }

  onStdout(): void {}

  onStderr(): void {}

  onEnd(): void {}

  onValues(pairs: string[]): void {
    const values = new Map<string, string>();
    for (let at = 0; at < pairs.length; at += 2) values.set(pairs[at]!, pairs[at + 1]!);
    this.#resolve(values);
    this.#end();
  }

  onUnknownType(): void {
    this.#resolve(new Map());
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#transport?.close();
  }
}
