import { assert, assertEquals } from "../std/assert.ts";
import { type Flow, flowInput, flowOutput, flows } from "../vectors/flows.ts";
import { begin, bytesOf, pairs, params, stdin } from "../vectors/wire.ts";
import { cuts } from "./cuts.ts";
import { playFlow } from "./play_flow.ts";
import { latin1Text } from "../helpers/bytes.ts";

for (const flow of flows) {
  Deno.test(`ApplicationConnection has the same events and output however cut: ${flow.name}`, () => {
    for (const cut of cuts) {
      const played = playFlow(flow, cut.chunks(flowInput(flow)));
      assertEquals(played.events, flow.events, cut.name);
      assertEquals(latin1Text(played.output), latin1Text(flowOutput(flow)), cut.name);
      assertEquals(played.error, flow.error, cut.name);
      assertEquals(played.finished, flow.finished ?? false, cut.name);
      assertEquals(played.active, flow.active ?? 0, cut.name);
      if (flow.error === undefined) assertEquals(played.idle, played.active === 0, cut.name);
    }
  });
}

Deno.test("flows have unique names", () => {
  assertEquals(new Set(flows.map((flow) => flow.name)).size, flows.length);
});

Deno.test("ApplicationConnection reads PARAMS when a record ends anywhere in them", () => {
  const texts = ["A", "", "REQUEST_METHOD", "GET", "LONG", "v".repeat(200), "n".repeat(128), "x"];
  const block = pairs(...texts);
  for (let at = 1; at < block.length; at++) {
    for (const until of [at, Math.min(at + 3, block.length)]) {
      const parts = [block.slice(0, at), block.slice(at, until), block.slice(until)].filter((part) => part !== "");
      const flow: Flow = {
        name: "PARAMS cut",
        input: [begin(1, 1, 1), ...parts.map((part) => params(1, part, at % 9)), params(1), stdin(1)],
        events: [["request", 1, 1, ...texts], ["stdin-end", 1]],
        output: [],
      };
      for (const cut of cuts.slice(0, 3)) {
        assertEquals(playFlow(flow, cut.chunks(flowInput(flow))).events, flow.events, `${at} ${cut.name}`);
      }
    }
  }
});

Deno.test("ApplicationConnection is not idle when the input ends anywhere within a record", () => {
  const whole = bytesOf([begin(1, 4, 0), params(1, "", 3), stdin(9, "abc", 5)]);
  const borders = [16, 27, 43];
  const flow: Flow = { name: "cut off", input: [], events: [], output: [] };
  for (let length = 1; length <= whole.length; length++) {
    const played = playFlow(flow, [whole.slice(0, length)]);
    assert(played.error === undefined && played.active === 0);
    assertEquals(played.idle, borders.includes(length), `${length} bytes`);
  }
});
