/** `webfcgi doctor`: asks a web server, sees what arrives, and names the lines that mend what is wrong. */

import process from "node:process";
import { type StaticFolder, webServerConfig } from "../config.ts";
import { parseAddress } from "../runtime/address.ts";
import { serve } from "../serve.ts";
import type { Server } from "../server/server.ts";
import { type Arguments, readSize, type Values } from "./arguments.ts";
import type { DOCTOR } from "./commands.ts";
import { outputIsTerminal } from "./console.ts";
import * as bodies from "./doctor/body_checks.ts";
import { type Finding, type Order, Patient, type Result } from "./doctor/finding.ts";
import { Unreachable } from "./doctor/http.ts";
import * as places from "./doctor/place_checks.ts";
import { createProbe, makeToken } from "./doctor/probe.ts";
import { type Report, reportJson, reportText } from "./doctor/report.ts";
import * as requests from "./doctor/request_checks.ts";
import { EXIT, Failure, messageOf } from "./failure.ts";
import { usage } from "./upstream.ts";

type DoctorValues = Values<typeof DOCTOR.options>;
type Check = (patient: Patient) => Result | Promise<Result>;

/** The checks, in the order in which they are made. */
export const CHECKS: Readonly<Record<string, Check>> = {
  "reach": places.reach,
  "socket": places.socket,
  "exposed": places.exposed,
  "url": requests.url,
  "encoded-slash": requests.encodedSlash,
  "host": requests.host,
  "mount": requests.mount,
  "prefix": requests.prefix,
  "https": requests.https,
  "client-address": requests.clientAddress,
  "authorization": requests.authorization,
  "methods": requests.methods,
  "upload": bodies.upload,
  "chunked-upload": bodies.chunkedUpload,
  "request-head": bodies.requestHead,
  "response-head": bodies.responseHead,
  "events": bodies.events,
  "stream": bodies.stream,
  "error-pages": bodies.errorPages,
  "broken": bodies.broken,
  "kept": bodies.kept,
  "gone": bodies.gone,
  "static": places.staticFiles,
  "path-rules": places.pathRules,
  "subrequest": requests.subrequest,
  "slow": bodies.slow,
};
/** What is looked at only if an option says what. */
const ASKED: Readonly<Record<string, (order: Order) => boolean>> = {
  "static": ({ folders }) => folders.length > 0,
  "path-rules": ({ denied }) => denied.length > 0,
  "subrequest": ({ auth }) => auth !== undefined,
  "slow": ({ slowMs }) => slowMs !== undefined,
};

const DEFAULT_LISTEN = "127.0.0.1:9000";

/** Makes all checks and prints what they have found; resolves with the exit code: 0 right, 1 wrong, 3 it cannot look. */
export async function doctorCommand(read: Arguments<typeof DOCTOR.options>): Promise<number> {
  const { json, verbose } = read.values;
  const report = await diagnose(read);
  process.stdout.write(json ? reportJson(report) : reportText(report, verbose, outputIsTerminal()));
  return report.findings.some(({ level }) => level === "wrong") ? EXIT.failed : EXIT.ok;
}

/** Makes the checks. @throws {Failure} If the command line is wrong, or it cannot look. */
export async function diagnose({ values, operands }: Arguments<typeof DOCTOR.options>): Promise<Report> {
  const order = readOrder(values, operands[0] ?? "");
  const only = readOnly(values.only);
  const server = values.token === undefined ? await listen(order, values) : undefined;
  try {
    return await examine(order, only);
  } catch (error) {
    if (error instanceof Unreachable) throw new Failure(EXIT.listen, `Cannot look at ${order.url}: ${error.message}`);
    throw error;
  } finally {
    await server?.close();
  }
}

async function examine(order: Order, only: readonly string[]): Promise<Report> {
  const patient = new Patient(order);
  const findings: Finding[] = [];
  const look = async (check: string): Promise<Finding> => {
    const finding = { check, ...await CHECKS[check]!(patient) };
    findings.push(finding);
    return finding;
  };
  // Where the application is not reached, only why not is of interest.
  if ((await look("reach")).level === "wrong") await look("socket");
  else {
    const names = Object.keys(CHECKS).filter((name) => name !== "reach" && (ASKED[name]?.(order) ?? true));
    for (const name of names) if (only.length === 0 || only.includes(name)) await look(name);
  }
  const { software, server } = patient;
  return { url: order.url.href, software, listen: order.listen, findings, commands: commandsOf(server, order) };
}

/** What checks and loads the web server's configuration. */
function commandsOf(server: Patient["server"], { mount }: Order): readonly string[] {
  if (server === undefined) return [];
  const command = server === "fcgid" ? { command: "/srv/app/dispatch.fcgi" } : {};
  const { check, load } = webServerConfig(server, { ...command, ...mount !== "" && { mount } });
  return [...check.filter((line) => !/^a2en/.test(line)), load];
}

/** Listens in the application's stead. */
async function listen(order: Order, { group, mode, mount }: DoctorValues): Promise<Server> {
  // Assigned before the first request comes.
  let server: Server | undefined = undefined;
  const accepted = (): number => server?.stats().accepted ?? 0;
  const isPath = "path" in parseAddress(order.listen!);
  const forPaths = isPath ? { ...group !== undefined && { group }, ...mode !== undefined && { mode } } : {};
  try {
    server = serve(
      {
        address: order.listen!,
        quiet: true,
        onError: () => undefined,
        ...forPaths,
        ...mount !== undefined && { mount },
      },
      createProbe(order.token, { accepted }),
    );
    await server.ready;
    return server;
  } catch (error) {
    throw new Failure(EXIT.listen, `Cannot look: ${listenFault(order.listen!, error)}`, { cause: error });
  }
}

function listenFault(listen: string, error: unknown): string {
  const { code } = (error as { readonly cause?: { readonly code?: string } }).cause ?? {};
  if (code !== "EADDRINUSE" && !/EADDRINUSE/.test(messageOf(error))) return messageOf(error);
  return `the application listens on ${listen}; stop it for this moment, or start it with webfcgi serve --doctor and ` +
    "give doctor the --token that it prints";
}

function readOrder(values: DoctorValues, text: string): Order {
  const url = readUrl(text);
  const isTls = url.protocol === "https:";
  const listen = values.listen ?? (values.token === undefined ? DEFAULT_LISTEN : undefined);
  try {
    if (listen !== undefined) parseAddress(listen);
  } catch (error) {
    throw usage("doctor", messageOf(error));
  }
  return {
    url,
    site: {
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? isTls ? 443 : 80 : Number(url.port),
      tls: isTls,
      host: url.host,
    },
    token: values.token ?? makeToken(),
    mount: url.pathname.replace(/\/+$/, ""),
    listen,
    folders: values.static.map(([url, folder]): StaticFolder => ({ url, folder })),
    upload: values.upload === undefined ? undefined : readUpload(values.upload),
    denied: values.deny.map((path) => readPath("deny", path)),
    auth: values.auth === undefined ? undefined : readPath("auth", values.auth),
    slowMs: values.slow,
  };
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.search + url.hash === "") return url;
  throw usage(
    "doctor",
    `URL is ${JSON.stringify(text)}; write the application's own, as in http://localhost:8080/app/`,
  );
}

function readUpload(text: string): number {
  try {
    const bytes = readSize(text);
    if (bytes >= 1 && bytes <= 2 ** 30) return bytes;
    throw new Error("write a size up to 1G");
  } catch (error) {
    throw usage("doctor", `--upload is ${JSON.stringify(text)}; ${messageOf(error)}`);
  }
}

function readPath(option: string, path: string): string {
  if (/^\/[\w.~-]/.test(path)) return path;
  throw usage("doctor", `--${option} is ${JSON.stringify(path)}; write a path such as /admin/`);
}

function readOnly(lists: readonly string[]): string[] {
  const names = lists.flatMap((list) => list.split(",")).map((name) => name.trim()).filter((name) => name !== "");
  const unknown = names.find((name) => !Object.hasOwn(CHECKS, name));
  if (unknown === undefined) return names;
  throw usage("doctor", `--only: there is no check ${unknown}; the checks are ${Object.keys(CHECKS).join(", ")}`);
}
