/** The figures of a run, and the tables of Markdown that are made of them. */

import type { Result } from "./dialogue.ts";
import { responseRow, rows } from "./loads.ts";

/** What has been measured, by row and column. */
export class Figures {
  readonly #results = new Map<string, Result>();
  /** What `codec.ts` has printed, by runtime. */
  readonly codec: Map<string, Readonly<Record<string, number>>> = new Map();

  get count(): number {
    return this.#results.size + this.codec.size;
  }

  put(row: string, column: string, result: Result): void {
    this.#results.set(`${row}: ${column}`, result);
  }

  of(row: string, column: string): Result | undefined {
    return this.#results.get(`${row}: ${column}`);
  }

  /** Microseconds of CPU time for each request, of the server, or of the process behind or before it. */
  cpu(row: string, column: string, process = 0): number {
    return this.of(row, column)?.cpu[process] ?? NaN;
  }
}

/** A column with the version of what its figures are of. */
interface Column {
  readonly name: string;
  readonly version: string;
}

const MiB = 1 << 20;

/** A result in a line of progress. */
export function describe({ cpu, perSecond, p50, p99, idleBytes, peakBytes, requests }: Result): string {
  return [
    `${cpu.map((of) => digits(of ?? NaN) || "?").join(" and ")} µs of CPU`,
    `${digits(perSecond)}/s`,
    `p50 ${digits(p50)} µs, p99 ${digits(p99)} µs`,
    ...idleBytes === null ? [] : [`${digits(idleBytes / 1024)} KiB an idle connection`],
    ...requests > 1 || peakBytes === null ? [] : [`${digits(peakBytes / MiB)} MiB more at most`],
  ].join(", ");
}

/** Everything that a run has measured. */
export function tables(figures: Figures, runtimes: readonly Column[], peers: readonly Column[]): string {
  const names = runtimes.map(({ name }) => name);
  const all = [...names, ...peers.map(({ name }) => name), "Caddy"];
  const timed = Object.values(rows)
    .filter((row) => row !== rows.streamDown && row !== rows.streamUp)
    .flatMap((row) => [row, responseRow(row)]);
  const versions = [...runtimes, ...peers].map(({ name, version }) => `${name.replace(/ \d+$/, "")} ${version}`);
  return [
    `${versions.join(", ")}; ${Deno.build.os} ${Deno.osRelease()}, ${navigator.hardwareConcurrency} cores.\n`,
    table("CPU µs a request", all, timed, (row, column) => digits(figures.cpu(row, column))),
    table("nginx's own CPU µs a request", all, [rows.nginx, rows.proxy], (row, column) => {
      return digits(figures.cpu(row, column, 1));
    }),
    table("requests a second; ms to the response, half of them / 99 of 100", all, timed, (row, column) => {
      const result = figures.of(row, column);
      return result && `${digits(result.perSecond)}; ${digits(result.p50 / 1000)} / ${digits(result.p99 / 1000)}`;
    }),
    table("ratio of CPU time", names, ratios, ([, row, beside], column) => {
      const ratio = figures.cpu(row, column) / figures.cpu(beside[0], beside[1] ?? column);
      return Number.isNaN(ratio) ? undefined : ratio.toFixed(2);
    }, ([title]) => title),
    table("memory", names, memory, ([, row, what, unit], column) => {
      return digits((figures.of(row, column)?.[what] ?? NaN) / unit);
    }, ([title]) => title),
    table("codec", names, Object.keys([...figures.codec.values()][0] ?? {}), (row, column) => {
      return digits(figures.codec.get(column)?.[row] ?? NaN);
    }),
  ].filter((text) => text !== "").join("\n");
}

const memory = [
  ["an idle kept connection, KiB", rows.many, "idleBytes", 1024],
  [`${rows.streamDown}, MiB more than idle at most`, rows.streamDown, "peakBytes", MiB],
  [`${rows.streamUp}, MiB more than idle at most`, rows.streamUp, "peakBytes", MiB],
] as const;

/** What is put beside what: a row, and another of the same column, or of another. */
const ratios: readonly (readonly [title: string, row: string, beside: readonly [row: string, column?: string]])[] = [
  [`${rows.kept}, beside libfcgi`, rows.kept, [rows.kept, "libfcgi"]],
  [`${rows.one}, beside libfcgi`, rows.one, [rows.one, "libfcgi"]],
  [`${rows.kept}, beside Go`, rows.kept, [rows.kept, "Go"]],
  [`${responseRow(rows.kept)}, beside Go`, responseRow(rows.kept), [rows.kept, "Go"]],
  [`${rows.kept}, beside PHP-FPM`, rows.kept, [rows.kept, "PHP-FPM"]],
  [`${rows.fresh}, beside Go`, rows.fresh, [rows.fresh, "Go"]],
  [`${rows.fresh}, beside node-fastcgi`, rows.fresh, [rows.fresh, "node-fastcgi"]],
  [`behind nginx, beside the runtime's own HTTP server`, rows.nginx, [rows.proxy]],
  [`${responseRow("the same")}`, responseRow(rows.nginx), [rows.proxy]],
  [`${rows.download}, beside libfcgi`, rows.download, [rows.download, "libfcgi"]],
  [`${rows.upload}, beside Go`, rows.upload, [rows.upload, "Go"]],
  [`${rows.shared}, beside one each`, rows.shared, [rows.kept]],
  [`${rows.many}, beside 16`, rows.many, [rows.kept]],
  [`${rows.client}, beside Caddy`, rows.client, [rows.client, "Caddy"]],
];

/** A Markdown table of the rows and columns that have any cell; nothing if there is none. */
function table<Row>(
  title: string,
  columns: readonly string[],
  rows: readonly Row[],
  cell: (row: Row, column: string) => string | undefined,
  titleOf: (row: Row) => string = String,
): string {
  const filled = rows
    .map((row) => [titleOf(row), ...columns.map((column) => cell(row, column) ?? "")])
    .filter(([, ...cells]) => cells.some((text) => text !== ""));
  if (filled.length === 0) return "";
  const lines = [[title, ...columns], ["---", ...columns.map(() => "--:")], ...filled];
  const shown = lines[0]!.map((_, at) => filled.some((row) => row[at] !== ""));
  return lines.map((line) => `| ${line.filter((_, at) => shown[at]).join(" | ")} |\n`).join("");
}

/** A figure with as many digits as can be trusted; nothing for NaN. */
function digits(figure: number): string {
  if (Number.isNaN(figure)) return "";
  return figure.toLocaleString("en", figure < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
}
