/**
 * Checks the documentation: `deno doc --lint`, an `@example` with code on every function and class of the entry points,
 * and the types of all code in doc comments and in the README.
 *
 * ```sh
 * deno run -A scripts/check_docs.ts
 * ```
 */

import config from "../deno.json" with { type: "json" };
import { root } from "./list_files.ts";

interface Declaration {
  readonly kind: string;
  readonly location: { readonly filename: string; readonly line: number };
  readonly jsDoc?: { readonly tags?: readonly { readonly kind: string; readonly doc?: string }[] };
}

/** The part of `deno doc --json` that is read here. */
export interface Documentation {
  readonly nodes: {
    readonly [entryPoint: string]: {
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

/** Gives back the TypeScript blocks of a Markdown text that Deno leaves alone: those marked `ignore`. */
export function ignoredBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```ts\b[^\n]*\bignore\b[^\n]*\n(.*?)^```$/gms)].map(([, code]) => code ?? "");
}

async function deno(...args: string[]): Promise<{ success: boolean; text: string; errors: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(120_000),
  }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

async function main(): Promise<number> {
  const entryPoints = Object.values(config.exports);
  const faults: string[] = [];

  const lint = await deno("doc", "--lint", ...entryPoints);
  if (!lint.success) faults.push(lint.errors);

  const documentation: Documentation = JSON.parse((await deno("doc", "--json", ...entryPoints)).text);
  if (Object.values(documentation.nodes).every(({ symbols }) => symbols.length === 0)) {
    faults.push("deno doc found no symbol");
  }
  faults.push(...missingExamples(documentation));

  // Outside the checkout: what lies in it unfinished is excluded from checks.
  const folder = await Deno.makeTempDir();
  try {
    const blocks = ignoredBlocks(await Deno.readTextFile(new URL("README.md", root)));
    const files = blocks.map((_, index) => `${folder}/${index + 1}.ts`);
    for (const [index, file] of files.entries()) await Deno.writeTextFile(file, `${blocks[index]}\nexport {};\n`);
    const check = await deno(
      "check",
      "--quiet",
      "--config=deno.json",
      "--doc",
      "README.md",
      "src",
      ...entryPoints,
      ...files,
    );
    if (!check.success) faults.push(check.errors);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }

  for (const fault of faults) console.log(fault.trim());
  return faults.length;
}

if (import.meta.main) Deno.exitCode = await main() === 0 ? 0 : 1;
