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
    `${cpu.map((of) => digits(of ?? NaN)).join(" and ")} µs of CPU`,
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
  const cpuRows = Object.values(rows).filter((row) => row !== rows.streamDown && row !== rows.streamUp)
    .flatMap((row) => [row, responseRow(row)]);
  const cells = (of: (column: string) => number, columns: readonly string[]): number[] => columns.map(of);
  const versions = [...runtimes, ...peers].map(({ name, version }) => `${name.replace(/ \d+$/, "")} ${version}`);
  return [
    `${versions.join(", ")}; ${Deno.build.os} ${Deno.osRelease()}, ${navigator.hardwareConcurrency} cores.\n`,
    table("CPU µs a request", all, cpuRows.map((row) => [row, cells((of) => figures.cpu(row, of), all)])),
    table(
      "nginx's own CPU µs a request",
      all,
      [rows.nginx, rows.proxy].map((row) => {
        return [row, cells((of) => figures.cpu(row, of, 1), all)];
      }),
    ),
    table(
      "requests a second, with the load generator beside",
      all,
      cpuRows.map((row) => {
        return [row, cells((of) => figures.of(row, of)?.perSecond ?? NaN, all)];
      }),
    ),
    table(
      "µs to the response, half of them / 99 of 100",
      all,
      cpuRows.map((row) => {
        return [row, cells((of) => figures.of(row, of)?.p50 ?? NaN, all)];
      }),
    ),
    table(
      "ratio of CPU time",
      names,
      ratios.map(([title, row, [otherRow, other]]) => {
        return [title, cells((of) => figures.cpu(row, of) / figures.cpu(otherRow, other ?? of), names)];
      }),
      (ratio) => ratio.toFixed(2),
    ),
    table("memory", names, [
      ["an idle kept connection, KiB", cells((of) => (figures.of(rows.many, of)?.idleBytes ?? NaN) / 1024, names)],
      ...[rows.streamDown, rows.streamUp].map((row): [string, number[]] => {
        return [`${row}, MiB at most`, cells((of) => (figures.of(row, of)?.peakBytes ?? NaN) / MiB, names)];
      }),
    ]),
    table(
      "codec",
      names,
      Object.keys([...figures.codec.values()][0] ?? {}).map((row) => {
        return [row, cells((of) => figures.codec.get(of)?.[row] ?? NaN, names)];
      }),
    ),
  ].filter((text) => text !== "").join("\n");
}

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

/** A Markdown table of the rows and columns that have any figure; none if there is no such row. */
function table(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly [title: string, figures: readonly number[]])[],
  cell: (figure: number) => string = digits,
): string {
  const filled = rows.filter(([, figures]) => !figures.every(Number.isNaN));
  const shown = columns.map((_, at) => at).filter((at) => filled.some(([, figures]) => !Number.isNaN(figures[at])));
  if (filled.length === 0) return "";
  const lines = [
    [title, ...shown.map((at) => columns[at])],
    ["---", ...shown.map(() => "--:")],
    ...filled.map((
      [title, figures],
    ) => [title, ...shown.map((at) => Number.isNaN(figures[at]) ? "" : cell(figures[at]!))]),
  ];
  return `${lines.map((line) => `| ${line.join(" | ")} |`).join("\n")}\n`;
}

/** A figure with as many digits as can be trusted. */
function digits(figure: number): string {
  return figure.toLocaleString("en", figure < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
}
