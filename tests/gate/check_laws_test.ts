import plugin from "../../scripts/check_laws.ts";
import { assertEquals } from "../std/assert.ts";

function lawsBrokenBy(path: string, text: string): string[] {
  return Deno.lint.runPlugin(plugin, path, text).map(({ message }) => message);
}

const allowed: [path: string, text: string][] = [
  ["src/protocol/a.ts", `import { ProtocolError } from "../errors.ts"; import "./constants.ts";`],
  ["src/server/a.ts", `import type { Transport } from "../runtime/transport.ts";`],
  [
    "src/runtime/deno.ts",
    `import { createServer } from "node:net"; import "./transport.ts"; Deno.listen({ port: 0 });`,
  ],
  ["src/fetch/a.ts", `typeof Bun === "object"; ({ Deno: 1 });`],
  ["tests/a.ts", `import "npm:ws"; let a = Deno.pid;`],
  ["src/runtime/detect.ts", `await import("./node.ts"); (globalThis as { Deno?: unknown }).Deno;`],
  ["src/cgi/a.ts", `class Parser { process(): void {} } new Parser().process(); // process, Deno and Bun`],
  ["src/codec.ts", `export * from "./protocol/constants.ts"; export type { A } from "./errors.ts";`],
];

for (const [path, text] of allowed) {
  Deno.test(`check_laws allows in ${path}: ${text}`, () => assertEquals(lawsBrokenBy(path, text), []));
}

const forbidden: [path: string, text: string, fault: string][] = [
  ["src/protocol/a.ts", `import "../server/connection.ts";`, "may not import src/server/connection.ts"],
  ["src/protocol/a.ts", `import type { A } from "../runtime/transport.ts";`, "may not import src/runtime/transport.ts"],
  ["src/protocol/a.ts", `export * from "../server/connection.ts";`, "may not import src/server/connection.ts"],
  ["src/protocol/a.ts", `type A = import("../serve.ts").A;`, "may not import src/serve.ts"],
  ["src/protocol/a.ts", `await import("../serve.ts");`, "may not import src/serve.ts"],
  ["src/server/a.ts", `import "../runtime/node.ts";`, "may not import src/runtime/node.ts"],
  ["src/server/a.ts", `import "../../mod.ts";`, "may not import mod.ts"],
  ["src/runtime/node.ts", `import "../server/connection.ts";`, "may not import src/server/connection.ts"],
  ["src/runtime/transport.ts", `import "./node.ts";`, "may not import src/runtime/node.ts"],
  ["src/server/a.ts", `import "node:net";`, "may not import node:net"],
  ["src/runtime/node.ts", `import "npm:ws";`, "may not import npm:ws"],
  ["src/server/a.ts", `import "@std/assert";`, "may not import @std/assert"],
  ["src/server/a.ts", `import "../../tests/runner.ts";`, "may not import tests/runner.ts"],
  ["src/server/a.ts", `const name = "./b.ts"; await import(name);`, "imports what only running it tells"],
  ["src/server/a.ts", `/// <reference types="node" />`, `may not have /// <reference types="node" />`],
  ["src/other/a.ts", ``, "no part of the library in the table is src/other/a.ts"],
  [
    "src/server/a.ts",
    `Deno.exit();`,
    "mentions Deno, a runtime's name, outside src/runtime/ and src/fetch/ and src/cli/",
  ],
  [
    "src/server/a.ts",
    `globalThis.Bun;`,
    "mentions Bun, a runtime's name, outside src/runtime/ and src/fetch/ and src/cli/",
  ],
  [
    "src/server/a.ts",
    `(globalThis as never).process;`,
    "mentions process, a runtime's name, outside src/runtime/ and src/fetch/ and src/cli/",
  ],
  [
    "src/server/a.ts",
    `globalThis["Deno"];`,
    `mentions Deno, a runtime's name, outside src/runtime/ and src/fetch/ and src/cli/`,
  ],
  [
    "src/server/a.ts",
    `const { Deno } = globalThis;`,
    "mentions Deno, a runtime's name, outside src/runtime/ and src/fetch/ and src/cli/",
  ],
  ["src/server/a.ts", `let count = 0;`, "keeps state in a module"],
  ["src/server/a.ts", `export default function a(): void {}`, "has a default export"],
  ["src/server/a.ts", `export default 1;`, "has a default export"],
  ["src/server/a.ts", `export let count = 0;`, "keeps state in a module"],
  ["mod.ts", `const a = 1;`, "may only re-export"],
];

for (const [path, text, fault] of forbidden) {
  Deno.test(`check_laws finds in ${path}: ${text}`, () => {
    assertEquals(lawsBrokenBy(path, text), [fault]);
  });
}
