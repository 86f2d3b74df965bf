/** The figures of a run, and the tables of Markdown that are made of them. */

import { behindNginx, suffixes } from "./loads.ts";
import type { Cell } from "./measure.ts";

/** A column with the version of what its figures are of. */
interface Column {
  readonly name: string;
  readonly version: string;
}

const MiB = 1 << 20;

/** What has been measured, by row and column. */
export class Figures {
  readonly #cells = new Map<string, Cell>();
  /** What `codec.ts` has printed, by column. */
  readonly codec: Map<string, Readonly<Record<string, number>>> = new Map();

  get count(): number {
    return this.#cells.size + this.codec.size;
  }

  /** The rows over sockets, in the order in which they were measured. */
  get rows(): string[] {
    return [...new Set([...this.#cells.values()].map(({ row }) => row))];
  }

  /** Takes the runs of a cell, and gives it back with those that there were before. */
  put({ row, column, runs, peakBytes }: Cell): Cell {
    const cell = { row, column, runs: [...this.of(row, column)?.runs ?? [], ...runs], peakBytes };
    this.#cells.set(`${row}: ${column}`, cell);
    return cell;
  }

  of(row: string, column: string): Cell | undefined {
    return this.#cells.get(`${row}: ${column}`);
  }

  /** KiB of memory that a kept connection takes. */
  idleKib(column: string): number {
    const [cell] = [...this.#cells.values()].filter((cell) => cell.column === column && cell.runs[0]!.idleBytes > 0);
    return (cell?.runs[0]?.idleBytes ?? NaN) / 1024;
  }

  /** Microseconds of CPU time for each request, at the least: of the server, or of the process before it. */
  cpu(row: string, column: string, process = 0): number {
    return least(this.of(row, column), process);
  }
}

function least(cell: Cell | undefined, process = 0): number {
  return Math.min(...cell?.runs.map(({ cpu }) => cpu[process] ?? NaN) ?? [NaN]);
}

/** A cell in a line of progress. */
export function describe(cell: Cell): string {
  const { runs: [first], peakBytes } = cell;
  const best = cell.runs.toSorted((a, b) => a.cpu[0]! - b.cpu[0]!)[0]!;
  const most = Math.max(...cell.runs.map(({ cpu }) => cpu[0]!));
  const busy = best.requests * best.cpu.reduce((sum, cpu) => sum + cpu, 0) / 1e6 / best.seconds;
  return [
    `${best.cpu.map(digits).join(" and ")} µs of CPU (at most ${digits(most)})`,
    `${digits(best.requests / best.seconds)}/s`,
    `busy ${Math.round(100 * busy)} %`,
    `load generator ${digits(best.own)} µs`,
    ...first!.idleBytes > 0 ? [`${digits(first!.idleBytes / 1024)} KiB an idle connection`] : [],
    ...peakBytes > 0 ? [`${digits(peakBytes / MiB)} MiB more at most`] : [],
  ].join(", ");
}

/** The ratios: of a row to another of the same column, or to another column of the same row. */
const ratios: readonly {
  readonly title: string;
  readonly row: string;
  readonly to?: string;
  readonly column?: string;
}[] = [
  { title: "hello, 16 kept unix connections, vs C libfcgi", row: "hello, 16 kept connections", column: "libfcgi" },
  { title: "three headers, vs C libfcgi", row: "three headers", column: "libfcgi" },
  { title: "1 MiB up by `text()`, vs Go", row: "1 MiB up, `text()`", column: "Go" },
  { title: "1 MiB up by `bytes()`, vs Go", row: "1 MiB up, `bytes()`", column: "Go" },
  { title: "1 MiB up by `request.body`, vs Go", row: "1 MiB up, `request.body`", column: "Go" },
  { title: "1 MiB down, vs C libfcgi", row: "1 MiB down", column: "libfcgi" },
  { title: "2,000 connections, vs 16", row: "hello, 2,000 kept connections", to: "hello, 16 kept connections" },
  { title: "hello, idle waits, vs C libfcgi", row: "hello, 5,000 a second, idle waits", column: "libfcgi" },
  { title: "hello, a new TCP connection each, vs Go", row: "hello, a new TCP connection each", column: "Go" },
  ...["hello", "three headers", "session", "JSON in and out", "1 MiB up, `text()`", "1 MiB up, `request.body`"]
    .map(behindNginx).map((row) => ({
      title: `${row}, vs the runtime's own HTTP server`,
      row,
      to: row + suffixes.http,
    })),
  { title: "PHP behind our client, vs Caddy", row: "PHP behind our client", column: "Caddy" },
  {
    title: "2 workers, vs 1",
    row: `hello, \`webfcgi serve\`${suffixes.two}`,
    to: `hello, \`webfcgi serve\`${suffixes.one}`,
  },
];

/** Everything that a run has measured. */
export function tables(figures: Figures, runtimes: readonly Column[], peers: readonly Column[]): string {
  const names = runtimes.map(({ name }) => name);
  const all = [...names, ...peers.map(({ name }) => name), "Caddy"];
  const versions = [...runtimes, ...peers].map(({ name, version }) => `${name.replace(/ \d+$/, "")} ${version}`);
  const rows = figures.rows.filter((row) => !row.startsWith("1 GiB"));
  const lines = (rows: readonly string[], columns: readonly string[], cell: (row: string, column: string) => number) =>
    rows.map((row) => [row, ...columns.map((column) => digits(cell(row, column)))]);
  return [
    `${versions.join(", ")}; ${Deno.build.os} ${Deno.osRelease()}, ${navigator.hardwareConcurrency} cores.\n`,
    table(
      ["ratio of CPU time", ...names],
      ratios.map(({ title, row, to = row, column }) => [
        title,
        ...names.map((name) => fixed(figures.cpu(row, name) / figures.cpu(to, column ?? name))),
      ]),
    ),
    table(["CPU µs a request", ...all], lines(rows, all, (row, column) => figures.cpu(row, column))),
    table(
      ["nginx's own CPU µs a request", ...all],
      lines(rows.filter((row) => row.includes("nginx")), all, (row, column) => figures.cpu(row, column, 1)),
    ),
    table(["memory", ...names], [
      ["an idle kept connection, KiB", ...names.map((name) => digits(figures.idleKib(name)))],
      ...figures.rows.filter((row) => row.startsWith("1 GiB")).map((row) => [
        `${row}, MiB more than idle at most`,
        ...names.map((name) => digits((figures.of(row, name)?.peakBytes ?? NaN) / MiB)),
      ]),
    ]),
    table(
      ["codec", ...names],
      lines(Object.keys([...figures.codec.values()][0] ?? {}), names, (row, name) => {
        return figures.codec.get(name)?.[row] ?? NaN;
      }),
    ),
  ].filter((text) => text !== "").join("\n");
}

/** The two versions of a runtime's columns, `old Node 24` and `Node 24`, beside each other. */
export function comparison(figures: Figures, runtimes: readonly Column[]): string {
  const names = runtimes.map(({ name }) => name);
  const line = (
    row: string,
    name: string,
    before: number,
    after: number,
    typical: number,
  ): string[] => [row, name, digits(before), digits(after), (after / before).toFixed(2), typical.toFixed(2)];
  const lines = figures.rows.flatMap((row) =>
    names.flatMap((name) => {
      const [before, after] = [figures.of(row, `old ${name}`), figures.of(row, name)];
      if (before === undefined || after === undefined) return [];
      const typical = median(after.runs.map(({ cpu }, at) => cpu[0]! / before.runs[at]!.cpu[0]!));
      return [line(row, name, least(before), least(after), typical)];
    })
  );
  const codec = [...new Set([...figures.codec.values()].flatMap((figures) => Object.keys(figures)))].filter((row) =>
    row.endsWith("µs")
  ).flatMap((row) =>
    names.flatMap((name) => {
      const [before, after] = [figures.codec.get(`old ${name}`)?.[row], figures.codec.get(name)?.[row]];
      return before === undefined || after === undefined ? [] : [line(row, name, before, after, after / before)];
    })
  );
  return table(["CPU µs a request", "", "old", "new", "ratio", "median ratio"], [...lines, ...codec], 2);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** A table of the rows and columns that have any cell; nothing if there is none. The first `texts` columns are text. */
function table(head: readonly string[], rows: readonly (readonly string[])[], texts = 1): string {
  const filled = rows.filter((row) => row.slice(texts).some((cell) => cell !== ""));
  if (filled.length === 0) return "";
  const isShown = head.map((_, at) => filled.some((row) => row[at] !== ""));
  const rule = head.map((_, at) => at < texts ? "---" : "--:");
  return [head, rule, ...filled].map((line) => `| ${line.filter((_, at) => isShown[at]).join(" | ")} |\n`).join("");
}

function fixed(ratio: number): string {
  return Number.isNaN(ratio) ? "" : ratio.toFixed(2);
}

/** A figure with as many digits as can be trusted; nothing for NaN. */
function digits(figure: number): string {
  if (Number.isNaN(figure)) return "";
  return figure.toLocaleString("en", figure < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
}
