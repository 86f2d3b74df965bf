/** The application as it is served: by itself, or with doctor's probe beside it. */

import process from "node:process";
import type { Handlers } from "../server/roles.ts";
import { errorLine } from "./console.ts";
import { loadApplication } from "./entry.ts";
import type { ServeOrder } from "./serve_options.ts";

/** Tells workers the token: they have one in common. */
const TOKEN = "WEBFCGI_DOCTOR_TOKEN";

/** Loads the application. @throws {Failure} If its module fails, or exports no handler. */
export async function loadServed({ entry, values }: ServeOrder): Promise<Partial<Handlers>> {
  const handlers = await loadApplication(entry);
  const token = process.env[TOKEN];
  if (!values.doctor || token === undefined || handlers.fetch === undefined) return handlers;
  const { withDoctor } = await import("./doctor/probe.ts");
  return { ...handlers, fetch: withDoctor(handlers.fetch, token) };
}

/** Makes a token, unless a parent has. */
export async function prepareDoctor({ values }: Pick<ServeOrder, "values">): Promise<void> {
  if (values.doctor) process.env[TOKEN] ??= (await import("./doctor/probe.ts")).makeToken();
}

/** Says how doctor is asked. */
export function announceDoctor({ values }: Pick<ServeOrder, "values">): void {
  if (values.doctor) errorLine(`for ten minutes: webfcgi doctor URL --token ${process.env[TOKEN]}`);
}
