import { type Documentation, ignoredBlocks, missingExamples, missingTexts } from "../../scripts/check_docs.ts";
import { assertEquals } from "../std/assert.ts";

function documentation(kind: string, ...tags: { kind: string; doc?: string }[]): Documentation {
  const declarations = [{ kind, location: { filename: "a.ts", line: 3 }, jsDoc: { tags } }];
  return { nodes: { "mod.ts": { symbols: [{ name: "a", declarations }] } } };
}

const example = { kind: "example", doc: "A title\n```ts\na();\n```" };

Deno.test("missingExamples wants an example with code of functions and classes", () => {
  const fault = ["a.ts:3 a has no @example"];
  assertEquals(missingExamples(documentation("function")), fault);
  assertEquals(missingExamples(documentation("class")), fault);
  assertEquals(missingExamples(documentation("class", { kind: "example", doc: "Only words" })), fault);
  assertEquals(missingExamples(documentation("function", { kind: "throws" })), fault);
});

Deno.test("missingExamples is content with an example, and wants none of types and constants", () => {
  assertEquals(missingExamples(documentation("function", example)), []);
  assertEquals(missingExamples(documentation("class", { kind: "throws" }, example)), []);
  assertEquals(missingExamples(documentation("interface")), []);
  assertEquals(missingExamples(documentation("variable")), []);
});

Deno.test("missingTexts names the entry points without a text", () => {
  const nodes = { "a.ts": { module_doc: { doc: "A" }, symbols: [] }, "b.ts": { symbols: [] } };
  assertEquals(missingTexts({ nodes }), ["b.ts does not begin with a text on the module"]);
});

Deno.test("ignoredBlocks finds the TypeScript blocks that deno leaves alone", () => {
  const markdown = "```ts\na;\n```\n\n```ts ignore\nb;\nc;\n```\n\n```sh\nd\n```\n```ts ignore file=e.ts\nf;\n```\n";
  assertEquals(ignoredBlocks(markdown), ["b;\nc;\n", "f;\n"]);
});
