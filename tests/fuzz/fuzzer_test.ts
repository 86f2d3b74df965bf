import { assert, assertEquals } from "../std/assert.ts";
import { readHeadTarget } from "./cgi_targets.ts";
import { Fuzzer } from "./fuzzer.ts";
import { must, type Target } from "./target.ts";
import { targets } from "./targets.ts";

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
