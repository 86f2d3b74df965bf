/** `webfcgi status`: what an application says of itself, over FCGI_GET_VALUES, which no visitor of the site can send. */

import process from "node:process";
import { printable } from "../cgi/field.ts";
import { fetchValues } from "../client/capabilities.ts";
import { CoarseClock } from "../connection/coarse_clock.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Arguments } from "./arguments.ts";
import type { STATUS } from "./commands.ts";
import { EXIT, Failure } from "./failure.ts";
import { STATUS_VALUES, type StatusValue } from "./status_values.ts";
import { clientSettings, connector, requestFailure, usage } from "./upstream.ts";

const TIMEOUT_MS = 5000;

/** Asks and prints; resolves with the exit code. */
export async function statusCommand({ values, operands }: Arguments<typeof STATUS.options>): Promise<number> {
  const [address = ""] = operands;
  if (values.json && values.prometheus) throw usage("status", "give --json or --prometheus, not both");
  const { addr } = clientSettings("status", address);
  const answer = await ask(connector(addr), values.timeout ?? TIMEOUT_MS);
  const known = STATUS_VALUES.flatMap((value) => {
    const text = answer.get(value.variable);
    return text === undefined ? [] : [{ ...value, text }];
  });
  if (known.length === 0) {
    throw new Failure(EXIT.receive, `${address} says nothing of itself: it answers FCGI_GET_VALUES without a value`);
  }
  const write = values.json ? json : values.prometheus ? prometheus : table;
  process.stdout.write(write(known));
  return EXIT.ok;
}

type Known = StatusValue & { readonly text: string };

async function ask(connect: ReturnType<typeof connector>, timeoutMs: number): Promise<ReadonlyMap<string, string>> {
  const clock = new CoarseClock(systemClock, [timeoutMs], () => {});
  clock.hold();
  try {
    const names = STATUS_VALUES.map(({ variable }) => variable);
    return await fetchValues(connect, names, timeoutMs, clock, new AbortController().signal);
  } catch (error) {
    throw requestFailure(error);
  } finally {
    clock.stop();
  }
}

function table(values: readonly Known[]): string {
  const width = Math.max(...values.map(({ label }) => label.length));
  return values.map(({ label, unit, text }) => `${label.padEnd(width)}  ${forPeople(text, unit)}\n`).join("");
}

function forPeople(text: string, unit: StatusValue["unit"]): string {
  const value = Number(text);
  if (unit === "flag") return text === "1" ? "yes" : "no";
  if (unit === "text" || !Number.isFinite(value)) return printable(text);
  if (unit === "bytes") return `${(value / 2 ** 20).toFixed(1)} MiB`;
  if (unit !== "seconds") return text;
  return durationText(value);
}

/** A time in its two greatest units. */
function durationText(seconds: number): string {
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

function json(values: readonly Known[]): string {
  const entries = values.map(({ key, unit, text }) => [key, valueOf(unit, text)]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

function valueOf(unit: StatusValue["unit"], text: string): string | number | boolean {
  if (unit === "flag") return text === "1";
  const value = Number(text);
  return unit === "text" || !Number.isFinite(value) ? text : value;
}

/** Prometheus's text format; texts are the labels of an info metric. */
function prometheus(values: readonly Known[]): string {
  const lines = values.filter(({ unit }) => unit !== "text").flatMap(({ metric, help, text }) => {
    const type = metric.endsWith("_total") ? "counter" : "gauge";
    return [`# HELP ${metric} ${help}`, `# TYPE ${metric} ${type}`, `${metric} ${Number(text)}`];
  });
  const labels = values.filter(({ unit }) => unit === "text").map(({ key, text }) => `${key}=${JSON.stringify(text)}`);
  const info = labels.length === 0 ? [] : [
    "# HELP webfcgi_info The application.",
    "# TYPE webfcgi_info gauge",
    `webfcgi_info{${labels.join(",")}} 1`,
  ];
  return `${[...info, ...lines].join("\n")}\n`;
}
