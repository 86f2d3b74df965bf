/** The web-server configurations that the tests run: the documentation's, the Flask page's, and what people write. */

import { webServerConfig, type WebServerConfigOptions } from "../../src/config.ts";
import { block, nginxServer } from "./documentation.ts";
import type { WebServerKind } from "./web_server.ts";

/** A configuration, and what the web server by its nature cannot do with it: each with the reason. */
export interface Site {
  readonly name: string;
  readonly kind: WebServerKind;
  /** The path that the application is served under, `""` at the root. */
  readonly mount: "" | "/fcgi";
  /** Directives for 127.0.0.1:9000 and /srv/app/static/. */
  readonly directives: string;
  readonly cannot: {
    /** Why the application cannot know its mount: `scriptName` is empty then. */
    readonly tellMount?: string;
    /** Why it cannot know its mount when exactly the mount is asked for. */
    readonly tellBareMount?: string;
    /** Why a path with `%2F` never reaches the application. */
    readonly passEncodedSlash?: string;
    /** Why the Authorization header never reaches the application. */
    readonly passAuthorization?: string;
    /** Why the pieces of a response arrive together at its end. */
    readonly stream?: string;
    /** Why the application is not told that the client left while it has nothing to write. */
    readonly tellAbortWhileWaiting?: string;
  };
}

const apacheCannot = {
  tellAbortWhileWaiting: "Apache notices that the client left only when it writes to it",
} as const;

const apacheDefaultsCannot = {
  ...apacheCannot,
  passEncodedSlash: "Apache answers %2F with 404 unless AllowEncodedSlashes says otherwise",
  passAuthorization: "Apache withholds Authorization without CGIPassAuth On",
  stream: "Apache holds a response back without flushpackets=on",
} as const;

const wholePath = "SCRIPT_NAME is the whole path, as at the root";

async function config(name: string, kind: WebServerKind, cannot: Site["cannot"]): Promise<Site> {
  const directives = await Deno.readTextFile(new URL(`configs/${kind}_${name}.conf`, import.meta.url));
  return { name: name.replace("_", " "), kind, mount: name.endsWith("path") ? "/fcgi" : "", directives, cannot };
}

/** README's block. */
const readme: Site = {
  name: 'README.md "Put it behind nginx"',
  kind: "nginx",
  mount: "",
  directives: nginxServer(block("README.md", "Put it behind nginx", "nginx")),
  cannot: {},
};

const files = [{ url: "/static/", folder: "/srv/app/static" }];

/** What `webfcgi config` prints, as far as it stands inside of the web server's own frame. */
function generated(kind: WebServerKind, name: string, options: WebServerConfigOptions): Site {
  const { text } = webServerConfig(kind, options);
  const directives = kind === "nginx" ? nginxServer(text) : text.replaceAll(/^<\/?VirtualHost.*\n/gm, "");
  const mount = options.mount === undefined ? "" : "/fcgi";
  return { name, kind, mount, directives, cannot: kind === "nginx" ? {} : apacheCannot };
}

/** The sites that `webfcgi config` prints. */
const printed: readonly Site[] = [
  generated("nginx", "config at the root", { static: files }),
  generated("nginx", "config under a path", { static: files, mount: "/fcgi" }),
  generated("nginx", "config with everything", {
    static: files,
    upload: "100M",
    header: "32k",
    stream: true,
    trustProxy: "10.0.0.0/8",
    timeoutSeconds: 300,
  }),
  generated("apache", "config at the root", { static: files }),
  generated("apache", "config under a path", { static: files, mount: "/fcgi" }),
];

/** A site that `webfcgi config` prints. */
export function printedSite(kind: WebServerKind, name: string): Site {
  const site = printed.find((site) => site.kind === kind && site.name === name);
  if (!site) throw new Error(`no site of ${kind} is called "${name}"`);
  return site;
}

/** Every configuration to be tried. */
export const sites: readonly Site[] = [
  readme,
  ...printed,
  await config("page_root", "nginx", {}),
  await config("page_path", "nginx", {}),
  await config("plain_root", "nginx", {}),
  await config("plain_path", "nginx", { tellMount: wholePath }),
  await config("unbuffered_path", "nginx", {}),
  await config("page_root", "apache", apacheDefaultsCannot),
  await config("page_path", "apache", {
    ...apacheDefaultsCannot,
    tellBareMount: "SCRIPT_NAME is the whole path and PATH_INFO does not arrive, as at the root",
  }),
  await config("plain_root", "apache", apacheDefaultsCannot),
  await config("plain_path", "apache", { ...apacheDefaultsCannot, tellMount: wholePath }),
];

/** The directives with an application's address and a folder of static files put in. */
export function placeSite(site: Site, addr: { port: number } | { path: string }, staticFolder: string): string {
  const [nginx, apache] = "path" in addr
    ? [`unix:${addr.path}`, `unix:${addr.path}|fcgi://localhost`]
    : [`127.0.0.1:${addr.port}`, `fcgi://127.0.0.1:${addr.port}`];
  return site.directives
    .replaceAll("/srv/app/static/", staticFolder)
    .replaceAll(
      site.kind === "nginx" ? "127.0.0.1:9000" : "fcgi://127.0.0.1:9000",
      site.kind === "nginx" ? nginx : apache,
    );
}

/** The files that a site's directives include. Ours get the harder `fastcgi_params`, that of Debian. */
export async function siteFiles(site: Site): Promise<Record<string, string>> {
  const params = await Deno.readTextFile(new URL("configs/fastcgi_params", import.meta.url));
  const debian = site === readme || printed.includes(site) ? "fastcgi_param HTTP_HOST $host;\n" : "";
  return { fastcgi_params: params + debian };
}
