/** How Apache is told to start the application itself, with mod_fcgid. */

import { anyApache, section, virtualHost } from "./apache.ts";
import { at, type Dialect } from "./dialect.ts";
import type { Site } from "./site.ts";
import { refuse } from "./site.ts";

/** The executable file that mod_fcgid starts. */
function script({ command }: Site): { folder: string; name: string; path: string } {
  const [path = "", ...more] = command;
  const [, folder, name] = /^(\/.+)\/([^/]+)$/.exec(path) ?? [];
  if (more.length > 0 || folder === undefined || name === undefined) {
    const why = "mod_fcgid starts an executable file, which is written in full, as in /srv/app/dispatch.fcgi";
    throw refuse("command", command.join(" "), why);
  }
  return { folder, name, path };
}

function modules({ proxies }: Site): string[] {
  return ["fcgid", ...proxies.length > 0 ? ["remoteip"] : []];
}

export const fcgid: Dialect = {
  title: "mod_fcgid",
  needs: {
    address: (site) => {
      const { path } = script(site);
      const { mount, workers } = site;
      return [
        at("alias", mount === "" ? `Alias / ${path}/` : `Alias ${mount} ${path}`),
        ...workers === undefined ? [] : [at("vhost", `FcgidMaxProcessesPerClass ${workers}`)],
      ];
    },
    mount: [],
    prefix: [],
    static: (site) => anyApache.static(site).filter(({ place }) => place !== "exceptions"),
    host: [],
    https: anyApache.https,
    "client-address": anyApache["client-address"],
    authorization: [at("files", "CGIPassAuth On")],
    "encoded-slash": [...anyApache["encoded-slash"]],
    upload: ({ upload }) => [
      at("vhost", "# Without it uploads above 128 KiB are answered 500.", `FcgidMaxRequestLen ${upload}`),
    ],
    "chunked-upload": [],
    "request-head": anyApache["request-head"],
    "response-head": anyApache["response-head"],
    events: [at("vhost", "# Without it streams and events arrive at their end.", "FcgidOutputBufferSize 0")],
    stream: [at("vhost", "# Without it streams and events arrive at their end.", "FcgidOutputBufferSize 0")],
    kept: "mod_fcgid makes a connection for each request",
    slow: ({ timeoutSeconds }) => [
      at("vhost", `FcgidIOTimeout ${timeoutSeconds}`),
      at("vhost", `FcgidBusyTimeout ${timeoutSeconds}`),
    ],
    subrequest: "Apache has no request that is asked before another",
  },
  frame(site, places) {
    const { folder, name } = script(site);
    const files = ["SetHandler fcgid-script", "Options +ExecCGI", "Require all granted", ...places("files")];
    return virtualHost(site, places("server"), [
      ...places("vhost"),
      section(`Directory ${folder}`, [section(`Files ${name}`, files)]),
      ...places("alias"),
    ]);
  },
  file: ({ name }) => `/etc/apache2/sites-available/${name}.conf`,
  placement: "a file of its own",
  modules,
  check: (site) => anyApache.check(site, modules(site)),
  load: "systemctl reload apache2",
};
