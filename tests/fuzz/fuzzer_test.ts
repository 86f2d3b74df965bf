import { assert, assertEquals } from "../std/assert.ts";
import { parametersTarget, readHeadTarget, writtenHeadTarget } from "./cgi_targets.ts";
import { Fuzzer } from "./fuzzer.ts";
import { protocolTargets } from "./protocol_targets.ts";
import { must, type Target } from "./target.ts";
import { textTarget } from "./text_target.ts";

const targets = [...protocolTargets, parametersTarget, writtenHeadTarget, readHeadTarget, textTarget] as Target<
  unknown
>[];

for (const target of targets) {
  Deno.test(`Fuzzer finds no fault in ${target.name} within 800 inputs near its seeds`, () => {
    const fuzzer = new Fuzzer(target, 7);
    const finding = fuzzer.seeds() ?? fuzzer.run(800);
    assertEquals(finding && { ...finding, error: String(finding.error) }, undefined);
  });
}

Deno.test("Fuzzer finds a fault that follows from two bytes, and leaves out what it does not need", () => {
  const faulty: Target<Uint8Array> = {
    ...readHeadTarget,
    check(input, cutSeed, trace) {
      readHeadTarget.check(input, cutSeed, trace);
      must(!(input.includes(0x7f) && input.includes(0x3a)), "a planted fault");
    },
  };
  const fuzzer = new Fuzzer(faulty, 1);
  const finding = fuzzer.seeds() ?? fuzzer.run(20_000);
  assertEquals(String(finding?.error), "Broken: a planted fault");
  assert(finding && finding.input.length === 2);
});
