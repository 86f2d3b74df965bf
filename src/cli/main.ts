#!/usr/bin/env node
/**
 * The command `webfcgi`: serves an application, configures its web server, asks it, shows it in the browser.
 *
 * ```sh
 * npx webfcgi serve server.js                       # Node
 * bunx --bun webfcgi serve server.ts                # Bun
 * deno run -A jsr:@webfcgi/webfcgi/cli serve        # Deno
 * ```
 *
 * As a program it runs the command line; imported it does nothing.
 *
 * @module
 */

import { realpathSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Arguments, type Command, helpText, type OptionTable, parseArguments } from "./arguments.ts";
import { BRIDGE, COMMANDS, CONFIG, DOCTOR, FETCH, SERVE, STATUS } from "./commands.ts";
import { errorLine } from "./console.ts";
import { EXIT, Failure } from "./failure.ts";
import { VERSION } from "./version.ts";
import { nearest } from "../options.ts";

/**
 * Runs a command line, without the program's name; resolves with the exit code, and ends no process.
 *
 * @example
 * ```ts
 * import { main } from "@webfcgi/webfcgi/cli";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await main(["--version"]), 0);
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    errorLine(error.message);
    return error.exitCode;
  }
}

async function dispatch([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined) {
    process.stderr.write(overview());
    return EXIT.usage;
  }
  if (name === "--version" || name === "-V") return print(`webfcgi ${VERSION}\n`);
  if (name === "--help" || name === "-h" || name === "help" && args.length === 0) return print(overview());
  if (name === "help") return await dispatch([...args, "--help"]);
  const run = Object.hasOwn(RUN, name) ? RUN[name] : undefined;
  if (run === undefined) throw unknownCommand(name);
  return await run(args);
}

/** What the commands do: loaded when it is asked for, so that the help is there at once. */
const RUN: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  serve: (args) => run(SERVE, args, async (read) => (await import("./serve.ts")).serveCommand(read, args)),
  config: (args) => run(CONFIG, args, async (read) => (await import("./config.ts")).configCommand(read)),
  doctor: (args) => run(DOCTOR, args, async (read) => (await import("./doctor.ts")).doctorCommand(read)),
  fetch: (args) => run(FETCH, args, async (read) => (await import("./fetch.ts")).fetchCommand(read)),
  bridge: (args) => run(BRIDGE, args, async (read) => (await import("./bridge.ts")).bridgeCommand(read)),
  status: (args) => run(STATUS, args, async (read) => (await import("./status.ts")).statusCommand(read)),
};

async function run<T extends OptionTable>(
  command: Command<T>,
  args: readonly string[],
  start: (read: Arguments<T>) => Promise<number>,
): Promise<number> {
  const read = parseArguments(command, args);
  return read === undefined ? print(helpText(command)) : await start(read);
}

function print(text: string): number {
  process.stdout.write(text);
  return EXIT.ok;
}

function unknownCommand(name: string): Failure {
  if (name.startsWith("-")) return new Failure(EXIT.usage, `there is no option ${name}; see webfcgi --help`);
  const meant = nearest(name, COMMANDS.map((it) => it.name), { start: "serve", run: "serve", curl: "fetch" });
  const remedy = /[./]/.test(name)
    ? `write webfcgi serve ${name}`
    : meant === undefined
    ? "see webfcgi --help"
    : `did you mean ${meant}?`;
  return new Failure(EXIT.usage, `there is no command ${JSON.stringify(name)}; ${remedy}`);
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name, operands }) => name.length + operands.length + 1));
  return [
    "Usage: webfcgi COMMAND [options]",
    "",
    "FastCGI for fetch handlers, on Node, Deno and Bun.",
    "",
    "Commands:",
    ...COMMANDS.map(({ name, operands, summary }) =>
      `  ${`${name} ${operands}`.padEnd(width)}  ${/^.*?(?=[:.]\s|[:.]$)/m.exec(summary)![0]}`
    ),
    "",
    "Options:",
    "  -h, --help     Print this help; webfcgi COMMAND --help prints a command's",
    "  -V, --version  Print the version",
    "",
    "Example:",
    "  webfcgi serve -l 9000 server.js",
    "",
  ].join("\n");
}

/** Whether the process was started with this module. */
function isMain(): boolean {
  const { main } = import.meta as { readonly main?: boolean };
  if (main !== undefined) return main;
  // Node before 24 does not say; npm starts a link to the module.
  const program = process.argv[1];
  try {
    return program !== undefined && realpathSync(program) === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}

// Not awaited at the top level: require() takes no module that does that.
if (isMain()) main(process.argv.slice(2)).then((code) => process.exit(code));
