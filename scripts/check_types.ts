/**
 * Type-checks the entry points as a program on Node does: TypeScript's own compiler, the types of Node, none of Deno's;
 * once without and once with the DOM's types.
 *
 * ```sh
 * deno run -A scripts/check_types.ts
 * ```
 */

import ts from "typescript";
import config from "../deno.json" with { type: "json" };
import { root } from "./list_files.ts";
import { nodeTypes } from "./package.ts";

const languages: { readonly [title: string]: readonly string[] } = {
  "without the DOM's types": ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
  "with the DOM's types": [
    "lib.es2023.d.ts",
    "lib.esnext.disposable.d.ts",
    "lib.dom.d.ts",
    "lib.dom.iterable.d.ts",
    "lib.dom.asynciterable.d.ts",
  ],
};

/** Installs the types of Node below `.cache/`, once for each version, and gives back the folder that `types` needs. */
async function installNodeTypes(): Promise<string> {
  const folder = new URL(`.cache/node-types-${nodeTypes}/`, root);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(new URL("deno.json", folder), `{ "nodeModulesDir": "auto" }`);
  const dependencies = { "@types/node": nodeTypes };
  await Deno.writeTextFile(new URL("package.json", folder), JSON.stringify({ private: true, dependencies }));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet"],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(120_000),
  }).output();
  if (!success) throw new Error(`Cannot install @types/node: ${new TextDecoder().decode(stderr)}`);
  return new URL("node_modules/@types", folder).pathname;
}

const typeRoots = [await installNodeTypes()];
const entryPoints = Object.values(config.exports).map((path) => new URL(path, root).pathname);
let faults = 0;
for (const [title, lib] of Object.entries(languages)) {
  const program = ts.createProgram(entryPoints, {
    lib: [...lib],
    types: ["node"],
    typeRoots,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
    isolatedDeclarations: true,
    declaration: true,
    erasableSyntaxOnly: true,
    skipLibCheck: true,
  });
  const diagnostics = ts.getPreEmitDiagnostics(program);
  faults += diagnostics.length;
  if (diagnostics.length > 0) console.log(`${title}:`);
  console.log(ts.formatDiagnostics(diagnostics, {
    getCanonicalFileName: (path): string => path,
    getCurrentDirectory: (): string => root.pathname,
    getNewLine: (): string => "\n",
  }));
}
Deno.exitCode = faults === 0 ? 0 : 1;
