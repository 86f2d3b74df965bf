/**
 * Checks the documentation: `deno doc --lint` (which wants a text on every symbol), a text on every entry point, an
 * `@example` with code on every function and class, and the types of all code in doc comments, README and docs/.
 *
 * `deno task gate:docs` runs it.
 */

import { existsSync } from "node:fs";
import config from "../deno.json" with { type: "json" };
import { outputOf } from "../tests/helpers/output_of.ts";
import { listFiles, root } from "./list_files.ts";

interface Declaration {
  readonly kind: string;
  readonly location: { readonly filename: string; readonly line: number };
  readonly jsDoc?: { readonly tags?: readonly { readonly kind: string; readonly doc?: string }[] };
}

/** The part of `deno doc --json` that is read here. */
export interface Documentation {
  readonly nodes: {
    readonly [entryPoint: string]: {
      readonly module_doc?: { readonly doc?: string };
      readonly symbols: readonly { readonly name: string; readonly declarations: readonly Declaration[] }[];
    };
  };
}

/** Gives back a sentence for each function and class without an example in code. */
export function missingExamples(documentation: Documentation): string[] {
  const missing = new Set<string>();
  for (const { symbols } of Object.values(documentation.nodes)) {
    for (const { name, declarations } of symbols) {
      const [first] = declarations.filter(({ kind }) => kind === "function" || kind === "class");
      // One of a function's overloads is enough.
      const tags = declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? []);
      if (!first || tags.some(({ kind, doc }) => kind === "example" && doc?.includes("```ts"))) continue;
      missing.add(`${first.location.filename.replace(root.href, "")}:${first.location.line} ${name} has no @example`);
    }
  }
  return [...missing];
}

/** Gives back a sentence for each entry point without a text of its own. */
export function missingTexts({ nodes }: Documentation): string[] {
  return Object.entries(nodes).filter(([, { module_doc: text }]) => !text?.doc).map(([path]) =>
    `${path.replace(root.href, "")} does not begin with a text on the module`
  );
}

/** Gives back the TypeScript blocks of a Markdown text that Deno leaves alone: those marked `ignore`. */
export function ignoredBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```ts\b[^\n]*\bignore\b[^\n]*\n(.*?)^```$/gms)].map(([, code]) => code ?? "");
}

/** The Markdown files whose code is checked. */
function markdownFiles(): string[] {
  return ["README.md", ...existsSync(new URL("docs/", root)) ? listFiles("docs/", ".md") : []];
}

async function main(): Promise<void> {
  const entryPoints = Object.values(config.exports);
  const deno = (...args: string[]): Promise<string> => outputOf([Deno.execPath(), ...args], { cwd: root });
  await deno("doc", "--lint", ...entryPoints);
  const documentation: Documentation = JSON.parse(await deno("doc", "--json", ...entryPoints));
  const missing = [...missingTexts(documentation), ...missingExamples(documentation)];
  if (missing.length > 0) throw new Error(missing.join("\n"));
  const symbols = Object.values(documentation.nodes).flatMap(({ symbols }) => symbols);
  console.log(`${entryPoints.length} entry points and ${symbols.length} symbols are documented`);

  // Outside the checkout: what lies in it unfinished is excluded from checks.
  const folder = await Deno.makeTempDir();
  try {
    const files: string[] = [];
    for (const path of markdownFiles()) {
      for (const block of ignoredBlocks(await Deno.readTextFile(new URL(path, root)))) {
        const file = `${folder}/${files.length}.ts`;
        await Deno.writeTextFile(file, `${block}\nexport {};\n`);
        files.push(file);
      }
    }
    await deno("check", "--quiet", "--config=deno.json", "--doc", "src", ...entryPoints, ...markdownFiles(), ...files);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    console.log(error.message);
    Deno.exitCode = 1;
  });
}
