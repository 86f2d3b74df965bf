/**
 * Has the compiler prove that `src/protocol/` and `src/cgi/` are pure: it knows nothing but the language and the few
 * names declared here, so a timer, a stream, a socket, `console` or `fetch` in them does not compile.
 *
 * ```sh
 * deno run -A scripts/check_purity.ts
 * ```
 */

import ts from "typescript";
import { listFiles, root } from "./list_files.ts";

const text: string = `
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array): string;
}
`;

/** What Fetch calls a URL and headers: values, which need no runtime. */
const fetchValues: string = `
declare class URL {
  constructor(url: string, base?: string);
  readonly href: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  static canParse(url: string): boolean;
}
declare class Headers {
  constructor(init?: Iterable<[string, string]>);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}
`;

/** The pure folders, and what they may know beside the language. */
const pureFolders: { readonly [folder in PureFolder]: string } = {
  "src/protocol/": text,
  "src/cgi/": text + fetchValues,
};

/** A folder that must be pure. */
export type PureFolder = "src/protocol/" | "src/cgi/";

/**
 * Compiles a folder and gives back the compiler's complaints.
 *
 * @param planted The text of one more file in the folder, for tests.
 */
export function impurities(folder: PureFolder, planted?: string): string[] {
  const options: ts.CompilerOptions = {
    lib: ["lib.esnext.d.ts"],
    types: [],
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
  };
  const virtual = new Map([[`${root.pathname}known_names.d.ts`, pureFolders[folder]]]);
  if (planted !== undefined) virtual.set(`${root.pathname}${folder}planted.ts`, planted);
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (path): boolean => virtual.has(path) || fileExists(path);
  host.getSourceFile = (path, languageVersion, ...rest): ts.SourceFile | undefined => {
    const known = virtual.get(path);
    return known === undefined
      ? getSourceFile(path, languageVersion, ...rest)
      : ts.createSourceFile(path, known, languageVersion);
  };
  const files = listFiles(folder, ".ts").map((path) => root.pathname + path);
  const program = ts.createProgram([...files, ...virtual.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
    const { file, start = 0 } = diagnostic;
    if (!file) return message;
    const { line } = file.getLineAndCharacterOfPosition(start);
    return `${file.fileName.replace(root.pathname, "")}:${line + 1} ${message}`;
  });
}

if (import.meta.main) {
  const faults = (Object.keys(pureFolders) as PureFolder[]).flatMap((folder) => impurities(folder));
  for (const fault of faults) console.log(fault);
  console.log(`${faults.length} faults`);
  Deno.exitCode = faults.length === 0 ? 0 : 1;
}
