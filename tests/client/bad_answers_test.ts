/** Answers near to right ones, in any pieces, without a socket: thousands of them. */

import { resolveClient } from "../../src/client/client_options.ts";
import { FastCgiClient } from "../../src/client/fast_cgi_client.ts";
import type { Accept, Transport, TransportSink } from "../../src/runtime/transport.ts";
import { assertEquals } from "../std/assert.ts";
import { Random } from "../protocol/random.ts";
import { bounded } from "../helpers/waiting.ts";
import { bytesOf, end, stderr, stdout, type WireRecord } from "../vectors/wire.ts";
import { textOrError } from "./application.ts";

/** A right answer, and the body in it. */
function rightAnswer(random: Random): { records: WireRecord[]; body: string } {
  const body = "b".repeat(random.length() % 60_000);
  const cut = random.below(body.length + 1);
  const records = [
    stdout(1, `Status: 200\r\nContent-Length: ${body.length}\r\n`),
    stdout(1, "X-A: b\r\n\r\n" + body.slice(0, cut)),
    stdout(1, body.slice(cut)),
    stdout(1),
    end(1),
  ].filter(({ content }, at) => at > 2 || content.length > 0);
  if (random.once(2)) records.splice(random.below(3), 0, stderr(1, "a note"));
  return { records, body };
}

/** The answer with a record too few, too many or out of its place. */
function disorder(records: WireRecord[], random: Random): Uint8Array {
  const [record] = records.splice(random.below(records.length), 1);
  if (random.once(2)) records.splice(random.below(records.length + 1), 0, record!);
  if (random.once(2)) records.splice(random.below(records.length + 1), 0, record!);
  return bytesOf(records);
}

/** The answer with a few bytes wrong. */
function spoil(records: WireRecord[], random: Random): Uint8Array {
  let spoilt = [...bytesOf(records).subarray(0, 4096)];
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(spoilt.length + 1);
    const count = 1 + random.below(random.pick([1, 8, 40]));
    const way = random.below(5);
    if (way === 0) spoilt[at] = random.below(256);
    else if (way === 1) spoilt.splice(at, count);
    else if (way === 2) spoilt.splice(at, 0, ...random.bytes(count));
    else if (way === 3) spoilt.splice(at, 0, ...spoilt.slice(at, at + count));
    else spoilt = spoilt.slice(0, at);
  }
  return Uint8Array.from(spoilt);
}

/** A connection that answers with `bytes` in pieces, and then ends in some way. */
function answering(bytes: Uint8Array, random: Random) {
  return (open: Accept): Promise<Transport> => {
    let closed = false;
    let answered = false;
    const ignore = (): void => {};
    const close = (): void => {
      if (closed) return;
      closed = true;
      queueMicrotask(() => sink.closed());
    };
    const answer = async (): Promise<void> => {
      for (let at = 0; at < bytes.length && !closed;) {
        const size = 1 + random.below(random.pick([1, 20, 200_000]));
        await Promise.resolve();
        if (!closed) sink.received(bytes.slice(at, at + size), false);
        at += size;
      }
      await Promise.resolve();
      if (closed) return;
      if (random.once(2)) return sink.ended();
      closed = true;
      sink.closed(new Error("reset"));
    };
    const write = (): boolean => {
      if (!answered) answer();
      return answered = true;
    };
    const transport: Transport = {
      remoteAddr: { transport: "unix", path: "" },
      write,
      shutdown: () => true,
      pause: ignore,
      resume: ignore,
      ref: ignore,
      unref: ignore,
      close,
      reset: close,
    };
    const sink: TransportSink = open(transport);
    return Promise.resolve(transport);
  };
}

for (const spoils of [false, true]) {
  const name = spoils
    ? "ends, and takes no part for a whole, when answers are spoilt"
    : "reads right answers in any pieces";
  Deno.test(`fetch ${name}`, async () => {
    for (let seed = 1; seed <= 1500; seed++) {
      const random = new Random(seed);
      const { records, body } = rightAnswer(random);
      const sent = !spoils ? bytesOf(records) : random.once(2) ? spoil(records, random) : disorder(records, random);
      const settings = resolveClient({ keepAlive: random.once(2), maxHeadBytes: 1000, onStderr: () => {} });
      const client = new FastCgiClient(settings, answering(sent, random));
      const response = await bounded(client.fetch("/").catch((error) => error as Error), `a response, seed ${seed}`);
      const result = response instanceof Error ? response : await textOrError(response);
      if (!spoils) assertEquals(result === body, true, `seed ${seed}`);
      if (!(result instanceof Error) && response instanceof Response) {
        const length = response.headers.get("content-length");
        // Bytes that are no UTF-8 become longer; there are none in a body that is whole.
        if (length !== null && /^b*$/.test(result)) assertEquals(result.length, Number(length), `seed ${seed}`);
      }
      assertEquals(client.stats().activeRequests, 0, `seed ${seed}`);
      await bounded(client.close(), `the client to close, seed ${seed}`);
    }
  });
}
