/** How Apache is told, with mod_proxy_fcgi: a file for `sites-available`. */

import { anyApache, folderLines, requestHead, section, siteCommands, siteFiles } from "./apache_site.ts";
import type { ConfigFile } from "./config_file.ts";
import { at, type ConfigLines, type Dialect, type Places } from "./dialect.ts";
import { hostPort, type Site, type SiteAddress } from "./site.ts";

/** A host name has no underscores. */
function hostName({ name }: Site): string {
  return name.replaceAll("_", "-");
}

function url(address: SiteAddress, path: string, label: string): string {
  return "path" in address ? `unix:${address.path}|fcgi://${label}${path}` : `fcgi://${hostPort(address)}${path}`;
}

/** mod_proxy_fcgi silently leaves out a header of more than 16 KiB with its name. */
const MAX_HEADER = 15 * 1024;

/** Excepts the folders from `ProxyPass`, which comes before every `Alias`. */
function folders(site: Site): ConfigLines[] {
  const inside = site.folders.filter(({ url }) => url.startsWith(`${site.mount}/`));
  return [...inside.map(({ url }) => at("VirtualHost", `ProxyPass ${url} !`)), ...folderLines(site)];
}

/** Sends requests to the address, or to a balancer of several. */
function files(site: Site, places: Places): ConfigFile[] {
  const { addresses, mount } = site;
  const name = hostName(site);
  const path = mount === "" ? "/" : "";
  const words = places("ProxyPass");
  const [address, ...more] = addresses;
  const location = places("Location");
  // By default, a machine that does not answer is waited for a minute, and gets no requests for the next one.
  const members = addresses.map((address, index) =>
    ["BalancerMember", url(address, "", `${name}-${index + 1}`), ...words, "connectiontimeout=2", "retry=1"].join(" ")
  );
  const pass = address === undefined || more.length > 0
    ? [
      section(`Proxy balancer://${name}`, [...members, "ProxySet lbmethod=bybusyness"]),
      `ProxyPass ${mount || "/"} balancer://${name}${path}`,
    ]
    : [["ProxyPass", mount || "/", url(address, path, name), ...words].join(" ")];
  return siteFiles(site, places, [
    ...location.length > 0 ? [section(`Location ${mount || "/"}`, location)] : [],
    ...pass,
  ]);
}

function modules({ addresses, proxies }: Site): string[] {
  const balancing = addresses.length > 1 ? ["proxy_balancer", "lbmethod_bybusyness"] : [];
  return ["proxy_fcgi", ...balancing, ...proxies.length > 0 ? ["remoteip"] : []];
}

/** Apache with mod_proxy_fcgi. */
export const apache: Dialect = {
  needs: {
    ...anyApache,
    address: [],
    mount: [at("VirtualHost", 'SetEnvIf Request_URI "^" proxy-fcgi-pathinfo=unescape')],
    prefix: [],
    static: folders,
    host: [],
    authorization: [at("Location", "# Without it the Authorization header is withheld.", "CGIPassAuth On")],
    "request-head": (site) =>
      (site.header ?? 0) > MAX_HEADER ? "Apache passes headers of up to 15k on" : requestHead(site),
    // LimitRequestBody does not hold for mod_proxy_fcgi.
    upload: [],
    "chunked-upload": [],
    events: [at("ProxyPass", "flushpackets=on")],
    stream: [at("ProxyPass", "flushpackets=on")],
    // A POST on a kept connection that a restart is just closing goes to the next address, but without its body.
    kept: ({ addresses }) => addresses.length > 1 ? [] : [at("ProxyPass", "enablereuse=on")],
    subrequest: "mod_proxy_fcgi makes no sub-requests",
    slow: ({ timeoutSeconds }) => [at("ProxyPass", `timeout=${timeoutSeconds}`)],
  },
  files,
  modules,
  check: (site) => siteCommands(site, modules(site)),
  load: "systemctl reload apache2",
};
