/** The parser of command lines: a table of options is read, explained and corrected by the same rules. */

import { nearest, show } from "../options.ts";
import { EXIT, Failure } from "./failure.ts";

/**
 * What an option takes.
 *
 * | kind | value |
 * |---|---|
 * | `flag` | none |
 * | `text`, `texts` | text; `texts` may be given several times |
 * | `pairs` | `NAME=VALUE`, several times |
 * | `choice` | one of `choices`, which may be left out: then it is the first |
 * | `mode` | the mode of a file, in octal |
 * | `time` | a time such as `30s`, in milliseconds |
 */
export type OptionKind = "flag" | "text" | "texts" | "pairs" | "choice" | "mode" | "time";

/** An option of a command. */
export interface Option {
  readonly kind: OptionKind;
  /** What the value is called in the help. */
  readonly value?: string;
  /** Its one-letter name. */
  readonly short?: string;
  readonly choices?: readonly string[];
  /** What it is called elsewhere. */
  readonly also?: readonly string[];
  readonly help: string;
}

/** The options of a command, by name. */
export type OptionTable = Readonly<Record<string, Option>>;

/** A command, as far as its command line goes. */
export interface Command<T extends OptionTable = OptionTable> {
  readonly name: string;
  /** The operands, as the help writes them: `ADDRESS [PATH]`. */
  readonly operands: string;
  readonly summary: string;
  readonly options: T;
  /** Whole command lines. */
  readonly examples: readonly string[];
}

type ValueOf<K extends OptionKind> = K extends "flag" ? boolean
  : K extends "texts" ? readonly string[]
  : K extends "pairs" ? readonly (readonly [name: string, value: string])[]
  : (K extends "mode" | "time" ? number : string) | undefined;

/** The values of options: false, none, or `undefined` where an option is not given. */
export type Values<T extends OptionTable> = { readonly [Name in keyof T]: ValueOf<T[Name]["kind"]> };

/** A command line that has been read. */
export interface Arguments<T extends OptionTable> {
  readonly values: Values<T>;
  readonly operands: readonly string[];
}

/** Reads a command line; `undefined`: it asks for help. @throws {Failure} If it is wrong. */
export function parseArguments<T extends OptionTable>(
  command: Command<T>,
  args: readonly string[],
): Arguments<T> | undefined {
  const reader = new Reader(command);
  for (let at = 0; at < args.length;) {
    const taken = reader.take(args[at]!, args[at + 1]);
    if (taken === "help") return undefined;
    if (taken === "operands") {
      reader.operands.push(...args.slice(at + 1));
      break;
    }
    at += taken;
  }
  reader.checkOperands();
  return { values: reader.values as Values<T>, operands: reader.operands };
}

class Reader {
  readonly operands: string[] = [];
  readonly values: Record<string, unknown> = {};
  readonly #command: Command;
  readonly #given = new Set<string>();

  constructor(command: Command) {
    this.#command = command;
    for (const [name, { kind }] of Object.entries(command.options)) this.values[name] = emptyValue(kind);
  }

  /** Takes an argument, with the next one if that is its value; gives back how many it took. */
  take(arg: string, next: string | undefined): number | "help" | "operands" {
    if (arg === "--") return "operands";
    if (arg === "--help" || arg === "-h") return "help";
    if (!arg.startsWith("-") || arg === "-") return this.operands.push(arg) && 1;
    return arg.startsWith("--") ? this.#takeLong(arg, next) : this.#takeShort(arg, next);
  }

  checkOperands(): void {
    const names = this.#command.operands.split(" ").filter((name) => name !== "");
    const missing = names[this.operands.length];
    if (missing !== undefined && !missing.startsWith("[")) throw this.#failure(`${missing} is missing`);
    const extra = this.operands[names.length];
    if (extra !== undefined) throw this.#failure(`${show(extra)} is one argument too many`);
  }

  #takeLong(arg: string, next: string | undefined): number {
    const [, name = "", value] = /^--([^=]*)(?:=([^]*))?$/.exec(arg) ?? [];
    const option = Object.hasOwn(this.#command.options, name) ? this.#command.options[name] : undefined;
    if (option === undefined) throw this.#unknown(`--${name}`, name);
    return this.#set(name, option, `--${name}`, value, next);
  }

  /** `-v`, `-X POST`, `-XPOST`, `-iv`. */
  #takeShort(arg: string, next: string | undefined): number {
    const letter = arg[1]!;
    const rest = arg.slice(2);
    const [name, option] = Object.entries(this.#command.options).find(([, { short }]) => short === letter) ?? [];
    if (name === undefined || option === undefined) throw this.#unknown(`-${letter}`);
    if (option.kind !== "flag") return this.#set(name, option, `-${letter}`, rest === "" ? undefined : rest, next);
    this.#set(name, option, `-${letter}`, undefined, undefined);
    return rest === "" ? 1 : this.#takeShort(`-${rest}`, next);
  }

  #set(name: string, option: Option, written: string, given: string | undefined, next: string | undefined): number {
    const { kind } = option;
    const isList = kind === "texts" || kind === "pairs";
    if (!isList && kind !== "flag" && this.#given.has(name)) throw this.#failure(`${written} is given twice`);
    this.#given.add(name);
    if (kind === "flag") {
      if (given !== undefined) throw this.#failure(`${written} takes no value`);
      this.values[name] = true;
      return 1;
    }
    const value = given ?? (kind === "choice" ? option.choices![0] : next);
    if (value === undefined || given === undefined && /^-./.test(value)) {
      throw this.#failure(`${written} needs a value; write ${written} ${option.value}`);
    }
    try {
      const read = readValue(option, value);
      this.values[name] = isList ? [...this.values[name] as unknown[], read] : read;
    } catch (error) {
      throw this.#failure(`${written} is ${show(value)}; ${(error as Error).message}`, "");
    }
    return given === undefined && kind !== "choice" ? 2 : 1;
  }

  #unknown(written: string, name?: string): Failure {
    const names = Object.entries(this.#command.options).flatMap(([name, { also = [] }]) =>
      [name, ...also].map((it) => [it, name] as const)
    );
    const meant = name === undefined ? undefined : nearest(name, [...names.map(([it]) => it), "help"], {});
    const option = names.find(([it]) => it === meant)?.[1] ?? meant;
    return option === undefined
      ? this.#failure(`there is no option ${written}`)
      : this.#failure(`there is no option ${written}`, `did you mean --${option}?`);
  }

  #failure(what: string, remedy = `see webfcgi ${this.#command.name} --help`): Failure {
    const fault = remedy === "" || what.includes("; ") ? what : `${what}; ${remedy}`;
    return new Failure(EXIT.usage, `webfcgi ${this.#command.name}: ${fault}`);
  }
}

function emptyValue(kind: OptionKind): unknown {
  return kind === "flag" ? false : kind === "texts" || kind === "pairs" ? [] : undefined;
}

/** @throws {Error} With what to write instead. */
function readValue({ kind, choices = [], value = "" }: Option, text: string): unknown {
  if (kind === "mode") return readMode(text);
  if (kind === "time") return readTime(text);
  if (kind === "choice" && !choices.includes(text)) throw new Error(`write ${choices.join(" or ")}`);
  if (kind !== "pairs") return text;
  const at = text.indexOf("=");
  if (at < 1) throw new Error(`write ${value}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Reads the mode of a file. @throws {Error} With what to write instead. */
export function readMode(text: string): number {
  if (!/^(?:0o?)?[0-7]{3}$/.test(text)) throw new Error("write a mode of three octal digits, such as 660");
  return parseInt(text.slice(-3), 8);
}

const TIMES: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZES: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Reads a time into milliseconds: `500ms`, `30s`, `1.5m`, `2h`, or `none`. @throws {Error} With what to write instead. */
export function readTime(text: string): number {
  if (isNone(text)) return Infinity;
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  if (amount === undefined) throw new Error("write a time with its unit, such as 500ms, 30s, 5m or 1h; or none");
  return Number(amount) * TIMES[unit!]!;
}

/** Reads a size into bytes: `512`, `64K`, `20M`, `1G`, or `none`. @throws {Error} With what to write instead. */
export function readSize(text: string): number {
  if (isNone(text)) return Infinity;
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
  if (amount === undefined) throw new Error("write a size, such as 512, 64K, 20M or 1G; or none");
  return Math.floor(Number(amount) * SIZES[unit!.toLowerCase()]!);
}

/** Reads a count, or `none`. @throws {Error} With what to write instead. */
export function readCount(text: string): number {
  if (isNone(text)) return Infinity;
  if (!/^\d{1,15}$/.test(text)) throw new Error("write a whole number, or none");
  return Number(text);
}

function isNone(text: string): boolean {
  return text === "none" || text === "Infinity";
}

/** The help of a command. */
export function helpText({ name, operands, summary, options, examples }: Command): string {
  const lines = Object.entries({ ...options, help: HELP }).map((
    [name, option],
  ) => [optionText(name, option), option.help]);
  const width = Math.max(...lines.map(([text]) => text!.length));
  return [
    `Usage: webfcgi ${name} [options]${operands === "" ? "" : ` ${operands}`}`,
    "",
    summary,
    "",
    "Options:",
    ...lines.map(([text, help]) => `  ${text!.padEnd(width)}  ${help!.replaceAll("\n", `\n${" ".repeat(width + 4)}`)}`),
    "",
    examples.length === 1 ? "Example:" : "Examples:",
    ...examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

const HELP: Option = { kind: "flag", short: "h", help: "Print this help" };

function optionText(name: string, { kind, short, value }: Option): string {
  const shown = kind === "flag" ? "" : kind === "choice" ? `[=${value}]` : ` ${value}`;
  return `${short === undefined ? "    " : `-${short}, `}--${name}${shown}`;
}
