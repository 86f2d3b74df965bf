import { BodyProgress } from "../../src/connection/body_progress.ts";
import { ForeignStream } from "../../src/connection/foreign_stream.ts";
import { checkChunk } from "../../src/connection/outgoing_body.ts";
import { assertEquals, assertThrows } from "../std/assert.ts";
import { gate, sleep } from "../helpers/waiting.ts";

Deno.test("ForeignStream reads to the end, and cancels its source once", async () => {
  const reasons: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(3)),
    cancel: (reason) => void reasons.push(reason),
  });
  const foreign = new ForeignStream(stream, null);
  assertThrows(() => new ForeignStream(stream, null), TypeError);
  assertEquals((await foreign.read()).value?.length, 3);
  foreign.cancel("enough");
  foreign.cancel("again");
  assertEquals([reasons, (await foreign.read()).done], [["enough"], true]);
});

for (const how of ["throws", "rejects", "never settles"] as const) {
  Deno.test(`ForeignStream.cancel causes nothing when its source ${how}`, async () => {
    const stream = new ReadableStream<Uint8Array>({
      cancel() {
        if (how === "throws") throw new Error("on purpose");
        return how === "rejects" ? Promise.reject(new Error("on purpose")) : gate().promise;
      },
    });
    const foreign = new ForeignStream(stream, null);
    const read = foreign.read();
    foreign.cancel("enough");
    assertEquals((await read).done, true);
    // A rejection that no one handles would fail the test.
    await sleep(5);
  });
}

for (const read of [0, 1, 3]) {
  Deno.test(`ForeignStream.cancel lets the process live when ${read} parts of FormData have been read`, async () => {
    const form = new FormData();
    form.set("file", new File([new Uint8Array(4 << 20)], "f"));
    const request = new Request("http://a/", { method: "POST", body: form });
    const foreign = new ForeignStream(request.body!, request.headers.get("content-type"));
    for (let at = 0; at < read; at++) await foreign.read();
    const pending = foreign.read().catch((error) => error);
    foreign.cancel("enough");
    await pending;
    // Node 24 throws several turns later, where nothing can catch it.
    await sleep(30);
  });
}

Deno.test("checkChunk takes bytes and nothing else", () => {
  checkChunk(new Uint8Array(1), "Cannot send request");
  for (const chunk of ["text", 1, null, undefined, new ArrayBuffer(1)]) {
    assertThrows(
      () => checkChunk(chunk, "Cannot send request"),
      TypeError,
      "Cannot send request: its body's stream gave",
    );
  }
});

Deno.test("BodyProgress is late when less than 1,024 bytes come within the time-out", () => {
  const progress = new BodyProgress(0);
  progress.add(1023, 900);
  assertEquals([progress.isLate(999, 1000), progress.isLate(1000, 1000)], [false, true]);
  progress.add(1, 950);
  assertEquals([progress.isLate(1949, 1000), progress.isLate(1950, 1000)], [false, true]);
  progress.add(500, 1900);
  progress.restart(1960);
  progress.add(600, 2000);
  assertEquals([progress.isLate(2959, 1000), progress.isLate(2960, 1000)], [false, true]);
  assertEquals(progress.isLate(1e12, Infinity), false);
});
