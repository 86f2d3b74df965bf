/** An application whose every byte a test decides; over a real socket, on every runtime. */

import { decodePairs, type RecordParser } from "@webfcgi/webfcgi/codec";
import type { Client, ClientOptions } from "@webfcgi/webfcgi/client";
import { resolveClient } from "../../src/client/client_options.ts";
import { FastCgiClient } from "../../src/client/fast_cgi_client.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { nodeRuntime } from "../../src/runtime/node.ts";
import type { Listener, NetAddr, Transport } from "../../src/runtime/transport.ts";
import { latin1Bytes, latin1Text } from "../helpers/bytes.ts";
import { recordCollector, type SeenRecord } from "../helpers/records.ts";
import { bounded, until } from "../helpers/waiting.ts";
import { bytesOf, end, stdout, type WireRecord } from "../vectors/wire.ts";

/** One connection from the client. */
export class AppConnection {
  /** What came, record by record. */
  readonly records: SeenRecord[] = [];
  /** Bytes that came. */
  length = 0;
  ended = false;
  closed = false;
  /** The client takes no more for now. */
  blocked = false;
  readonly #transport: Transport;
  readonly #parser: RecordParser;
  #discards = false;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#parser = recordCollector(this.records, (content) => this.#discards ? "…" : latin1Text(content));
  }

  /** Whether the client has ended the connection, or we have. */
  get over(): boolean {
    return this.ended || this.closed;
  }

  /** Keeps no content from now on, only that there was some. */
  discard(): void {
    this.#discards = true;
  }

  /** Sends records. */
  send(...records: WireRecord[]): void {
    this.sendBytes(bytesOf(records));
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.#transport.write([bytes])) this.blocked = true;
  }

  /** Ends our side. */
  end(): void {
    this.#transport.shutdown();
  }

  /** Closes the socket. */
  close(): void {
    this.#transport.close();
  }

  /** Closes the socket with a reset. */
  reset(): void {
    this.#transport.reset();
  }

  /** Stops reading. */
  pause(): void {
    this.#transport.pause();
  }

  /** Goes on reading. */
  resume(): void {
    this.#transport.resume();
  }

  /** The contents of a stream so far. */
  stream(type: number, requestId = 1): string {
    return this.records.filter((record) => record.type === type && record.requestId === requestId)
      .map(({ content }) => content).join("");
  }

  /** The parameters of a request. */
  params(requestId = 1): Record<string, string> {
    const pairs = decodePairs(latin1Bytes(this.stream(4, requestId)));
    const params: Record<string, string> = {};
    for (let at = 0; at < pairs.length; at += 2) params[pairs[at]!] = pairs[at + 1]!;
    return params;
  }

  /** Whether a record of this type has come, with content or without. */
  has(type: number, content?: string, requestId = 1): boolean {
    return this.records.some((record) =>
      record.type === type && record.requestId === requestId && (content === undefined || record.content === content)
    );
  }

  /** Waits until something is so, or the connection has ended. */
  until(isSo: () => boolean, what: string): Promise<void> {
    return until(() => isSo() || this.over, what);
  }

  /** The ids of the requests that have begun, in order. */
  get begun(): number[] {
    return this.records.filter(({ type }) => type === 1).map(({ requestId }) => requestId);
  }

  /** Waits for the end of a request's STDIN, or of the connection. */
  untilSent(requestId = 1): Promise<void> {
    return this.until(() => this.has(5, "", requestId), `the end of request ${requestId}`);
  }

  /** Waits for the client to end the connection. */
  untilOver(): Promise<void> {
    return until(() => this.over, "the client to close");
  }

  /** Reads bytes. */
  received(chunk: Uint8Array): void {
    this.length += chunk.length;
    this.#parser.push(chunk);
  }
}

/** What a test has. */
export interface ClientScene {
  readonly client: Client;
  readonly connections: readonly AppConnection[];
  readonly port: number;
  /** Waits for a connection. */
  connection(index?: number): Promise<AppConnection>;
}

/** Options of a test's client, and its clock. */
export type ClientSceneOptions = ClientOptions & { readonly clock?: Clock };

/** A client whose time is `clock`. */
export function clientBy(clock: Clock, options: ClientOptions): Client {
  const settings = resolveClient(options);
  const connect = async (...[open, signal]: Parameters<ConstructorParameters<typeof FastCgiClient>[1]>) =>
    (await detectRuntime()).connect(settings.addr, open, signal);
  return new FastCgiClient(settings, connect, clock);
}

/** Runs `body` with a client, and with an application that answers each connection by `serve`. */
export async function inClientScene(
  { clock = systemClock, ...options }: ClientSceneOptions,
  serve: (connection: AppConnection, index: number) => unknown,
  body: (scene: ClientScene) => Promise<void>,
): Promise<void> {
  const connections: AppConnection[] = [];
  const serving: unknown[] = [];
  const listener: Listener = await nodeRuntime().listen({ hostname: "127.0.0.1", port: 0 }, (transport) => {
    const connection = new AppConnection(transport);
    connections.push(connection);
    serving.push(serve(connection, connections.length - 1));
    return {
      received: (chunk) => connection.received(chunk),
      ended: () => {
        connection.ended = true;
        transport.shutdown();
      },
      drained: () => void (connection.blocked = false),
      closed: () => void (connection.closed = true),
    };
  });
  const { port } = listener.addr as NetAddr;
  const client = clientBy(clock, { port, onStderr: () => {}, ...options });
  try {
    await body({
      client,
      connections,
      port,
      async connection(index = 0) {
        await until(() => connections.length > index, `connection ${index}`);
        return connections[index]!;
      },
    });
  } finally {
    await bounded(client.close(), "the client to close");
    for (const connection of connections) connection.close();
    await listener.close();
    await until(() => connections.every(({ closed }) => closed), "the application's sockets to be gone");
    await bounded(Promise.all(serving), "the application to end");
  }
}

/** Defines a test that has a client and an application. */
export function clientTest(
  name: string,
  options: ClientSceneOptions,
  serve: (connection: AppConnection, index: number) => unknown,
  body: (scene: ClientScene) => Promise<void>,
): void {
  Deno.test(name, () => inClientScene(options, serve, body));
}

/** Records of a whole answer. */
export function answer(head: string, body = "", requestId = 1): WireRecord[] {
  return [stdout(requestId, head + "\r\n\r\n" + body), stdout(requestId), end(requestId)];
}

/** Answers a connection's first request, once it has been sent. */
export function always(...records: WireRecord[]): (connection: AppConnection) => Promise<void> {
  return async (connection) => {
    await connection.untilSent();
    connection.send(...records);
  };
}

/** Answers every request of a connection with its URI, as soon as its STDIN has ended, until the connection ends. */
export async function serveAll(connection: AppConnection): Promise<void> {
  const sent = (): SeenRecord[] => connection.records.filter(({ type, content }) => type === 5 && content === "");
  for (let answered = 0; !connection.over; answered++) {
    await connection.until(() => sent().length > answered, "a request");
    const requestId = sent()[answered]?.requestId;
    if (requestId !== undefined) {
      connection.send(...answer("X: y", connection.params(requestId).REQUEST_URI, requestId));
    }
  }
}

/** Reads a body and gives back its text, or the error that reading fails with. */
export async function textOrError(response: Response): Promise<string | Error> {
  try {
    return await bounded(response.text(), "the body");
  } catch (error) {
    return error as Error;
  }
}
