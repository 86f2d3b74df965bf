/** The figures of a run, and the tables of Markdown that are made of them. */

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

  put(cell: Cell): void {
    this.#cells.set(`${cell.row}: ${cell.column}`, cell);
  }

  of(row: string, column: string): Cell | undefined {
    return this.#cells.get(`${row}: ${column}`);
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
  return markdown(["CPU µs a request", "", "old", "new", "ratio", "median ratio"], [...lines, ...codec], 2);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[], texts = 1): string {
  const rule = head.map((_, at) => at < texts ? "---" : "--:");
  return [head, rule, ...rows].map((line) => `| ${line.join(" | ")} |\n`).join("");
}

/** A figure with as many digits as can be trusted; nothing for NaN. */
function digits(figure: number): string {
  if (Number.isNaN(figure)) return "";
  return figure.toLocaleString("en", figure < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
}
