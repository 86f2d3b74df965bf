/** The environment of a process that a web server has started as CGI (RFC 3875 §4). Never asks for a permission. */

import { mayReadVariable, readVariable } from "./environment.ts";

interface Process {
  readonly env: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(name: "node:fs"): { readFileSync(path: string, encoding: "latin1"): string };
}

interface Deno {
  readonly version?: { readonly deno?: unknown };
  readonly stdin: { isTerminal(): boolean };
  readonly permissions: {
    querySync(permission: { name: "env" } | { name: "read"; path: string }): { readonly state: string };
  };
}

/** What every CGI process has, and no other. */
const SIGNS = ["GATEWAY_INTERFACE", "REQUEST_METHOD"] as const;
const ENVIRON = "/proc/self/environ";

/** Whether a web server has started this process to answer one request. */
export function isCgi(): boolean {
  return SIGNS.every((variable) => readVariable(variable) !== undefined);
}

/** Whether it could have, unseen: Deno may not read the variables. */
export function mayBeCgi(): boolean {
  const deno = denoGlobal();
  return deno !== undefined && !deno.stdin.isTerminal() && SIGNS.some((variable) => !mayReadVariable(variable));
}

/**
 * All variables as a flat list, one character a byte.
 *
 * @throws {Error} If Deno may read only some.
 */
export function cgiVariables(): string[] {
  const deno = denoGlobal();
  const isGranted = (permission: { name: "env" } | { name: "read"; path: string }): boolean =>
    deno === undefined || deno.permissions.querySync(permission).state === "granted";
  if (!isGranted({ name: "env" })) {
    throw new Error("Cannot serve as CGI: Deno may read only some variables; run it with --allow-env");
  }
  const { process } = globalThis as unknown as { readonly process: Process };
  if (isGranted({ name: "read", path: ENVIRON })) {
    try {
      // As the web server has sent them: runtimes replace what is no UTF-8.
      const text = process.getBuiltinModule?.("node:fs").readFileSync(ENVIRON, "latin1");
      if (text) return text.split("\0").filter((it) => it !== "").flatMap(nameAndValue);
    } catch {
      // No /proc, or Deno keeps it from us in spite of the permission.
    }
  }
  return Object.entries(process.env).flatMap(([name, value = ""]) => [latin1Of(name), latin1Of(value)]);
}

function nameAndValue(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}

/** The bytes of a text in UTF-8, one character each. */
function latin1Of(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

function denoGlobal(): Deno | undefined {
  const { Deno } = globalThis as unknown as { readonly Deno?: Deno };
  return typeof Deno?.version?.deno === "string" ? Deno : undefined;
}
