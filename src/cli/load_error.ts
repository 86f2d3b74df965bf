/** What `import()` fails with, which each runtime words in its own way, as one line for people. */

import { runtimeText } from "./console.ts";

/** Where this package's modules are, in which no application's mistake is: a folder, or the one file of a bundle. */
const OURS = decoded(new URL(/\/cli\/load_error\.\w+$/.test(import.meta.url) ? ".." : "", import.meta.url).pathname);

interface ImportError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly stack?: string;
  /** Bun's. */
  readonly position?: { readonly file?: string; readonly line?: number; readonly column?: number } | null;
}

/** Says what is wrong, where, and what to do. */
export function loadErrorText(error: unknown): string {
  if (typeof error !== "object" || error === null) return `it throws ${String(error)}`;
  const { name = "Error", code, message = "" } = error as ImportError;
  const [text, remedy] = explanation(code, plain(message));
  // Deno says TypeError of a module that is not found, and that of a syntax error too.
  const isPlain = code === "ERR_MODULE_NOT_FOUND" || /^\w*Error: /.test(text);
  const what = isPlain || /^(?:Error|BuildMessage|ResolveMessage)$/.test(name) ? text : `${name}: ${text}`;
  const where = placeOf(error as ImportError);
  if (where === undefined) {
    const check = name === "SyntaxError" && runtimeText().startsWith("Node") ? "node --check shows the line" : remedy;
    return check === "" ? what : `${what}; ${check}`;
  }
  return `${text.includes(where) ? what : `${what}, at ${where}`}${remedy === "" ? "" : `; ${remedy}`}`;
}

function explanation(code: string | undefined, message: string): [text: string, remedy: string] {
  const [first = "", ...rest] = message.split("\n");
  const hint = rest.map((line) => /^\s*hint: (.*)/.exec(line)?.[1]).find((it) => it !== undefined) ?? "";
  if (code === "ERR_UNKNOWN_FILE_EXTENSION") {
    const [, extension] = /"(\.\w+)"/.exec(first) ?? [];
    const remedy = extension === ".ts" || extension === ".mts"
      ? "this Node runs no TypeScript: use Node 22.18 or later, Deno or Bun, or name a file of JavaScript"
      : "Node runs no such file: build it, or use Deno or Bun";
    return [first, remedy];
  }
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return [first, "leave it out, or run node with --experimental-transform-types, Deno or Bun"];
  }
  return [first, hint];
}

/** The first place of a file in an error: `/srv/app/server.ts:3:33`. */
function placeOf({ position, stack = "", message = "" }: ImportError): string | undefined {
  if (position?.file) return `${position.file}:${position.line}:${position.column}`;
  for (const line of plain(`${message}\n${stack}`).split("\n")) {
    const [, place] = /(?:^|[\s(])(?:file:\/\/)?(\/[^\s()]*:\d+(?::\d+)?)\)?$/.exec(line) ?? [];
    if (place !== undefined && !decoded(place).startsWith(OURS)) return decoded(place);
    if (/^\s*at .*\(?node:internal/.test(line)) return undefined;
  }
  return undefined;
}

function decoded(place: string): string {
  try {
    return decodeURI(place);
  } catch {
    return place;
  }
}

/** Without the colours that Deno has in its messages. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[\d;]*m/g, "");
}
