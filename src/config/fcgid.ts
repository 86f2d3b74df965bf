/** How Apache is told to start the application itself, with mod_fcgid: a file for `sites-available`. */

import { anyApache, folderLines, requestHead, section, siteCommands, siteFiles } from "./apache_site.ts";
import type { ConfigFile } from "./config_file.ts";
import { at, type ConfigLines, type Dialect, type Places } from "./dialect.ts";
import { refuse, type Site } from "./site.ts";

/** The executable file that mod_fcgid starts. */
function script({ command }: Site): { folder: string; name: string; path: string } {
  const [path = "", ...more] = command;
  const [, folder, name] = /^(\/[\w/.+@~-]+)\/([\w.+@~-]+)$/.exec(path) ?? [];
  if (more.length > 0 || folder === undefined || name === undefined) {
    const why = "mod_fcgid starts an executable file, which is written in full, as in /srv/app/dispatch.fcgi";
    throw refuse("command", command.join(" "), why);
  }
  return { folder, name, path };
}

/** The first `Alias` that fits counts, so the application's comes last. */
function files(site: Site, places: Places): ConfigFile[] {
  const { folder, name, path } = script(site);
  const { mount } = site;
  const lines = ["SetHandler fcgid-script", "Options +ExecCGI", "Require all granted", ...places("Files")];
  return siteFiles(site, places, [
    section(`Directory ${folder}`, [section(`Files ${name}`, lines)]),
    mount === "" ? `Alias / ${path}/` : `Alias ${mount} ${path}`,
  ]);
}

function modules({ proxies }: Site): string[] {
  return ["fcgid", ...proxies.length > 0 ? ["remoteip"] : []];
}

function unbuffered(): ConfigLines[] {
  return [at("VirtualHost", "# Without it streams and events arrive at their end.", "FcgidOutputBufferSize 0")];
}

/** Apache with mod_fcgid. */
export const fcgid: Dialect = {
  needs: {
    ...anyApache,
    address: ({ workers }) => workers === undefined ? [] : [at("VirtualHost", `FcgidMaxProcessesPerClass ${workers}`)],
    mount: [],
    prefix: [],
    static: folderLines,
    host: [],
    authorization: [at("Files", "# Without it the Authorization header is withheld.", "CGIPassAuth On")],
    "request-head": requestHead,
    upload: ({ upload }) => [
      at("VirtualHost", "# Without it uploads above 128 KiB are answered 500.", `FcgidMaxRequestLen ${upload}`),
    ],
    "chunked-upload": [],
    events: unbuffered,
    stream: unbuffered,
    subrequest: "mod_fcgid makes no sub-request that could check; an Authorizer can",
    kept: "mod_fcgid makes a connection for each request",
    slow: ({ timeoutSeconds }) => [
      at("VirtualHost", `FcgidIOTimeout ${timeoutSeconds}`),
      at("VirtualHost", `FcgidBusyTimeout ${timeoutSeconds}`),
    ],
  },
  files,
  modules,
  check: (site) => siteCommands(site, modules(site)),
  load: "systemctl reload apache2",
};
