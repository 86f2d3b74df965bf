/**
 * Checks what the compiler cannot: who may import whom in `src/`, and that runtime names stay in `src/runtime/`.
 *
 * ```sh
 * deno run -A scripts/check_laws.ts
 * ```
 */

import ts from "typescript";
import { listFiles, root } from "./list_files.ts";

/**
 * What each part of the library may import besides its own files; anything not listed is forbidden.
 *
 * A part is a file, or a folder with all that is in it but the files listed by name.
 */
const mayImport: { readonly [part: string]: readonly string[] } = {
  "src/errors.ts": [],
  "src/protocol/": ["src/errors.ts"],
  "src/cgi/": ["src/errors.ts"],
  "src/streams/": ["src/protocol/", "src/errors.ts"],
  "src/runtime/transport.ts": [],
  "src/runtime/files.ts": [],
  "src/runtime/clock.ts": [],
  "src/runtime/address.ts": [],
  "src/runtime/": ["src/runtime/transport.ts", "src/runtime/files.ts", "src/runtime/address.ts", "src/errors.ts"],
  "src/connection/": ["src/protocol/", "src/runtime/transport.ts", "src/runtime/clock.ts", "src/errors.ts"],
  "src/fetch/": ["src/cgi/", "src/connection/", "src/errors.ts"],
  "src/server/": [
    "src/protocol/",
    "src/cgi/",
    "src/connection/",
    "src/fetch/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
    "src/runtime/clock.ts",
    "src/errors.ts",
  ],
  "src/client/": [
    "src/protocol/",
    "src/cgi/",
    "src/connection/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
    "src/runtime/clock.ts",
    "src/errors.ts",
  ],
  "src/bridge/": ["src/client/", "src/cgi/", "src/runtime/files.ts", "src/errors.ts"],
  // The composition roots: they choose the transport, so that what they put together need not know of it.
  "src/serve.ts": [
    "src/server/",
    "src/fetch/",
    "src/runtime/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
    "src/errors.ts",
  ],
  "src/client.ts": [
    "src/client/",
    "src/runtime/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
    "src/errors.ts",
  ],
  "src/bridge.ts": ["src/bridge/", "src/client/", "src/runtime/", "src/runtime/files.ts", "src/errors.ts"],
  "src/codec.ts": ["src/protocol/", "src/streams/", "src/errors.ts"],
  "mod.ts": [
    "src/serve.ts",
    "src/server/",
    "src/fetch/",
    "src/cgi/",
    "src/runtime/",
    "src/runtime/transport.ts",
    "src/errors.ts",
  ],
};

/** Files that hold nothing but `export … from`. */
const onlyReExports: readonly string[] = ["mod.ts", "src/codec.ts"];

/** Globals that only some runtimes have, or that are not the same on all. */
const runtimeNames = new Set(["Deno", "Bun", "process", "Buffer", "require", "setImmediate", "navigator"]);

/** Gives back one sentence for each broken law; `sources` are the texts by their paths in the checkout. */
export function brokenLaws(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([path, text]) => {
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    const faults = [...importFaults(file, sources), ...moduleFaults(file)];
    if (!path.startsWith("src/runtime/")) faults.push(...runtimeNameFaults(file));
    return faults.map(([node, fault]) => {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      return `${path}:${line + 1} ${fault}`;
    });
  });
}

type Fault = readonly [node: ts.Node, fault: string];

/** The part of the library that a path belongs to: the longest match in the table. */
function partOf(path: string): string | undefined {
  return Object.keys(mayImport)
    .filter((part) => part.endsWith("/") ? path.startsWith(part) : path === part)
    .sort((a, b) => b.length - a.length)[0];
}

function importFaults(file: ts.SourceFile, sources: ReadonlyMap<string, string>): Fault[] {
  const part = partOf(file.fileName);
  if (part === undefined) return [[file, "is in no part of the library that the table of imports names"]];
  const faults: Fault[] = [];
  for (const node of descendants(file)) {
    const specifier = importedBy(node);
    if (specifier === undefined) continue;
    if (!ts.isStringLiteral(specifier)) {
      faults.push([node, "imports what only running it tells"]);
      continue;
    }
    const name = specifier.text;
    if (!name.startsWith(".")) {
      if (!name.startsWith("node:") || !part.startsWith("src/runtime/")) faults.push([node, `may not import ${name}`]);
      continue;
    }
    const target = new URL(name, `file:///${file.fileName}`).pathname.slice(1);
    const targetPart = partOf(target);
    if (!sources.has(target)) faults.push([node, `imports ${target}, which is no source of the library`]);
    else if (targetPart !== part && !mayImport[part]?.includes(targetPart ?? "")) {
      faults.push([node, `may not import ${target}`]);
    }
  }
  for (const reference of [...file.referencedFiles, ...file.typeReferenceDirectives, ...file.libReferenceDirectives]) {
    faults.push([file, `may not reference ${reference.fileName}`]);
  }
  return faults;
}

/** The expression that names the module, if the node imports one in any of the ways there are. */
function importedBy(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0];
  return undefined;
}

function moduleFaults(file: ts.SourceFile): Fault[] {
  const faults: Fault[] = [];
  for (const statement of file.statements) {
    if (onlyReExports.includes(file.fileName) && !(ts.isExportDeclaration(statement) && statement.moduleSpecifier)) {
      faults.push([statement, "may only re-export"]);
    }
    if (ts.isVariableStatement(statement) && !(statement.declarationList.flags & ts.NodeFlags.Const)) {
      faults.push([statement, "keeps state in a module"]);
    }
    const isDefault = ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword);
    if (isDefault || ts.isExportAssignment(statement)) faults.push([statement, "has a default export"]);
  }
  return faults;
}

/** Finds the names as globals, as members of `globalThis` and as strings that could index it, not as other members. */
function runtimeNameFaults(file: ts.SourceFile): Fault[] {
  return descendants(file).filter((node) => {
    if (ts.isStringLiteralLike(node)) return runtimeNames.has(node.text);
    if (!ts.isIdentifier(node) || !runtimeNames.has(node.text)) return false;
    const { parent } = node;
    if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
      return /^\W*(globalThis|self|window|global)\b/.test(parent.expression.getText(file));
    }
    const isMemberName = (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) || ts.isPropertyDeclaration(parent)) && parent.name === node;
    return !isMemberName;
  }).map((node): Fault => [node, `mentions ${node.getText(file)}, a runtime's name, outside src/runtime/`]);
}

function descendants(node: ts.Node): ts.Node[] {
  const found: ts.Node[] = [];
  ts.forEachChild(node, (child) => {
    found.push(child, ...descendants(child));
  });
  return found;
}

if (import.meta.main) {
  const paths = [...listFiles("src/", ".ts"), "mod.ts"];
  const faults = brokenLaws(new Map(paths.map((path) => [path, Deno.readTextFileSync(new URL(path, root))])));
  for (const fault of faults) console.log(fault);
  console.log(`${paths.length} files, ${faults.length} faults`);
  Deno.exitCode = faults.length === 0 ? 0 : 1;
}
