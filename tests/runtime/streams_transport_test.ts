import { openStreams } from "../../src/runtime/streams_transport.ts";
import { assertEquals, assertInstanceOf, assertLess, assertStrictEquals } from "../std/assert.ts";
import { type Behaviour, firstDifference, pattern, Recorder } from "./recorder.ts";
import { latin1Bytes } from "../helpers/bytes.ts";
import { sleep, until } from "../helpers/waiting.ts";

/** The far end of a pair of streams. */
class FarEnd {
  input!: ReadableStreamDefaultController<unknown>;
  readonly output: Uint8Array[] = [];
  readonly log: string[] = [];
  pulls = 0;
  /** While this is not settled, nothing is taken. */
  gate: Promise<void> = Promise.resolve();
  openGate!: () => void;
  recorder!: Recorder;

  static open(behaviour: Behaviour = {}): FarEnd {
    const far = new FarEnd();
    const readable = new ReadableStream<Uint8Array>({
      start: (controller) => void (far.input = controller as ReadableStreamDefaultController<unknown>),
      pull: () => void far.pulls++,
      cancel: (reason) => void far.log.push(`cancel ${reason}`),
    }, { highWaterMark: 0 });
    const writable = new WritableStream<Uint8Array>({
      write: async (chunk) => {
        await far.gate;
        far.output.push(chunk);
      },
      close: () => void far.log.push("close"),
      abort: (reason) => void far.log.push(`abort ${reason}`),
    });
    openStreams({ readable, writable }, (transport) => far.recorder = new Recorder(transport, behaviour));
    return far;
  }

  shutGate(): void {
    this.gate = new Promise((resolve) => this.openGate = resolve);
  }
}

Deno.test("openStreams carries bytes both ways when both ends speak", async () => {
  const far = FarEnd.open();
  const { recorder } = far;
  far.input.enqueue(latin1Bytes("ab"));
  far.input.enqueue(new Uint8Array(0));
  far.input.enqueue(latin1Bytes("c"));
  assertEquals(
    recorder.call((transport) => transport.write([latin1Bytes("x"), new Uint8Array(0), latin1Bytes("yz")])),
    true,
  );
  await until(() => recorder.text === "abc" && far.output.length === 2, "all chunks");
  assertEquals(recorder.chunks.length, 2);
  assertEquals(firstDifference(far.output, latin1Bytes("xyz")), -1);
  recorder.call((transport) => transport.shutdown());
  assertEquals(recorder.call((transport) => transport.write([latin1Bytes("late")])), true);
  far.input.close();
  await until(() => recorder.closes === 1, "both sides end");
  assertEquals([recorder.ends, recorder.error, recorder.faults, far.log], [1, undefined, [], ["close"]]);
});

Deno.test("openStreams closes when the peer has ended before", async () => {
  const far = FarEnd.open();
  const { recorder } = far;
  far.input.close();
  await until(() => recorder.ends === 1, "the end");
  await sleep(5);
  assertEquals(recorder.closes, 0);
  recorder.call((transport) => {
    transport.write([latin1Bytes("answer")]);
    transport.shutdown();
    transport.shutdown();
  });
  await until(() => recorder.closes === 1, "the close");
  assertEquals([far.output.length, far.log], [1, ["close"]]);
});

Deno.test("openStreams reads no further when paused", async () => {
  const far = FarEnd.open();
  const { recorder } = far;
  await until(() => far.pulls === 1, "the first pull");
  recorder.call((transport) => transport.pause());
  far.input.enqueue(latin1Bytes("a"));
  await until(() => recorder.text === "a", "the chunk under way");
  far.input.enqueue(latin1Bytes("b"));
  await sleep(10);
  assertEquals([recorder.text, far.pulls], ["a", 1]);
  recorder.call((transport) => transport.resume());
  await until(() => recorder.text === "ab", "the rest");
  recorder.call((transport) => transport.close());
  await until(() => recorder.closes === 1, "the close");
});

Deno.test("Transport.write over streams asks to wait when the writable takes nothing", async () => {
  const far = FarEnd.open();
  const { recorder } = far;
  far.shutGate();
  const piece = pattern(30_000);
  let writes = 1;
  while (recorder.call((transport) => transport.write([piece]))) writes++;
  assertEquals(writes, 3);
  await sleep(5);
  assertEquals([recorder.drains, far.output.length], [0, 0]);
  far.openGate();
  await until(() => recorder.drains === 1, "the drain");
  assertEquals(far.output.length, 3);
  recorder.call((transport) => transport.close());
  await until(() => recorder.closes === 1, "the close");
  assertEquals(recorder.faults, []);
});

Deno.test("TransportSink.closed carries the error when a stream fails", async () => {
  const cause = new Error("cable cut");
  const reading = FarEnd.open();
  reading.input.error(cause);
  await until(() => reading.recorder.closes === 1, "the close");
  assertStrictEquals(reading.recorder.error, cause);

  const writing = FarEnd.open();
  writing.gate = Promise.reject(cause);
  writing.gate.catch(() => {});
  writing.recorder.call((transport) => transport.write([latin1Bytes("x"), latin1Bytes("y")]));
  await until(() => writing.recorder.closes === 1, "the close");
  assertStrictEquals(writing.recorder.error, cause);
  await sleep(5);
  assertEquals([writing.recorder.closes, writing.recorder.faults], [1, []]);
  assertEquals(writing.log, [`cancel ${cause}`]);
});

Deno.test("TransportSink.closed carries a TypeError when a chunk is not bytes", async () => {
  const far = FarEnd.open();
  far.input.enqueue("text");
  await until(() => far.recorder.closes === 1, "the close");
  assertInstanceOf(far.recorder.error, TypeError);
  assertEquals(far.recorder.error?.message, "Cannot read from the stream: its chunks must be Uint8Array, not string");
});

Deno.test("Transport.close over streams cancels and aborts when called, and paused", async () => {
  for (const how of ["close", "reset"] as const) {
    const far = FarEnd.open();
    const { recorder } = far;
    recorder.call((transport) => {
      transport.pause();
      transport[how]();
      transport.close();
      transport.shutdown();
      assertEquals(transport.write([latin1Bytes("x")]), true);
    });
    assertEquals(recorder.closes, 0);
    await until(() => recorder.closes === 1 && far.log.length === 2, "the close");
    const reason = how === "close" ? "undefined" : "Error: The connection was reset";
    assertEquals(far.log.toSorted(), [`abort ${reason}`, `cancel ${reason}`]);
    assertEquals([recorder.error, recorder.faults], [undefined, []]);
    assertLess(recorder.ends, 1);
  }
});
