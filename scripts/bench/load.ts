/**
 * The load generator: a process of its own that loads a server as the job says that it is given as its argument, checks
 * every response, and prints the result as JSON. The first wrong response ends it with an error.
 */

import { type Dialogue, gather, type Job, type Result } from "./dialogue.ts";
import { FastCgiDialogue } from "./fastcgi_load.ts";
import { HttpDialogue } from "./http_load.ts";
import { cpuMicroseconds, peakBytes, resetPeak, residentBytes } from "./usage.ts";

/** How long a server is left alone before its memory is looked at. */
const QUIET_MS = 1500;
/** How many responses of one load have their times kept. */
const MAX_TIMES = 4_000_000;

/** What all connections of a phase share. */
class Phase {
  readonly times = new Float32Array(MAX_TIMES);
  readonly #endsAt: number;
  readonly #maxRequests: number;
  started = 0;
  done = 0;

  constructor(seconds: number, maxRequests: number) {
    this.#endsAt = performance.now() + seconds * 1000;
    this.#maxRequests = Math.min(maxRequests, MAX_TIMES);
  }

  get over(): boolean {
    return this.started >= this.#maxRequests || performance.now() > this.#endsAt;
  }
}

let phase = new Phase(0, 0);
let requestNumber = 0;

/** One connection, kept or for one request. */
class Connection {
  readonly #socket: Deno.Conn;
  readonly #dialogue: Dialogue;
  readonly #buffer: Uint8Array;
  /** When each slot's request was sent; 0: it has none. */
  readonly #sentAt: Float64Array;
  inFlight = 0;

  private constructor(socket: Deno.Conn, job: Job) {
    this.#socket = socket;
    this.#sentAt = new Float64Array(job.perConnection);
    this.#buffer = new Uint8Array(job.expectedBytes > 65_536 ? 262_144 : 8192);
    const answered = (slot: number): void => {
      phase.times[phase.done++] = (performance.now() - this.#sentAt[slot]!) * 1000;
      this.#sentAt[slot] = 0;
      this.inFlight--;
    };
    this.#dialogue = job.protocol === "http" ? new HttpDialogue(job, answered) : new FastCgiDialogue(job, answered);
  }

  static async open(job: Job): Promise<Connection> {
    if (typeof job.addr === "string") {
      return new Connection(await Deno.connect({ transport: "unix", path: job.addr }), job);
    }
    const socket = await Deno.connect({ hostname: "127.0.0.1", port: job.addr });
    socket.setNoDelay(true);
    return new Connection(socket, job);
  }

  /** Sends a request in every free slot, if `more` are wanted, and reads until one at least is answered. */
  async turn(more: boolean): Promise<void> {
    if (more) await this.#send();
    for (const before = this.inFlight; this.inFlight === before;) {
      const length = await this.#socket.read(this.#buffer);
      if (length === null) throw new Error("the server closed a connection before END_REQUEST");
      this.#dialogue.received(this.#buffer.subarray(0, length));
    }
  }

  async #send(): Promise<void> {
    const requests: Uint8Array[] = [];
    const now = performance.now();
    for (let slot = 0; slot < this.#sentAt.length; slot++) {
      if (this.#sentAt[slot] !== 0) continue;
      this.#sentAt[slot] = now;
      requests.push(this.#dialogue.request(slot, ++requestNumber));
    }
    this.inFlight += requests.length;
    phase.started += requests.length;
    await this.#write(requests.length === 1 ? requests[0]! : gather(requests));
    for (const piece of this.#dialogue.body) await this.#write(piece);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let written = await this.#socket.write(bytes);
    while (written < bytes.length) written += await this.#socket.write(bytes.subarray(written));
  }

  /** Waits for the server to close, as web servers do that do not keep a connection. */
  async closedByServer(): Promise<void> {
    const length = await this.#socket.read(this.#buffer);
    if (length !== null) throw new Error(`${length} bytes after END_REQUEST`);
    this.close();
  }

  close(): void {
    this.#socket.close();
  }
}

/** Has connections take turns until the phase is over and all is answered. */
async function work(job: Job, connections: Connection[]): Promise<void> {
  if (job.keep && connections.length === 0) connections.push(await Connection.open(job));
  for (let at = 0; !phase.over; at++) {
    const connection = connections[at % connections.length] ?? await Connection.open(job);
    await connection.turn(true);
    if (!job.keep) await connection.closedByServer();
  }
  for (const connection of connections) while (connection.inFlight > 0) await connection.turn(false);
}

async function run(job: Job, seconds: number, maxRequests: number, workers: Connection[][]): Promise<void> {
  phase = new Phase(seconds, maxRequests);
  await Promise.all(workers.map((connections) => work(job, connections)));
}

const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, QUIET_MS));

/** Opens `count` more connections, each with one request, and gives back what memory each has taken. */
async function openMore(job: Job, count: number, workers: Connection[][]): Promise<number> {
  const [pid = 0] = job.pids;
  await quiet();
  const before = residentBytes(pid);
  phase = new Phase(Infinity, Infinity);
  await Promise.all(workers.map(async (connections) => {
    for (let opened = 0; opened < count / workers.length; opened++) {
      const connection = await Connection.open(job);
      connections.push(connection);
      await connection.turn(true);
    }
  }));
  await quiet();
  return (residentBytes(pid) - before) / count;
}

async function load(job: Job): Promise<Result> {
  const [pid = 0] = job.pids;
  const workers: Connection[][] = Array.from({ length: job.busy }, () => []);
  await run(job, job.warmUpSeconds, job.warmUp, workers);
  const more = job.connections - job.busy;
  const idleBytes = more > 0 ? await openMore(job, more, workers) : null;

  resetPeak(pid);
  const memory = residentBytes(pid);
  const cpuBefore = job.pids.map(cpuMicroseconds);
  const startedAt = performance.now();
  await run(job, job.seconds, job.maxRequests, workers);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = job.pids.map((pid, index) => (cpuMicroseconds(pid) - cpuBefore[index]!) / phase.done);
  const peak = peakBytes(pid) - memory;

  for (const connection of workers.flat()) connection.close();
  const times = phase.times.subarray(0, phase.done).sort();
  return {
    requests: phase.done,
    perSecond: phase.done / seconds,
    p50: times[Math.floor(phase.done * 0.5)]!,
    p99: times[Math.floor(phase.done * 0.99)]!,
    cpu,
    peakBytes: peak,
    idleBytes,
  };
}

console.log(JSON.stringify(await load(JSON.parse(Deno.args[0]!))));
