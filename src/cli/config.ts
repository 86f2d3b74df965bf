/** `webfcgi config`: prints a configuration; what is to be done with it goes to standard error. */

import process from "node:process";
import { type ConfigTarget, type StaticFolder, webServerConfig, type WebServerConfigOptions } from "../config.ts";
import type { Arguments } from "./arguments.ts";
import type { CONFIG } from "./commands.ts";
import { errorLine } from "./console.ts";
import { EXIT, messageOf } from "./failure.ts";
import { usage } from "./upstream.ts";

/** Prints a configuration; resolves with the exit code. */
export function configCommand(read: Arguments<typeof CONFIG.options>): number {
  const [target = ""] = read.operands;
  const { files, modules, check, load, text } = write(target as ConfigTarget, readOptions(read));
  process.stdout.write(text);
  for (const { path, placement } of files) errorLine(`${path}: ${placement}`);
  if (modules.length > 0) errorLine(`it needs the modules ${modules.join(", ")}`);
  errorLine(`then: ${[...check, load].join(" && ")}`);
  return EXIT.ok;
}

function write(target: ConfigTarget, options: WebServerConfigOptions): ReturnType<typeof webServerConfig> {
  try {
    return webServerConfig(target, options);
  } catch (error) {
    throw usage("config", messageOf(error));
  }
}

/** What the options ask for. */
export function readOptions({ values }: Arguments<typeof CONFIG.options>): WebServerConfigOptions {
  const { listen, mount, host, upload, header, stream, command, auth } = values;
  const folders = values.static.map(([url, folder]): StaticFolder => ({ url, folder }));
  return {
    ...listen.length > 0 && { listen },
    ...mount !== undefined && { mount },
    ...folders.length > 0 && { static: folders },
    ...host !== undefined && { host },
    ...upload !== undefined && { upload },
    ...header !== undefined && { header },
    ...stream && { stream },
    ...values["trust-proxy"].length > 0 && { trustProxy: values["trust-proxy"] },
    ...values.workers !== undefined && { workers: whole("workers", values.workers) },
    ...command !== undefined && { command },
    ...values.timeout !== undefined && { timeoutSeconds: whole("timeout", values.timeout) },
    ...auth !== undefined && { auth },
  };
}

function whole(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usage("config", `--${option} is ${JSON.stringify(text)}; write a whole number`);
}
