/** Writing to the terminal, the log or the pipe that the process has for standard output and standard error. */

import process from "node:process";
import { printable } from "../cgi/field.ts";
import { readVariable } from "../runtime/environment.ts";

export { runtimeText } from "../runtime/this_process.ts";

/** Whether standard error is a terminal. */
export function errorIsTerminal(): boolean {
  return process.stderr.isTTY === true;
}

/** Whether standard output is a terminal. */
export function outputIsTerminal(): boolean {
  return process.stdout.isTTY === true;
}

/** Writes a line of the command's own to standard error: one line, whatever is in it. */
export function errorLine(text: string): void {
  const line = printable(text.replace(/\s*\n\s*/g, " "));
  process.stderr.write(`${line.startsWith("webfcgi") ? line : `webfcgi: ${line}`}\n`);
}

const COLOURS = { dim: 2, bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Colours text for a terminal, unless NO_COLOR is set; `isTerminal` says whether it goes to one. */
export function coloured(text: string, colour: keyof typeof COLOURS, isTerminal: boolean): string {
  if (!isTerminal || readVariable("NO_COLOR")) return text;
  return `\x1b[${COLOURS[colour]}m${text}\x1b[0m`;
}

/** Whoever read standard output or standard error may leave; that ends no server. */
export function surviveClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}
