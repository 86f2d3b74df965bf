/** The options on a program's command line. */

import process from "node:process";

/** What is behind `--name=`; undefined if it is not given. */
export function option(name: string): string | undefined {
  return process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}
