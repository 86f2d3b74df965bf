/**
 * Web servers as Debian's packages set them up, with a configuration of ours put where it says that it belongs: in
 * copies of the packages' own files, which differ from them by paths and ports alone.
 */

import type { ConfigFile, WebServerName } from "../../src/config.ts";
import { findProgram, isFile, isLeftOut } from "../helpers/programs.ts";
import { outputOf } from "../helpers/output_of.ts";
import { startForeground, type WebServer } from "./foreground.ts";
import { findApacheModules, freePort } from "./web_server.ts";

/** What a web server is given. */
export interface Given {
  readonly files: readonly ConfigFile[];
  readonly modules: readonly string[];
  /** The port that is tested: the files' own, or the one that their port 80 becomes. */
  readonly port: number;
}

const programs: Readonly<Record<WebServerName, readonly string[]>> = {
  nginx: ["nginx"],
  apache: ["apache2", "httpd"],
  fcgid: ["apache2", "httpd"],
  lighttpd: ["lighttpd"],
  caddy: ["caddy"],
  haproxy: ["haproxy"],
  h2o: ["h2o"],
};

/** Whether web servers change their user. */
export const isRoot: boolean = Deno.uid() === 0;

/** Whether the tests of a web server are to be left out: it is not installed as Debian has it. */
export function isMissing(server: WebServerName): boolean {
  const needed: readonly string[] = {
    nginx: ["/etc/nginx/nginx.conf"],
    apache: [`${findApacheModules()}/mod_proxy_fcgi.so`],
    fcgid: [`${findApacheModules()}/mod_fcgid.so`],
    lighttpd: ["/etc/lighttpd/lighttpd.conf"],
    caddy: [],
    haproxy: ["/etc/haproxy/haproxy.cfg"],
    h2o: ["/etc/h2o/h2o.conf"],
  }[server];
  const missing = findProgram(...programs[server]) === undefined ? server : needed.find((path) => !isFile(path));
  return isLeftOut(`the tests of ${server}'s configuration`, missing);
}

/** A folder for a run of a web server. Started by root, it may be another user that writes there. */
export async function makeRunFolder(server: string): Promise<string> {
  const run = await Deno.makeTempDir({ prefix: `webfcgi-${server}-` });
  await Deno.chmod(run, 0o777);
  return run;
}

/** Starts a web server and waits until it answers. */
export async function startOnDebian(server: WebServerName, given: Given): Promise<WebServer> {
  const run = await makeRunFolder(server);
  const file = await place(server, run, given);
  const program = findProgram(...programs[server]) ?? server;
  const args: Readonly<Record<WebServerName, readonly string[]>> = {
    nginx: ["-p", run, "-e", `${run}/error.log`, "-c", file, "-g", "daemon off;"],
    apache: ["-DFOREGROUND", "-d", run, "-f", file],
    fcgid: ["-DFOREGROUND", "-d", run, "-f", file],
    lighttpd: ["-D", "-f", file],
    caddy: ["run", "--adapter", "caddyfile", "--config", file],
    haproxy: ["-db", "-f", file],
    h2o: ["--conf", file],
  };
  const env = { HOME: run, XDG_DATA_HOME: run, XDG_CONFIG_HOME: run };
  return await startForeground(server, [program, ...args[server]], { run, port: given.port, env });
}

/** Runs the command that checks a configuration; rejects with what it says. */
export async function checkOnDebian(server: WebServerName, given: Given): Promise<void> {
  const run = await makeRunFolder(server);
  try {
    const file = await place(server, run, given);
    const program = findProgram(...programs[server]) ?? server;
    const args: Readonly<Record<WebServerName, readonly string[]>> = {
      nginx: ["-t", "-q", "-p", run, "-e", `${run}/error.log`, "-c", file],
      apache: ["-t", "-d", run, "-f", file],
      fcgid: ["-t", "-d", run, "-f", file],
      lighttpd: ["-tt", "-f", file],
      caddy: ["validate", "--adapter", "caddyfile", "--config", file],
      haproxy: ["-c", "-f", file],
      h2o: ["--mode", "test", "--conf", file],
    };
    await outputOf([program, ...args[server]], {});
  } finally {
    await Deno.remove(run, { recursive: true });
  }
}

/** Writes a text to where it belongs in a copy of the package's files; gives back the file to start with. */
async function place(server: WebServerName, run: string, { files, modules, port: tested }: Given): Promise<string> {
  const texts = files.map(({ text }) =>
    text.replaceAll(/^( *(?:listen (?:\[::\]:)?|<VirtualHost \*:|:|bind :))80\b/gm, `$1${tested}`)
  );
  const text = texts.at(-1)!;
  // What listens nowhere itself is reached where the package listens.
  const port = text.includes(String(tested)) ? freePort() : tested;
  switch (server) {
    case "nginx":
      return await placeNginx(run, text, tested);
    case "apache":
    case "fcgid":
      return await placeApache(run, texts, tested, modules);
    case "lighttpd":
      return await placeLighttpd(run, text, port);
    case "caddy":
      return await write(run, "Caddyfile", `{\n\tadmin off\n}\n${text}`);
    case "haproxy":
      return await placeHaproxy(run, text);
    case "h2o":
      return await placeH2o(run, text, port);
  }
}

async function write(run: string, name: string, text: string): Promise<string> {
  await Deno.writeTextFile(`${run}/${name}`, text);
  return `${run}/${name}`;
}

/** nginx.conf, the default site and a file in conf.d. */
async function placeNginx(run: string, text: string, port: number): Promise<string> {
  for (const folder of ["conf.d", "sites-enabled"]) await Deno.mkdir(`${run}/${folder}`);
  for (const name of ["fastcgi_params", "mime.types"]) await Deno.copyFile(`/etc/nginx/${name}`, `${run}/${name}`);
  const site = await Deno.readTextFile("/etc/nginx/sites-available/default");
  await write(run, "sites-enabled/default", site.replaceAll(/(listen (?:\[::\]:)?)80\b/g, `$1${port}`));
  await write(run, "conf.d/app.conf", text);
  const frame = await Deno.readTextFile("/etc/nginx/nginx.conf");
  return await write(
    run,
    "nginx.conf",
    frame.replace(/^user .*;/m, isRoot ? "$&" : "")
      .replace(/^include .*modules-enabled.*/m, "")
      .replaceAll("/etc/nginx", run).replaceAll("/var/log/nginx", run).replaceAll("/run/nginx.pid", `${run}/nginx.pid`),
  );
}

const debianModules =
  "access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex " +
  "deflate dir env filter mime mpm_event negotiation reqtimeout setenvif status";
/** What a2enmod enables besides. */
const dependencies: Readonly<Record<string, readonly string[]>> = {
  proxy_fcgi: ["proxy"],
  proxy_balancer: ["proxy", "slotmem_shm"],
  lbmethod_bybusyness: ["proxy", "slotmem_shm", "proxy_balancer"],
};

/** What Debian's package apache2 has: its modules, who is let in, and a default site. */
async function placeApache(
  run: string,
  texts: readonly string[],
  port: number,
  modules: readonly string[],
): Promise<string> {
  const names = [...debianModules.split(" "), ...modules.flatMap((name) => [...dependencies[name] ?? [], name])];
  const folder = findApacheModules();
  await Deno.mkdir(`${run}/html`);
  const loads = [...new Set(names)].filter((name) => isFile(`${folder}/mod_${name}.so`)).map((name) =>
    `LoadModule ${name}_module ${folder}/mod_${name}.so`
  );
  // Started by root, the user and group "nobody" of every system write here.
  await Deno.mkdir(`${run}/fcgid`);
  if (isRoot) await Deno.chown(`${run}/fcgid`, 65_534, 65_534);
  const fcgid = modules.includes("fcgid") ? [`FcgidIPCDir ${run}/fcgid`, `FcgidProcessTableFile ${run}/fcgid_shm`] : [];
  const frame = [
    `ServerRoot ${run}`,
    `DefaultRuntimeDir ${run}`,
    `PidFile ${run}/apache.pid`,
    `ErrorLog ${run}/error.log`,
    `Mutex file:${run} default`,
    "User #65534",
    "Group #65534",
    ...loads,
    ...fcgid,
    "TypesConfig /etc/mime.types",
    "StartServers 1\nServerLimit 2\nThreadsPerChild 25\nMaxRequestWorkers 50",
    "<Directory />\n  Options FollowSymLinks\n  AllowOverride None\n  Require all denied\n</Directory>",
    `<Directory ${run}/html>\n  Options Indexes FollowSymLinks\n  AllowOverride None\n  Require all granted\n</Directory>`,
    'AccessFileName .htaccess\n<FilesMatch "^\\.ht">\n  Require all denied\n</FilesMatch>',
    // Debian reads conf-enabled first, and the default site before ours.
    `Listen ${port}`,
    ...texts.slice(0, -1),
    `<VirtualHost *:${port}>\n  DocumentRoot ${run}/html\n</VirtualHost>`,
    texts.at(-1)!.replaceAll(/^Listen .*/gm, ""),
  ];
  return await write(run, "apache2.conf", frame.join("\n"));
}

/** lighttpd.conf and a file in conf-enabled. */
async function placeLighttpd(run: string, text: string, port: number): Promise<string> {
  await Deno.mkdir(`${run}/conf-enabled`);
  await Deno.mkdir(`${run}/uploads`);
  await Deno.chmod(`${run}/uploads`, 0o777);
  await write(run, "conf-enabled/50-app.conf", text);
  const frame = await Deno.readTextFile("/etc/lighttpd/lighttpd.conf");
  return await write(
    run,
    "lighttpd.conf",
    frame.replace(/^(server\.port\s*= )80$/m, `$1${port}`)
      .replaceAll("/var/log/lighttpd", run).replaceAll("/var/cache/lighttpd", run)
      .replace("/run/lighttpd.pid", `${run}/lighttpd.pid`).replaceAll("/etc/lighttpd", run)
      .replaceAll(/^server\.(?:user|group)name.*/gm, isRoot ? "$&" : ""),
  );
}

/** haproxy.cfg, and behind it our sections. It makes the run's folder its root. */
async function placeHaproxy(run: string, text: string): Promise<string> {
  const frame = await Deno.readTextFile("/etc/haproxy/haproxy.cfg");
  const own = frame.replaceAll(/^\s*(?:log\s+\/dev\/log|stats|daemon).*/gm, "")
    .replaceAll(/^\s*(?:chroot|user|group).*/gm, isRoot ? "$&" : "")
    .replace(/chroot .*/, `chroot ${Deno.realPathSync(run)}/..`);
  return await write(run, "haproxy.cfg", `${own}\n${text}`);
}

/** h2o.conf with our hosts in the place of its own. */
async function placeH2o(run: string, text: string, port: number): Promise<string> {
  const frame = await Deno.readTextFile("/etc/h2o/h2o.conf");
  const own = frame.replace(/^hosts:.*/ms, "")
    .replace(/^user:.*/m, isRoot ? "$&" : "")
    .replace(/^access-log:.*/m, "").replace(/^error-log:.*/m, `error-log: ${run}/error.log`)
    .replace(/^pid-file:.*/m, `pid-file: ${run}/h2o.pid`)
    .replace(/^( +port: )80$/m, `$1${port}`);
  return await write(run, "h2o.conf", own + text);
}
