/** Sockets to test with: a sink that writes down what it is told, and a peer that knows nothing of the library. */

import { connect as netConnect, type Socket } from "node:net";
import { latin1Text } from "../helpers/bytes.ts";
import { until } from "../helpers/waiting.ts";
import type { Accept, Addr, Transport, TransportSink } from "../../src/runtime/transport.ts";

/** What a {@linkcode Recorder} does of itself. */
export interface Behaviour {
  /** Called with each transport, before reading starts. */
  readonly onOpen?: (transport: Transport) => void;
  /** Called with each chunk, after it was written down. */
  readonly onReceived?: (transport: Transport, chunk: Uint8Array) => void;
  /** Called when the peer has ended its side. */
  readonly onEnded?: (transport: Transport) => void;
}

/** A sink that writes down what it is told. */
export class Recorder implements TransportSink {
  readonly transport: Transport;
  readonly #behaviour: Behaviour;
  /** The chunks: the very ones that came, or copies of those that were lent. */
  readonly chunks: Uint8Array[] = [];
  /** Whether each of them was lent. */
  readonly lent: boolean[] = [];
  bytes = 0;
  ends = 0;
  drains = 0;
  closes = 0;
  error: Error | undefined;
  /** What came after `closed`, or while a call of ours into the transport was running, and chunks that are none. */
  readonly faults: string[] = [];
  #inCall = false;

  constructor(transport: Transport, behaviour: Behaviour = {}) {
    this.transport = transport;
    this.#behaviour = behaviour;
  }

  received(chunk: Uint8Array, lent: boolean): void {
    this.#note("received");
    if (chunk.constructor !== Uint8Array) this.faults.push(`received a ${chunk.constructor.name}`);
    if (chunk.length === 0) this.faults.push("received nothing");
    if (!lent && chunk.length < chunk.buffer.byteLength) this.faults.push("received a part of a buffer");
    this.chunks.push(lent ? new Uint8Array(chunk) : chunk);
    this.lent.push(lent);
    this.bytes += chunk.length;
    this.#behaviour.onReceived?.(this.transport, chunk);
  }

  ended(): void {
    this.#note("ended");
    this.ends++;
    this.#behaviour.onEnded?.(this.transport);
  }

  drained(): void {
    this.#note("drained");
    this.drains++;
  }

  closed(error?: Error): void {
    this.#note("closed");
    this.closes++;
    this.error = error;
  }

  #note(event: string): void {
    if (this.closes > 0) this.faults.push(`${event} after closed`);
    if (this.#inCall) this.faults.push(`${event} from inside a call`);
  }

  /** Calls the transport and takes note of a callback that comes before the call has returned. */
  call<T>(action: (transport: Transport) => T): T {
    this.#inCall = true;
    try {
      return action(this.transport);
    } finally {
      this.#inCall = false;
    }
  }

  /** All that came, as latin1. */
  get text(): string {
    return this.chunks.map(latin1Text).join("");
  }
}

/** An `Accept` that gives every transport a recorder, and the recorders in the order they came. */
export function recordAll(behaviour: Behaviour = {}): { readonly accept: Accept; readonly recorders: Recorder[] } {
  const recorders: Recorder[] = [];
  const accept: Accept = (transport) => {
    const recorder = new Recorder(transport, behaviour);
    recorders.push(recorder);
    behaviour.onOpen?.(transport);
    return recorder;
  };
  return { accept, recorders };
}

/** A connected socket of `node:net`, and what it has seen. */
export class Peer {
  readonly socket: Socket;
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  ended = false;
  closed = false;
  error: (Error & { code?: string }) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("end", () => this.ended = true);
    socket.on("close", () => this.closed = true);
    socket.on("error", (error) => this.error = error);
  }

  /** Connects; reads from the start unless `reading` is false. */
  static async connect(addr: Addr, reading = true): Promise<Peer> {
    if (addr.transport === "fd") throw new Error("Cannot connect to a descriptor");
    const where = addr.transport === "unix" ? { path: addr.path } : { host: addr.hostname, port: addr.port };
    const socket = netConnect({ ...where, allowHalfOpen: true });
    const peer = new Peer(socket);
    let connected = false;
    socket.on("connect", () => connected = true);
    await until(() => connected || peer.error !== undefined, "the peer connects");
    if (peer.error) throw peer.error;
    if (reading) peer.read();
    return peer;
  }

  /** Begins to read. */
  read(): void {
    this.socket.on("data", (chunk) => {
      this.chunks.push(chunk);
      this.bytes += chunk.length;
    });
  }

  /** All that came, as latin1. */
  get text(): string {
    return this.chunks.map(latin1Text).join("");
  }

  /** Closes, and waits until that is done. */
  async close(): Promise<void> {
    this.socket.destroy();
    await until(() => this.closed, "the peer's socket closes");
  }
}

/** `length` bytes whose value tells their place, so that a lost, doubled or moved byte shows. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = ((i + seed) * 2_654_435_761) >>> 24;
  return bytes;
}

/** The place of the first byte that differs, -1 when all are equal. */
export function firstDifference(chunks: readonly Uint8Array[], expected: Uint8Array): number {
  let at = 0;
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i++, at++) {
      if (chunk[i] !== expected[at]) return at;
    }
  }
  return at === expected.length ? -1 : at;
}
