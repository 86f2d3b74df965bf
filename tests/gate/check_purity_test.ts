import { impurities, type PureFolder } from "../../scripts/check_purity.ts";
import { assertEquals } from "../std/assert.ts";

/** The lines of a planted file that the compiler complains of. */
function impureLines(folder: PureFolder, lines: readonly string[]): string[] {
  const planted = `${folder}planted.ts:`;
  const faults = impurities(folder, lines.join("\n")).filter((fault) => fault.startsWith(planted));
  const numbers = new Set(faults.map((fault) => Number.parseInt(fault.slice(planted.length))));
  return lines.filter((_, index) => numbers.has(index + 1));
}

const textOnly = `export const text: Uint8Array = new TextEncoder().encode(new TextDecoder().decode());`;
const fetchValues = `export const values: string = new URL("http://h/").href + new Headers().get("host");`;
const impure: readonly string[] = [
  `setTimeout(() => {}, 1);`,
  `queueMicrotask(() => {});`,
  `console.log();`,
  `export const stream: ReadableStream | undefined = undefined;`,
  `export const request: Request | undefined = undefined;`,
  `export const response: object = new Response();`,
  `fetch("http://localhost/");`,
  `export const signal: object = AbortSignal.timeout(1);`,
  `export const controller: object = new AbortController();`,
  `performance.now();`,
  `crypto.randomUUID();`,
  `Deno.exit();`,
  `Bun.sleep();`,
  `process.exit();`,
  `Buffer.from("");`,
  `import { createServer } from "node:net";`,
];

Deno.test("impurities finds everything but text in src/protocol/", () => {
  assertEquals(impureLines("src/protocol/", [textOnly, fetchValues, ...impure]), [fetchValues, ...impure]);
});

Deno.test("impurities finds everything but text, URL and Headers in src/cgi/", () => {
  assertEquals(impureLines("src/cgi/", [textOnly, fetchValues, ...impure]), [...impure]);
});
