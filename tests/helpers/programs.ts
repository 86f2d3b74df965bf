/** What is installed, and what listens: for tests that need programs of others. */

import { statSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";

/** System folders that an ordinary user's PATH leaves out come last. */
const folders = [
  ...(process.env.PATH ?? "").split(":"),
  "/usr/sbin",
  "/usr/local/sbin",
  "/usr/local/bin",
  "/opt/homebrew/bin",
];

/** Whether there is a file at a path. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The path of an installed program, by the first of its names that there is. */
export function findProgram(...names: readonly string[]): string | undefined {
  return names.flatMap((name) => folders.map((folder) => `${folder}/${name}`)).find(isFile);
}

/** The path of PHP-FPM, of which each version has a name of its own. */
export function findPhpFpm(): string | undefined {
  return findProgram("php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1");
}

/** The first of some programs that is not installed. */
export function missingOf(...programs: readonly string[]): string | undefined {
  return programs.find((program) => findProgram(program) === undefined);
}

/** Whether tests are to be left out because something is missing: prints that, or throws where `CI` is set. */
export function isLeftOut(tests: string, missing: string | undefined): boolean {
  if (missing === undefined) return false;
  if (process.env.CI) throw new Error(`Cannot run ${tests}: ${missing} is not installed`);
  console.log(`skipped: ${tests} (${missing} is not installed)`);
  return true;
}

/** Whether something takes connections on a port of 127.0.0.1 or at a path. */
export function answers(address: number | string): Promise<boolean> {
  const where = typeof address === "string" ? { path: address } : { host: "127.0.0.1", port: address };
  return new Promise((resolve) => {
    const socket = connect(where);
    const finish = (answered: boolean): void => {
      socket.once("close", () => resolve(answered));
      socket.destroy();
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}
