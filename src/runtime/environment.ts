/** The environment of the process. Never asks for permission: on Deno, unreadable variables count as unset. */

interface Deno {
  readonly version?: { readonly deno?: unknown };
  readonly permissions: { querySync(permission: { name: "env"; variable: string }): { readonly state: string } };
}

/** The value of an environment variable, if it is set and may be read. */
export function readVariable(variable: string): string | undefined {
  const { process } = globalThis as unknown as { process: { env: Readonly<Record<string, string | undefined>> } };
  return mayReadVariable(variable) ? process.env[variable] : undefined;
}

/** Whether an environment variable may be read: always, but on Deno without the permission. */
export function mayReadVariable(variable: string): boolean {
  const { Deno } = globalThis as unknown as { readonly Deno?: Deno };
  return typeof Deno?.version?.deno !== "string" ||
    Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}
