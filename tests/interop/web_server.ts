/** Runs a real nginx or Apache in the foreground, in a folder of its own that goes when it is stopped. */

import { findProgram, isFile, isLeftOut } from "../helpers/programs.ts";
import { startForeground, type WebServer } from "./foreground.ts";

export type { WebServer } from "./foreground.ts";

/** The web servers that the tests know. */
export type WebServerKind = "nginx" | "apache";

const executables = { nginx: ["nginx"], apache: ["apache2", "httpd"] } as const;

const apacheModuleFolders = [
  "/usr/lib/apache2/modules",
  "/usr/lib64/httpd/modules",
  "/usr/lib/httpd/modules",
  "/usr/local/apache2/modules",
  "/usr/libexec/apache2",
  "/opt/homebrew/lib/httpd/modules",
];

/** Some systems build one or another of these into the server: those have no file. */
const apacheModules = ["mpm_event", "unixd", "authz_core", "alias", "mime", "setenvif", "proxy", "proxy_fcgi"];

/** The folder of Apache's modules. */
export function findApacheModules(): string | undefined {
  return apacheModuleFolders.find((folder) => isFile(`${folder}/mod_proxy_fcgi.so`));
}

/** Whether the tests of a web server are to be left out: it is not installed. */
export function isMissing(kind: WebServerKind): boolean {
  const missing = findProgram(...executables[kind]) === undefined
    ? kind
    : kind === "apache" && findApacheModules() === undefined
    ? "Apache's mod_proxy_fcgi"
    : undefined;
  return isLeftOut(`the tests behind ${kind}`, missing);
}

/**
 * Starts a web server with directives as they stand inside a `server { }` or `<VirtualHost>`, and waits until it answers.
 *
 * @param site the directives
 * @param files further files for its folder, such as `fastcgi_params`
 */
export async function startWebServer(
  kind: WebServerKind,
  site: string,
  files: Readonly<Record<string, string>> = {},
): Promise<WebServer> {
  const program = findProgram(...executables[kind]);
  if (program === undefined) throw new Error(`Cannot start ${kind}: it is not installed`);
  const frame = await Deno.readTextFile(new URL(`configs/${kind}.conf`, import.meta.url));
  // Somebody else may take the free port before the web server does.
  for (let attempt = 1;; attempt++) {
    try {
      return await start(kind, program, frame, site, files);
    } catch (error) {
      if (attempt === 3 || !/address already in use/i.test(String(error))) throw error;
    }
  }
}

async function start(
  kind: WebServerKind,
  program: string,
  frame: string,
  site: string,
  files: Readonly<Record<string, string>>,
): Promise<WebServer> {
  const port = freePort();
  const run = await Deno.makeTempDir({ prefix: `webfcgi-${kind}-` });
  // Started by root, a web server's workers are another user.
  await Deno.chmod(run, 0o755);
  const modules = findApacheModules();
  const loads = apacheModules.filter((name) => isFile(`${modules}/mod_${name}.so`))
    .map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`);
  const config = frame.replaceAll("@RUN@", run).replaceAll("@PORT@", String(port))
    .replaceAll("@USER@", kind === "nginx" && Deno.uid() === 0 ? "user root;" : "")
    .replaceAll("@MODULES@", loads.join("\n"))
    .replaceAll("@SITE@", () => wholeSite(kind, site, port));
  await Deno.writeTextFile(`${run}/site.conf`, config);
  for (const [name, content] of Object.entries(files)) await Deno.writeTextFile(`${run}/${name}`, content);

  return await startForeground(kind, [
    program,
    ...kind === "nginx"
      ? ["-p", run, "-e", `${run}/error.log`, "-c", `${run}/site.conf`]
      : ["-DFOREGROUND", "-d", run, "-f", `${run}/site.conf`],
  ], { run, port, pidFile: `${run}/${kind}.pid` });
}

/** Puts directives into a server of their own, unless they bring one. */
function wholeSite(kind: WebServerKind, site: string, port: number): string {
  const address = `127.0.0.1:${port}`;
  if (kind === "apache") return `<VirtualHost ${address}>\n${site}\n</VirtualHost>`;
  if (/^ *listen \d+;/m.test(site)) return site.replace(/listen \d+;/, `listen ${address};`);
  return `server {\nlisten ${address};\nserver_name localhost;\n${site}\n}`;
}

/** A TCP port of 127.0.0.1 that nobody listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
