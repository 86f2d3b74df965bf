/** Runs a real PHP-FPM in the foreground, in a folder of its own that goes when it is stopped; on every runtime. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findPhpFpm, isLeftOut } from "../helpers/programs.ts";
import { sleep } from "../helpers/waiting.ts";

/** What of PHP-FPM a test wants otherwise than it is. */
export interface PhpFpmOptions {
  /** How many workers there are. @default {4} */
  readonly workers?: number;
  /** Requests that a worker serves before a new one takes its place. @default {0} */
  readonly maxRequests?: number;
  /** Connections that wait for a worker. @default {511} */
  readonly backlog?: number;
}

/** A PHP-FPM that answers. */
export interface PhpFpm {
  /** Its unix socket. */
  readonly path: string;
  /** The document root, with the scripts of the tests. */
  readonly root: string;
  /** What it has logged so far. */
  log(): string;
  [Symbol.asyncDispose](): Promise<void>;
}

const program = findPhpFpm();

/** Whether there is none here: prints why tests are left out, or throws where `CI` is set. */
export function isPhpMissing(): boolean {
  const hasSqlite = program !== undefined &&
    spawnSync(program, ["-m"], { encoding: "utf8" }).stdout.includes("pdo_sqlite");
  const missing = program === undefined ? "php-fpm" : hasSqlite ? undefined : "its module pdo_sqlite";
  return isLeftOut("the tests against PHP-FPM", missing);
}

/** What a configuration of PHP-FPM is made of. */
export interface PhpFpmConfig extends Required<PhpFpmOptions> {
  /** Takes the configuration and the log. */
  readonly folder: string;
  /** A path, or `address:port`. */
  readonly listen: string;
  /** PHP's own settings by their names. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Writes a configuration and gives back the command that runs PHP-FPM by it, in the foreground. */
export function phpFpmCommand(program: string, config: PhpFpmConfig): string[] {
  const { folder, listen, workers, maxRequests, backlog, settings } = config;
  const isRoot = process.getuid?.() === 0;
  const file = join(folder, "php-fpm.conf");
  const lines = [
    "[global]",
    `error_log = ${join(folder, "fpm.log")}`,
    "daemonize = no",
    "[www]",
    ...(isRoot ? ["user = root", "group = root"] : []),
    `listen = ${listen}`,
    `listen.backlog = ${backlog}`,
    "pm = static",
    `pm.max_children = ${workers}`,
    `pm.max_requests = ${maxRequests}`,
    "clear_env = no",
    ...Object.entries(settings).map(([name, value]) => `php_admin_value[${name}] = ${value}`),
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return [program, "-F", "-y", file, "-p", folder, ...(isRoot ? ["-R"] : [])];
}

/** Starts one with `scripts`, texts by their paths below the document root, and waits until it listens. */
export async function startPhpFpm(
  scripts: Readonly<Record<string, string>>,
  options: PhpFpmOptions = {},
): Promise<PhpFpm> {
  const { workers = 4, maxRequests = 0, backlog = 511 } = options;
  const folder = mkdtempSync(join(tmpdir(), "webfcgi-php-"));
  const root = join(folder, "www");
  for (const name of ["www", "sessions", "uploads"]) mkdirSync(join(folder, name));
  for (const [name, text] of Object.entries(scripts)) {
    mkdirSync(join(root, name, ".."), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const path = join(folder, "php.sock");
  const settings = {
    "session.save_path": join(folder, "sessions"),
    upload_tmp_dir: join(folder, "uploads"),
    sys_temp_dir: folder,
    upload_max_filesize: "64M",
    post_max_size: "80M",
    memory_limit: "256M",
    log_errors: "On",
    display_errors: "Off",
    html_errors: "Off",
    error_reporting: "32767",
  };
  const [command, ...args] = phpFpmCommand(program!, {
    folder,
    listen: path,
    workers,
    maxRequests,
    backlog,
    settings,
  });
  const child = spawn(command!, args, { stdio: "ignore" });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const log = (): string => existsSync(join(folder, "fpm.log")) ? readFileSync(join(folder, "fpm.log"), "utf8") : "";
  const stop = async (): Promise<void> => {
    await end(child, exited);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const deadline = Date.now() + 10_000; !existsSync(path) || !log().includes("ready to handle connections");) {
    if (child.exitCode !== null || Date.now() > deadline) {
      const text = log();
      await stop();
      throw new Error(`Cannot start PHP-FPM: ${text}`);
    }
    await sleep(10);
  }
  return { path, root, log, [Symbol.asyncDispose]: stop };
}

/** Asks it to end, and makes it. */
async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await exited;
  clearTimeout(timer);
}
