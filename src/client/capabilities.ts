/** Asks an application what it can do (§4.1), on a connection of its own. */

import { LimitError, ProtocolError } from "../errors.ts";
import { FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS } from "../protocol/constants.ts";
import { WebServerConnection, type WebServerEvents } from "../protocol/web_server_connection.ts";
import { startClock } from "../runtime/clock.ts";
import type { Transport, TransportSink } from "../runtime/transport.ts";
import type { Connect } from "./connection_pool.ts";

/** What an application tells of itself; what it leaves out is `undefined`. */
export interface ApplicationCapabilities {
  /** FCGI_MAX_CONNS: connections it accepts at a time. */
  readonly maxConnections: number | undefined;
  /** FCGI_MAX_REQS: requests it serves at a time. */
  readonly maxRequests: number | undefined;
  /** FCGI_MPXS_CONNS: whether several requests may share a connection at a time. */
  readonly multiplex: boolean | undefined;
}

/** When the question is put a second time: libfcgi answers one only when more bytes come. */
const ASK_AGAIN_MS = 250;

/**
 * Asks, and closes the connection; gives up when `signal` is aborted.
 *
 * @throws {LimitError} `headTimeoutMs`, if there is no answer.
 * @throws {ProtocolError} If the application closes the connection instead, or answers what cannot be read.
 */
export async function askCapabilities(
  connect: Connect,
  headTimeoutMs: number,
  signal: AbortSignal,
): Promise<ApplicationCapabilities> {
  const question = new Question();
  const onAbort = (): void => question.fail(signal.reason);
  signal.addEventListener("abort", onAbort);
  const startedMs = performance.now();
  let asked = 1;
  const stopClock = startClock(() => {
    if (headTimeoutMs > 0 && performance.now() - startedMs >= headTimeoutMs) {
      const message = `Cannot read capabilities: the answer took longer than headTimeoutMs, ${headTimeoutMs}`;
      question.fail(new LimitError("headTimeoutMs", headTimeoutMs, message));
    } else if (asked++ === 1) {
      question.ask();
    }
  }, ASK_AGAIN_MS);
  try {
    connect((transport) => question.open(transport)).then(() => question.ask(), (error) => question.fail(error));
    return await question.answer;
  } finally {
    stopClock();
    signal.removeEventListener("abort", onAbort);
  }
}

class Question implements TransportSink, WebServerEvents {
  readonly answer: Promise<ApplicationCapabilities>;
  #resolve!: (answer: ApplicationCapabilities) => void;
  #reject!: (error: unknown) => void;
  readonly #protocol = new WebServerConnection(this);
  #transport: Transport | undefined;
  #over = false;

  constructor() {
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

  ask(): void {
    if (this.#over || this.#transport === undefined) return;
    this.#protocol.getValues([FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS]);
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
      this.fail(error);
    }
  }

  ended(): void {
    this.closed();
  }

  drained(): void {}

  closed(error?: Error): void {
    const message = "Cannot read capabilities: the application closed the connection";
    this.fail(new ProtocolError("UNEXPECTED_END", message, error && { cause: error }));
  }

  onStdout(): void {}

  onStderr(): void {}

  onEnd(): void {}

  onValues(pairs: string[]): void {
    const values = new Map<string, string>();
    for (let at = 0; at < pairs.length; at += 2) values.set(pairs[at]!, pairs[at + 1]!);
    const multiplex = values.get(FCGI_MPXS_CONNS);
    this.#resolve({
      maxConnections: wholeNumber(values.get(FCGI_MAX_CONNS)),
      maxRequests: wholeNumber(values.get(FCGI_MAX_REQS)),
      multiplex: multiplex === undefined ? undefined : multiplex === "1",
    });
    this.#end();
  }

  onUnknownType(): void {
    this.#resolve({ maxConnections: undefined, maxRequests: undefined, multiplex: undefined });
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#transport?.close();
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
