/** The variables of a client and of a request, as a program gives them: their names and types. */

import type { CgiVariables } from "../cgi/request_params.ts";
import { show } from "../options.ts";

const TYPES: { readonly [Name in keyof Required<CgiVariables>]: "string" | "number" | "boolean" | "object" } = {
  scriptName: "string",
  pathInfo: "string",
  documentRoot: "string",
  scriptFilename: "string",
  serverName: "string",
  serverPort: "number",
  serverAddr: "string",
  remoteAddr: "string",
  remotePort: "number",
  serverSoftware: "string",
  serverProtocol: "string",
  https: "boolean",
  params: "object",
};

/** The names of all of them. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(TYPES);

/** @throws {TypeError} If one has a value of another type; `what` begins the message. */
export function checkVariables(what: string, variables: CgiVariables): void {
  for (const name of VARIABLE_NAMES) {
    const value = variables[name as keyof CgiVariables];
    const type = TYPES[name as keyof CgiVariables];
    if (value === undefined || typeof value === type && value !== null) continue;
    throw new TypeError(`${what}: ${name} is ${show(value)}; write ${type === "object" ? "an object" : `a ${type}`}`);
  }
}
