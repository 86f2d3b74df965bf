/** Runs a real PHP-FPM in the foreground, in a folder of its own that goes when it is stopped; on every runtime. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { sleep } from "../server/scene.ts";

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

const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
const names = ["php-fpm8.2", "php-fpm", "php-fpm8.3", "php-fpm8.4", "php-fpm8.1"];
const program = folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));

/** Whether there is none here: prints why tests are left out, or throws where `CI` is set. */
export function isPhpMissing(): boolean {
  const hasSqlite = program !== undefined &&
    spawnSync(program, ["-m"], { encoding: "utf8" }).stdout.includes("pdo_sqlite");
  if (hasSqlite) return false;
  const missing = program === undefined ? "php-fpm" : "its module pdo_sqlite";
  if (process.env.CI) throw new Error(`Cannot test against PHP: ${missing} is not installed`);
  console.log(`skipped: the tests against PHP-FPM (${missing} is not installed)`);
  return true;
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
  const isRoot = process.getuid?.() === 0;
  const config = join(folder, "php-fpm.conf");
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
  writeFileSync(
    config,
    [
      "[global]",
      `error_log = ${join(folder, "fpm.log")}`,
      `pid = ${join(folder, "fpm.pid")}`,
      "daemonize = no",
      "[www]",
      ...(isRoot ? ["user = root", "group = root"] : []),
      `listen = ${path}`,
      `listen.backlog = ${backlog}`,
      "pm = static",
      `pm.max_children = ${workers}`,
      `pm.max_requests = ${maxRequests}`,
      "clear_env = no",
      ...Object.entries(settings).map(([name, value]) => `php_admin_value[${name}] = ${value}`),
      "",
    ].join("\n"),
  );
  const args = ["-F", "-y", config, "-p", folder, ...(isRoot ? ["-R"] : [])];
  const child = spawn(program!, args, { stdio: "ignore" });
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
