import { assertEquals, assertThrows } from "../std/assert.ts";
import {
  type Command,
  helpText,
  parseArguments,
  readCount,
  readMode,
  readSize,
  readTime,
} from "../../src/cli/arguments.ts";

const COMMAND = {
  name: "test",
  operands: "FIRST [SECOND]",
  summary: "Tests.",
  options: {
    "flag": { kind: "flag", short: "f", help: "A flag" },
    "text": { kind: "text", short: "t", value: "TEXT", also: ["string"], help: "A text" },
    "texts": { kind: "texts", short: "s", value: "TEXT", help: "Texts" },
    "pairs": { kind: "pairs", value: "K=V", help: "Pairs" },
    "choice": { kind: "choice", value: "a|b", choices: ["a", "b"], help: "A choice" },
    "mode": { kind: "mode", value: "MODE", help: "A mode" },
    "time": { kind: "time", value: "TIME", help: "A time\nof two lines" },
  },
  examples: ["webfcgi test x"],
} as const satisfies Command;

const none = {
  ...{ flag: false, text: undefined, texts: [], pairs: [], choice: undefined, mode: undefined, time: undefined },
};

Deno.test("parseArguments reads options in every spelling, and operands between them", () => {
  for (
    const [args, values, operands] of [
      [["x"], {}, ["x"]],
      [["x", "y", "-f"], { flag: true }, ["x", "y"]],
      [["-ft", "a", "x"], { flag: true, text: "a" }, ["x"]],
      [["-ta", "x"], { text: "a" }, ["x"]],
      [["--text=a=b", "x"], { text: "a=b" }, ["x"]],
      [["--text", "a", "x"], { text: "a" }, ["x"]],
      [["--text=", "x"], { text: "" }, ["x"]],
      [["--text=-a", "x"], { text: "-a" }, ["x"]],
      [["-t", "-", "x"], { text: "-" }, ["x"]],
      [["-s", "a", "-sb", "--texts=c", "x"], { texts: ["a", "b", "c"] }, ["x"]],
      [["--pairs", "a=b=c", "--pairs=d=", "x"], { pairs: [["a", "b=c"], ["d", ""]] }, ["x"]],
      [["--choice", "x"], { choice: "a" }, ["x"]],
      [["--choice=b", "x"], { choice: "b" }, ["x"]],
      [["--mode", "0640", "x"], { mode: 0o640 }, ["x"]],
      [["--time", "2s", "x"], { time: 2000 }, ["x"]],
      [["--", "-f"], {}, ["-f"]],
      [["-"], {}, ["-"]],
    ] as const
  ) {
    assertEquals(
      parseArguments(COMMAND, args),
      { values: { ...none, ...values }, operands: [...operands] },
      args.join(" "),
    );
  }
});

Deno.test("parseArguments gives nothing where help is asked for, whatever else there is", () => {
  for (const args of [["--help"], ["-h"], ["a", "b", "c", "-h"]]) {
    assertEquals(parseArguments(COMMAND, args), undefined);
  }
});

Deno.test("parseArguments says what is wrong, and what to write", () => {
  for (
    const [args, message] of [
      [[], "FIRST is missing; see webfcgi test --help"],
      [["x", "y", "z"], '"z" is one argument too many; see webfcgi test --help'],
      [["--flog"], "there is no option --flog; did you mean --flag?"],
      [["--strin", "a"], "there is no option --strin; did you mean --text?"],
      [["--toString"], "there is no option --toString"],
      [["-q"], "there is no option -q; see webfcgi test --help"],
      [["--flag=1"], "--flag takes no value"],
      [["-t"], "-t needs a value; write -t TEXT"],
      [["-t", "-f"], "-t needs a value; write -t TEXT"],
      [["-ta", "-tb"], "-t is given twice"],
      [["--pairs", "a"], '--pairs is "a"; write K=V'],
      [["--pairs", "=a"], '--pairs is "=a"; write K=V'],
      [["--choice=c"], '--choice is "c"; write a or b'],
      [["--mode", "66"], '--mode is "66"; write a mode of three octal digits, such as 660'],
    ] as const
  ) {
    assertThrows(() => parseArguments(COMMAND, args), Error, `webfcgi test: ${message}`);
  }
});

Deno.test("readTime, readSize, readCount and readMode read units", () => {
  assertEquals(["1ms", "1.5s", "2m", "1h", "none"].map(readTime), [1, 1500, 120_000, 3_600_000, Infinity]);
  assertEquals(["0", "1K", "20M", "1GiB", "1.5kb", "none"].map(readSize), [
    0,
    1024,
    20 * 2 ** 20,
    2 ** 30,
    1536,
    Infinity,
  ]);
  assertEquals(["0", "12", "Infinity"].map(readCount), [0, 12, Infinity]);
  assertEquals(["660", "0660", "0o660"].map(readMode), [0o660, 0o660, 0o660]);
  for (const text of ["", "1", "-1s", "1 s", "1d"]) assertThrows(() => readTime(text), Error, "write a time");
  for (const text of ["", "M", "-1", "1T"]) assertThrows(() => readSize(text), Error, "write a size");
  for (const text of ["", "1.5", "-1", "1K"]) assertThrows(() => readCount(text), Error, "write a whole number");
  for (const text of ["", "66", "888", "1660", "u+w"]) assertThrows(() => readMode(text), Error, "write a mode");
});

Deno.test("helpText has each option, its value and an example", () => {
  assertEquals(
    helpText(COMMAND),
    `Usage: webfcgi test [options] FIRST [SECOND]

Tests.

Options:
  -f, --flag          A flag
  -t, --text TEXT     A text
  -s, --texts TEXT    Texts
      --pairs K=V     Pairs
      --choice[=a|b]  A choice
      --mode MODE     A mode
      --time TIME     A time
                      of two lines
  -h, --help          Print this help

Example:
  webfcgi test x
`,
  );
});
