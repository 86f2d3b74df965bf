/** What doctor prints. */

import type { ConfigLines } from "../../config.ts";
import { printable } from "../../cgi/field.ts";
import { VERSION } from "../version.ts";
import { coloured, runtimeText } from "../console.ts";
import type { Finding, Level } from "./finding.ts";

/** What all checks have found. */
export interface Report {
  readonly url: string;
  /** The web server's own name, or nothing. */
  readonly software: string;
  readonly listen: string | undefined;
  readonly findings: readonly Finding[];
  /** The commands that check and load the web server's configuration. */
  readonly commands: readonly string[];
}

const SIGNS: Readonly<Record<Level, string>> = { wrong: "✗", consider: "!", note: "·", right: "✓", unseen: "?" };
const COLOURS = { wrong: "red", consider: "yellow" } as const;
const NAME_WIDTH = 16;
const INDENT = " ".repeat(NAME_WIDTH + 2);

/** The report for people. What is right is named; what is only worth knowing is told if `verbose`. */
export function reportText(report: Report, verbose: boolean, isTerminal: boolean): string {
  const { findings, software, listen, commands } = report;
  const told = findings.filter(({ level }) =>
    level === "wrong" || level === "consider" || verbose && level !== "right"
  );
  const named = (levels: readonly Level[]): string =>
    findings.filter((finding) => levels.includes(finding.level) && !told.includes(finding)).map(({ check }) => check)
      .join(" ");
  const listed = [
    ["✓", named(["right"]), ""],
    ["·", named(["note"]), " (-v tells)"],
    ["?", named(["unseen"]), " cannot be seen from here (-v tells)"],
  ].flatMap(([sign, names, more]) => names === "" ? [] : [`${sign} ${names}${more}`]);
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const [wrong, consider] = [count("wrong"), count("consider")];
  const then = told.some(({ lines }) => lines.length > 0) && commands.length > 0
    ? ` Then: ${commands.join(" && ")}`
    : "";
  return [
    `webfcgi ${VERSION} doctor on ${runtimeText()}: ${report.url}`,
    `${software || "A web server that does not tell its name"}, in front of ${listen ?? "a running application"}`,
    "",
    ...told.flatMap((finding) => findingLines(finding, isTerminal)),
    ...listed,
    "",
    wrong + consider === 0 ? "Nothing to mend." : `${wrong} to mend, ${consider} to consider.${then}`,
    "",
  ].join("\n");
}

function findingLines({ check, level, saw, lines, remedy }: Finding, isTerminal: boolean): string[] {
  const sign = level === "wrong" || level === "consider"
    ? coloured(SIGNS[level], COLOURS[level], isTerminal)
    : SIGNS[level];
  return [
    `${sign} ${check.padEnd(NAME_WIDTH)}${printable(saw)}`,
    ...lines.flatMap(mendingText).map((line) => INDENT + line),
    ...remedy === undefined ? [] : [INDENT + printable(remedy)],
  ];
}

function mendingText({ place, text }: ConfigLines): string[] {
  const label = `${place}:  `;
  return text.split("\n").map((line, at) => (at === 0 ? label : " ".repeat(label.length)) + line);
}

/** The report for programs. */
export function reportJson({ url, software, listen, findings, commands }: Report): string {
  const report = {
    version: VERSION,
    runtime: runtimeText(),
    url,
    software,
    listen: listen ?? null,
    findings,
    commands,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
