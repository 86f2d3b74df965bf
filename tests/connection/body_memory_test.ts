/** What a handler can see of memory: through the buffers of a body's chunks, it sees its own body's bytes alone. */

import { type Handler, serve, serveConnection } from "@webfcgi/webfcgi";
import { connect, type Socket } from "node:net";
import { assertEquals } from "../std/assert.ts";
import { cutAtRandom } from "../protocol/cuts.ts";
import { Random } from "../protocol/random.ts";
import { begin, bytesOf, pairs, params, stdin, type WireRecord } from "../vectors/wire.ts";
import { concat } from "../helpers/bytes.ts";

const HEAD_BYTES = 8;
const REQUESTS = 3;

/** The bytes of a request's body: above ASCII, which parameters are, below 0xEE, which padding is, and no one else's. */
const firstByte = (request: number): number => 128 + 30 * request;
const isOwn = (byte: number, request: number): boolean => byte >= firstByte(request) && byte < firstByte(request + 1);

function bodyOf(request: number, length: number): string {
  let body = "";
  for (let at = 0; at < length; at++) body += String.fromCharCode(firstByte(request) + (at * 7 + (at >> 5)) % 30);
  return body;
}

/** A connection's bytes: requests that interleave, their records padded. */
function conversation(random: Random, bodies: readonly string[], uri: string): Uint8Array {
  const streams = bodies.map((body, request) => {
    const id = request + 1;
    const values = {
      REQUEST_METHOD: "POST",
      REQUEST_URI: `${uri}?${request}`,
      HTTP_HOST: "a",
      CONTENT_LENGTH: `${body.length}`,
    };
    const records = [begin(id, 1, 1), params(id, pairs(...Object.entries(values).flat())), params(id)];
    for (let at = 0; at < body.length;) {
      const length = Math.min(1 + random.below(random.pick([8, 100, 5000, 65_535])), body.length - at);
      records.push(stdin(id, body.slice(at, at + length), random.pick([0, 1, 255])));
      at += length;
    }
    return [...records, stdin(id)];
  });
  const mixed: WireRecord[] = [];
  for (let left = streams; left.length > 0; left = left.filter((records) => records.length > 0)) {
    mixed.push(random.pick(left).shift()!);
  }
  return bytesOf(mixed);
}

/** Checks what can be seen through a chunk's buffer, and takes the buffer away; gives back a copy of the chunk. */
function take(chunk: Uint8Array, request: number): Uint8Array {
  const all = new Uint8Array(chunk.buffer);
  const foreign = all.findIndex((byte, at) =>
    byte !== 0 && !isOwn(byte, request) && (at < chunk.byteOffset - HEAD_BYTES || at >= chunk.byteOffset)
  );
  if (foreign >= 0) throw new Error(`byte ${foreign} of ${all.length} is ${all[foreign]}, not request ${request}'s`);
  const copy = chunk.slice();
  structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
  assertEquals(chunk.length, 0);
  return copy;
}

/** How handlers read a body: what they got. */
const reads: Record<string, (request: Request, index: number) => Promise<Uint8Array>> = {
  async stream(request, index) {
    const parts: Uint8Array[] = [];
    for await (const chunk of request.body!) parts.push(take(chunk, index));
    return concat(parts);
  },
  async "stream, now and then"(request, index) {
    const parts: Uint8Array[] = [];
    for await (const chunk of request.body!) {
      parts.push(take(chunk, index));
      if (parts.length % 50 === 1) await new Promise((resolve) => setTimeout(resolve));
    }
    return concat(parts);
  },
  async "byte stream"(request, index) {
    const reader = request.body!.getReader();
    const stream = new ReadableStream({
      type: "bytes",
      async pull(controller: ReadableByteStreamController): Promise<void> {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
    const parts: Uint8Array[] = [];
    for await (const chunk of stream) parts.push(take(chunk, index));
    return concat(parts);
  },
  async bytes(request, index) {
    const bytes = await request.bytes();
    assertEquals(bytes.length, bytes.buffer.byteLength);
    return take(bytes, index);
  },
  async "bytes, late"(request, index) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const bytes = await request.bytes();
    assertEquals(bytes.length, bytes.buffer.byteLength);
    return take(bytes, index);
  },
  arrayBuffer: async (request, index) => take(new Uint8Array(await request.arrayBuffer()), index),
  blob: async (request, index) => take(new Uint8Array(await (await request.blob()).arrayBuffer()), index),
};

/** How the bytes of a connection reach the server: resolves when it has answered all requests. */
type Carry = (bytes: Uint8Array, random: Random, handler: Handler, answered: Promise<void>) => Promise<void>;

const silent = { onError: () => {} };

/** Over streams whose chunks are made by `cut`. */
const overStreams = (cut: (bytes: Uint8Array, random: Random) => Uint8Array[]): Carry => {
  return async (bytes, random, handler, answered) => {
    const chunks = cut(bytes, random).filter((chunk) => chunk.length > 0);
    const readable = new ReadableStream<Uint8Array>({
      async pull(controller): Promise<void> {
        const chunk = chunks.shift();
        if (chunk !== undefined) return controller.enqueue(chunk);
        await answered;
        controller.close();
      },
    });
    await serveConnection({ readable, writable: new WritableStream() }, silent, handler);
  };
};

const carries: Record<string, Carry> = {
  "streams of chunks of their own": overStreams(cutAtRandom),
  "streams of views of one buffer": overStreams((bytes, random) => {
    let at = 0;
    return cutAtRandom(bytes, random).map(({ length }) => bytes.subarray(at, at += length));
  }),
  async "a socket"(bytes, random, handler, answered) {
    const server = serve({ port: 0, quiet: true, ...silent }, handler);
    await server.ready;
    const { port } = server.addr as { port: number };
    const socket = await new Promise<Socket>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(socket));
    });
    socket.resume().setNoDelay(true);
    for (const chunk of cutAtRandom(bytes, random)) {
      await new Promise((resolve) => socket.write(chunk, resolve));
    }
    await answered;
    await new Promise((resolve) => socket.once("close", resolve).end());
    await server.close();
  },
};

for (const [how, carry] of Object.entries(carries)) {
  for (const [reading, read] of Object.entries(reads)) {
    Deno.test(`A handler sees its own body's bytes alone, read as ${reading} over ${how}`, async () => {
      for (let seed = 1; seed <= 5; seed++) {
        const random = new Random(seed);
        const bodies = Array.from({ length: REQUESTS }, (_, request) => {
          return bodyOf(request, 1 + random.below(random.pick([20, 3000, 40_000])));
        });
        const outcomes: unknown[] = [];
        let finish!: () => void;
        const answered = new Promise<void>((resolve) => finish = resolve);
        const handler: Handler = async (request) => {
          const index = Number(new URL(request.url).search.slice(1));
          try {
            const bytes = await read(request, index);
            const body = bodies[index]!;
            outcomes[index] = bytes.length === body.length &&
              bytes.every((byte, at) => byte === body.charCodeAt(at));
          } catch (error) {
            outcomes[index] = error;
          }
          if (Object.keys(outcomes).length === REQUESTS) finish();
          return new Response();
        };
        await carry(conversation(random, bodies, "/"), random, handler, answered);
        assertEquals(outcomes, Array(REQUESTS).fill(true), `seed ${seed}`);
      }
    });
  }
}
